/**
 * The ports of the security services: the storage of keys, policy, engines, usage and audit, and the feed of changes.
 *
 * Every method that changes the store takes the audit entry of the change and writes both or neither. Without a change,
 * no entry is written.
 */
import type { EngineRecord, ModelAlias } from '../engine/engine.ts';
import type { Ending } from '../proxy/proxy-handle.ts';
import type { UsageQuery, UsageSlot } from '../usage/usage-report.ts';
import type { ApiKey, KeyState } from './api-key.ts';
import type { SecurityPolicy } from './security-policy.ts';
import type { StoredKeyChange } from './stored-keys.ts';

export interface SecurityRepository {
  /** Throws KEY_INVALID if the id or digest already exists, or if an active key of another family has the label. */
  insertKey(key: ApiKey, audit?: AuditEntry): Promise<void>;
  /** Inserts all keys or none. Throws like `insertKey`. */
  insertKeys(keys: readonly ApiKey[], audit?: readonly AuditEntry[]): Promise<void>;
  listKeys(): Promise<readonly ApiKey[]>;
  /** Only the keys of the page are read whole, so that a page costs about the same among any number of keys. */
  pageKeys(query: KeyPageQuery): Promise<KeyPage>;
  findKey(id: string): Promise<ApiKey | undefined>;
  /** Keys with exactly this label, in any state, oldest first. */
  keysWithLabel(label: string): Promise<readonly ApiKey[]>;
  /** The labels of the keys with these ids; ids without a key are left out. */
  keyLabels(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /**
   * Replaces the row with that id, but a revoked key stays revoked. Throws KEY_NOT_FOUND, or KEY_INVALID if another key
   * has the digest.
   */
  updateKey(key: ApiKey, audit?: AuditEntry): Promise<void>;
  /**
   * Changes all keys of a family that are not revoked, oldest first, all or none. Concurrent changes by others are
   * kept. Returns the changed keys; empty if there are none. Throws KEY_INVALID if a key takes a label, or becomes
   * active with a label, that an active key of another family has at `atMs`.
   */
  changeFamily(
    familyId: string,
    atMs: number,
    change: KeyChange,
    audit?: (changes: readonly ChangedKey[]) => AuditEntry,
  ): Promise<readonly ApiKey[]>;
  /**
   * Inserts `successor` and updates `old`, both or neither. Throws like `insertKey` and `updateKey`, and KEY_INVALID if
   * `old` was revoked meanwhile.
   */
  replaceKey(old: ApiKey, successor: ApiKey, audit?: AuditEntry): Promise<void>;
  /** Returns false if there was none. */
  deleteKey(id: string, audit?: AuditEntry): Promise<boolean>;
  /** The policy for all proxies; the default policy if none was saved. */
  loadPolicy(): Promise<SecurityPolicy>;
  savePolicy(policy: SecurityPolicy, audit?: AuditEntry): Promise<void>;
  /** For each key id, or each of `ids`, when and from where it was last used. */
  lastUsed(ids?: readonly string[]): Promise<ReadonlyMap<string, LastUse>>;
}

/** Keys in the order of their creation; keys that were created at once are in the order of their ids. */
export interface KeyPageQuery {
  readonly descending: boolean;
  /** Only keys that are in this state at `nowMs`. */
  readonly state?: KeyState | undefined;
  readonly nowMs: number;
  /** The id of the last key of the page before. Without such a key, the first page is meant. */
  readonly cursor?: string | undefined;
  readonly limit: number;
}

export interface KeyPage {
  readonly keys: readonly ApiKey[];
  readonly hasMore: boolean;
  /** Keys on all pages. */
  readonly total: number;
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
  /** `apply`: a file of `flm apply` made the change. Absent where the actor says everything. */
  readonly source?: string;
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
  /** The family whose daily limit the request counts against. */
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
  /** Prompt tokens that the engine took from its cache; null if it did not report that. */
  readonly cachedTokens: number | null;
  /** All tokens of the prompt, if the engine reported its cache; otherwise null. */
  readonly promptTokens: number | null;
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
  /** Stored hours, and days for which the hours are past their retention, grouped as requested; in no order. */
  usageSlots(query: UsageQuery): Promise<readonly UsageSlot[]>;
  /** How long usage and audit are kept. */
  retention(): Promise<Retention>;
  setRetention(retention: Retention): Promise<void>;
  /** Combines hours into days, and deletes days and audit entries, when they are past their retention at `nowMs`. */
  applyRetention(nowMs: number): Promise<void>;
}

export interface Retention {
  /** How long usage is kept by the hour; after that it is kept by the day. */
  readonly hourlyDays: number;
  /** How long usage is kept by the day. */
  readonly dailyDays: number;
  readonly auditDays: number;
}

/** Usage of one key family on one UTC day with one model. */
export type FamilyUsage = Omit<UsageRow, 'keyId' | 'familyId'>;

/** Never blocks. Totals are at most 2 s old. */
export interface UsageLedger {
  add(entry: UsageEntry): void;
  /** Tokens of that key family today (UTC), over all proxies. */
  today(familyId: string): number;
  /**
   * The usage of that key family in the last 30 days (UTC), oldest first, at most 2 s old. Undefined while it cannot be
   * read. Never rejects.
   */
  ofFamily(familyId: string): Promise<readonly FamilyUsage[] | undefined>;
}

/** The changes since the last delivery; absent parts did not change. */
export interface StateChange {
  readonly keys?: StoredKeyChange;
  readonly policy?: SecurityPolicy;
  readonly engines?: readonly EngineRecord[];
  readonly aliases?: readonly ModelAlias[];
}

/**
 * Delivers the contents of the store to a running proxy without ever blocking its thread. If the store cannot be read,
 * the last state stays in force and `problem` is called.
 */
export interface StateFeed {
  /** Delivers the whole state before it resolves, and then each change within a second, as one unit. */
  start(listener: StateListener): Promise<void>;
  /**
   * Reads the store now, because another process reports a change. Resolves when everything committed so far is
   * delivered.
   */
  refresh(): Promise<void>;
  close(): Promise<void>;
}

export interface StateListener {
  changed(change: StateChange): void;
  /** A sentence for status and log; undefined when the problem is over. */
  problem(text: string | undefined): void;
  /** True when the state is older than allowed: the keys of the store must be refused until this is called with false. */
  expired(isExpired: boolean): void;
}
