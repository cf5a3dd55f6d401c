/** Audit entries as both databases store them, chained by hash. No entry contains a secret. */
import { hash } from 'node:crypto';
import type { AuditChain, ChainedEntry, ChainPoint, ChainState } from '../core/audit/audit-chain.ts';
import type { StoredAuditEntry } from '../core/audit/audit-query.ts';
import type { AuditEntry } from '../core/security/ports.ts';
import { integer, type Row, RowFault, text, textOrNull } from './rows.ts';

/** Entries of a chain that are kept. One more, and the oldest hundredth is deleted. */
export const keptAuditRows = 100_000;
const deletedAtOnce = keptAuditRows / 100;

/** The columns of an entry. The database numbers its rows itself. */
export const auditColumns = [
  'at',
  'actor',
  'action',
  'subject',
  'before',
  'after',
  'source',
  'seq',
  'hash',
] as const;

/** The only row of a chain's table. */
export const chainColumns = ['id', 'base_seq', 'base_hash', 'head_seq', 'head_hash'] as const;

/** Entries that are read at once. */
export const auditPage = 1_000;

export const sha256Hex = (text: string): string => hash('sha256', text, 'hex');

export function auditOf(row: Row): AuditEntry {
  const before = textOrNull(row, 'before');
  const after = textOrNull(row, 'after');
  const source = textOrNull(row, 'source');
  return {
    atMs: integer(row, 'at'),
    actor: text(row, 'actor'),
    action: text(row, 'action'),
    subject: text(row, 'subject'),
    ...(before === null ? {} : { before }),
    ...(after === null ? {} : { after }),
    ...(source === null ? {} : { source }),
  };
}

export function chainedEntryOf(row: Row): ChainedEntry {
  return { ...auditOf(row), seq: integer(row, 'seq'), hash: textOrNull(row, 'hash') ?? '' };
}

export function storedEntryOf(chain: AuditChain): (row: Row) => StoredAuditEntry & { readonly id: number } {
  return (row) => {
    const point = row.seq === null ? {} : { point: { seq: integer(row, 'seq'), hash: text(row, 'hash') } };
    return { ...auditOf(row), chain, ...point, id: integer(row, 'id') };
  };
}

export function chainStateOf(row: Row): ChainState {
  const point = (name: 'base' | 'head'): ChainPoint => ({
    seq: integer(row, `${name}_seq`),
    hash: text(row, `${name}_hash`),
  });
  return { base: point('base'), head: point('head') };
}

/** Throws a `RowFault` if the row of the chain's state is gone. */
export function requireState(chain: AuditChain, state: ChainState | undefined): ChainState {
  if (state === undefined) throw new RowFault(`the chain of the audit (${chain}) has no head`);
  return state;
}

export function valuesOf(entry: ChainedEntry): readonly (string | number | null)[] {
  const { atMs, actor, action, subject, before = null, after = null, source = null, seq, hash } = entry;
  return [atMs, actor, action, subject, before, after, source, seq, hash];
}

/** Returns the entry as it is stored: without secrets. */
export function storable(entry: AuditEntry): AuditEntry {
  const { before, after, ...rest } = entry;
  return {
    ...rest,
    ...(before === undefined ? {} : { before: withoutSecrets(before) }),
    ...(after === undefined ? {} : { after: withoutSecrets(after) }),
  };
}

/** Returns the number up to which entries are too many, or undefined if none is. */
export function tooManyThrough({ base, head }: ChainState): number | undefined {
  return head.seq - base.seq > keptAuditRows ? head.seq - keptAuditRows + deletedAtOnce : undefined;
}

/**
 * SQL for the number of the newest entry that is past its retention, without a gap from the oldest on: a chain is only
 * shortened at its beginning. An entry that a wrong clock dated into the future does not keep the entries before it.
 */
export function pastRetention(table: string, [beforeMs, futureMs]: readonly [string, string]): string {
  return `SELECT max(seq) AS seq FROM ${table} WHERE at < ${beforeMs} AND seq < coalesce(
    (SELECT min(seq) FROM ${table} WHERE at >= ${beforeMs} AND at <= ${futureMs}), ${Number.MAX_SAFE_INTEGER})`;
}

/** Matches API keys of flm anywhere in a text. */
const issuedKey = /flm_[0-9A-Za-z]{20,}/g;
const secretField = /secret|password|token$|^digest$|^authorization$|^nonce$/i;
const hidden = '[not kept]';

/** `state` is JSON as `AuditEntry` has it; other text is cleaned as text. */
export function withoutSecrets(state: string): string {
  let value: unknown;
  try {
    value = JSON.parse(state);
  } catch {
    return state.replaceAll(issuedKey, hidden);
  }
  return JSON.stringify(value, (field, part: unknown) => {
    if (typeof part === 'string')
      return secretField.test(field) ? hidden : part.replaceAll(issuedKey, hidden);
    // An engine's secret that was given as a value.
    if (typeof part === 'object' && part !== null && 'from' in part && part.from === 'value')
      return { from: 'value' };
    return part;
  });
}
