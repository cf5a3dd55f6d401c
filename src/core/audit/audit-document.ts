/** Audit entries and the result of a check, as the admin API shows them. */
import type { AuditChain } from './audit-chain.ts';
import { type AuditSource, auditSource, type StoredAuditEntry } from './audit-query.ts';
import type { ChainFaultKind, ChainVerdict } from './chain-check.ts';

export interface AuditEntryDocument {
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly subjectLabel: string | null;
  readonly before: unknown;
  readonly after: unknown;
  readonly source: AuditSource;
  readonly chain: AuditChain;
  readonly seq: number | null;
  readonly hash: string | null;
}

export interface AuditCheckDocument {
  /** False if an entry of any chain does not fit. */
  readonly ok: boolean;
  readonly chains: readonly {
    readonly chain: AuditChain;
    readonly ok: boolean;
    /** Entries that fit, from the oldest on. */
    readonly entries: number;
    /** The number of the newest entry that was deleted after its retention; 0 for none. */
    readonly deletedThrough: number;
    readonly head: string | null;
    readonly withoutHash: number;
    readonly tooOldHeads: readonly string[];
    /** The first entry that does not fit. */
    readonly fault: {
      readonly kind: ChainFaultKind;
      readonly seq: number;
      readonly entry: Pick<AuditEntryDocument, 'at' | 'actor' | 'action' | 'subject'> | null;
    } | null;
  }[];
}

export function auditEntryDocument(entry: StoredAuditEntry): AuditEntryDocument {
  const { atMs, actor, action, subject, before, after, chain, point } = entry;
  const [old, fresh] = [parsed(before), parsed(after)];
  return {
    at: isoTime(atMs),
    actor,
    action,
    subject,
    // The label at that time. An entry about a request has the label of its key.
    subjectLabel: action.startsWith('key.') ? (labelIn(fresh) ?? labelIn(old)) : null,
    before: old,
    after: fresh,
    source: auditSource(entry),
    chain,
    seq: point?.seq ?? null,
    hash: point?.hash ?? null,
  };
}

export function auditCheckDocument(verdicts: readonly ChainVerdict[]): AuditCheckDocument {
  return {
    ok: verdicts.every(({ fault }) => fault === undefined),
    chains: verdicts.map(({ chain, entries, deletedThrough, head, withoutHash, tooOld, fault }) => ({
      chain,
      ok: fault === undefined,
      entries,
      deletedThrough,
      head: head ?? null,
      withoutHash,
      tooOldHeads: tooOld,
      fault: fault === undefined ? null : faultDocument(fault),
    })),
  };
}

function faultDocument({ kind, seq, entry }: NonNullable<ChainVerdict['fault']>) {
  if (entry === undefined) return { kind, seq, entry: null };
  const { atMs, actor, action, subject } = entry;
  return { kind, seq, entry: { at: isoTime(atMs), actor, action, subject } };
}

/** An edited entry may have a time that no calendar has. */
function isoTime(ms: number): string {
  const time = new Date(ms);
  return Number.isNaN(time.getTime()) ? String(ms) : time.toISOString();
}

function labelIn(state: unknown): string | null {
  const label = typeof state === 'object' && state !== null ? Reflect.get(state, 'label') : undefined;
  return typeof label === 'string' ? label : null;
}

function parsed(state: string | undefined): unknown {
  if (state === undefined) return null;
  try {
    return JSON.parse(state);
  } catch {
    return state;
  }
}
