/**
 * The ports of the security services: the storage of keys, policy, engines, usage and audit, and the feed of changes.
 *
 * Every method that changes something takes the audit entry of the change and writes both or neither. Where nothing
 * changed, the entry is not written.
 */
import type { EngineRecord, ModelAlias } from '../engine/engine.ts';
import type { Ending } from '../proxy/proxy-handle.ts';
import type { UsageQuery, UsageSlot } from '../usage/usage-report.ts';
import type { ApiKey } from './api-key.ts';
import type { SecurityPolicy } from './security-policy.ts';

export interface SecurityRepository {
  /** Throws KEY_INVALID where id or digest exists already, or an active key of another family has the label. */
  insertKey(key: ApiKey, audit?: AuditEntry): Promise<void>;
  listKeys(): Promise<readonly ApiKey[]>;
  findKey(id: string): Promise<ApiKey | undefined>;
  /**
   * Replaces the row of that id, but a revoked key stays revoked; throws KEY_NOT_FOUND, KEY_INVALID for a digest of
   * another.
   */
  updateKey(key: ApiKey, audit?: AuditEntry): Promise<void>;
  /**
   * Changes every key of a family that is not revoked, oldest first, all or none; what others write meanwhile is not
   * lost. Returns them as they are now; empty where there is none. Throws KEY_INVALID where a key takes a label, or
   * becomes active with one, that an active key of another family has at `atMs`.
   */
  changeFamily(
    familyId: string,
    atMs: number,
    change: KeyChange,
    audit?: (changes: readonly ChangedKey[]) => AuditEntry,
  ): Promise<readonly ApiKey[]>;
  /**
   * Inserts `successor` and updates `old`, both or neither. Throws like `insertKey` and `updateKey`, and KEY_INVALID
   * where somebody revoked `old` meanwhile.
   */
  replaceKey(old: ApiKey, successor: ApiKey, audit?: AuditEntry): Promise<void>;
  /** False where there was none. */
  deleteKey(id: string, audit?: AuditEntry): Promise<boolean>;
  /** The policy in force for all proxies; the default one where none was saved. */
  loadPolicy(): Promise<SecurityPolicy>;
  savePolicy(policy: SecurityPolicy, audit?: AuditEntry): Promise<void>;
  /** Key id to when and from where it was last used. */
  lastUsed(): Promise<ReadonlyMap<string, LastUse>>;
}

export type KeyChange = (key: ApiKey) => ApiKey;

export interface ChangedKey {
  readonly before: ApiKey;
  readonly after: ApiKey;
}

export interface LastUse {
  readonly atMs: number;
  readonly address: string;
}

/** One change with its actor. `before` and `after` are JSON without secrets. */
export interface AuditEntry {
  readonly atMs: number;
  /** `cli:USER`, `proxy:ID`. */
  readonly actor: string;
  /** `key.create`, `policy.set`, `proxy.start`, `auth.refused` ... */
  readonly action: string;
  readonly subject: string;
  readonly before?: string;
  readonly after?: string;
}

export interface AuditRepository {
  /** Records an action that is not a change of the store, such as a start or a stop. */
  record(entry: AuditEntry): Promise<void>;
  /** Newest first, refused logins included. */
  list(limit: number): Promise<readonly AuditEntry[]>;
}

/** One finished request, as usage counts it. */
export interface UsageEntry {
  readonly keyId: string;
  /** Whose daily limit it counts against. */
  readonly familyId: string;
  readonly model: string;
  readonly engine: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** The engine reported no usage; the numbers are flm's estimate. */
  readonly estimated: boolean;
  readonly atMs: number;
  readonly address: string;
  readonly ending: Ending;
  /** An engine answered, or tokens were charged. Other requests count in the hours only, not in `listUsage`. */
  readonly answered: boolean;
  /** From the request's first byte to the response's; null without a response. */
  readonly firstByteMs: number | null;
  readonly durationMs: number;
}

export interface UsageRow {
  /** UTC day, `2026-11-24`. */
  readonly day: string;
  readonly keyId: string;
  readonly familyId: string;
  readonly model: string;
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Requests whose tokens are estimates. */
  readonly estimatedRequests: number;
}

export interface UsageRepository {
  /** Adds to the rows of their day, in one transaction. */
  addUsage(entries: readonly UsageEntry[]): Promise<void>;
  /** Rows from `fromDay` on (inclusive), oldest first. */
  listUsage(fromDay: string): Promise<readonly UsageRow[]>;
  /** Stored hours, and days where the hours are past their retention, grouped as asked; in no order. */
  usageSlots(query: UsageQuery): Promise<readonly UsageSlot[]>;
  /** How long usage and audit are kept. */
  retention(): Promise<Retention>;
  setRetention(retention: Retention): Promise<void>;
  /** Adds up the hours, and deletes the days and refused logins, that are past their retention at `nowMs`. */
  applyRetention(nowMs: number): Promise<void>;
}

export interface Retention {
  /** Usage by the hour; afterwards by the day. */
  readonly hourlyDays: number;
  /** Usage by the day. */
  readonly dailyDays: number;
  readonly auditDays: number;
}

/** Never blocks; totals are at most 2 s stale. */
export interface UsageLedger {
  add(entry: UsageEntry): void;
  /** Tokens of that family of keys today (UTC), over all proxies. */
  today(familyId: string): number;
}

/** The changes since the last delivery; absent parts did not change. */
export interface StateChange {
  /** `replaceAll`: forget every earlier key first. */
  readonly keys?: {
    readonly replaceAll: boolean;
    readonly upserted: readonly ApiKey[];
    readonly removedIds: readonly string[];
  };
  readonly policy?: SecurityPolicy;
  readonly engines?: readonly EngineRecord[];
  readonly aliases?: readonly ModelAlias[];
}

/**
 * Brings what the store holds to a running proxy, without ever blocking its thread.
 * A store that cannot be read keeps the last state in force and is reported through `problem`.
 */
export interface StateFeed {
  /** Delivers the whole state before it resolves, and then each change within a second, as one unit. */
  start(listener: StateListener): Promise<void>;
  /** Look now: another process says that something changed. Resolves when what was committed by then is delivered. */
  refresh(): Promise<void>;
  close(): Promise<void>;
}

export interface StateListener {
  changed(change: StateChange): void;
  /** A sentence for status and log; undefined when all is well again. */
  problem(text: string | undefined): void;
}
