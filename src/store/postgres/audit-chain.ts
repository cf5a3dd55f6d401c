/**
 * The chains of the audit in PostgreSQL. Entries are added under a lock on the row of the chain's state, so that the
 * nodes of a fleet build one chain.
 */
import {
  type AuditChain,
  type AuditHead,
  type ChainedEntry,
  type ChainPoint,
  type ChainState,
  chained,
} from '../../core/audit/audit-chain.ts';
import { ChainCheck, type ChainVerdict } from '../../core/audit/chain-check.ts';
import { type CheckpointReason, checkpointEntry } from '../../core/audit/checkpoint.ts';
import type { AuditEntry } from '../../core/security/ports.ts';
import {
  auditColumns,
  auditOf,
  auditPage,
  chainedEntryOf,
  chainStateOf,
  pastRetention,
  requireState,
  sha256Hex,
  storable,
  tooManyThrough,
  valuesOf,
} from '../audit-rows.ts';
import { integer, text } from '../rows.ts';
import { insertRows } from './insert-rows.ts';
import type { SqlSession } from './sql-session.ts';

export interface ChainPlace {
  readonly chain: AuditChain;
  /** The table of the entries. */
  readonly entries: 'audit' | 'refusal';
  /** The table of the chain's state. */
  readonly state: 'audit_chain' | 'refusal_chain';
}

export const changesPlace: ChainPlace = { chain: 'changes', entries: 'audit', state: 'audit_chain' };
export const refusalsPlace: ChainPlace = { chain: 'refusals', entries: 'refusal', state: 'refusal_chain' };
export const chainPlaces: readonly ChainPlace[] = [changesPlace, refusalsPlace];

const dayMs = 86_400_000;

export async function chainState(session: SqlSession, { chain, state }: ChainPlace): Promise<ChainState> {
  return requireState(chain, await session.find(chainStateOf, `SELECT * FROM flm.${state}`));
}

/** Call it inside a write transaction, which holds the lock until its end. */
export async function lockedState(session: SqlSession, { chain, state }: ChainPlace): Promise<ChainState> {
  return requireState(chain, await session.find(chainStateOf, `SELECT * FROM flm.${state} FOR UPDATE`));
}

/** Returns the entries as they are stored after `head`. */
export function chainedRows(
  { chain }: ChainPlace,
  head: ChainPoint,
  entries: readonly AuditEntry[],
): readonly ChainedEntry[] {
  return chained(sha256Hex, chain, head, entries.map(storable));
}

/** Adds entries, and deletes the oldest ones if there are too many. Call it inside a write transaction. */
export async function appendAudit(
  session: SqlSession,
  place: ChainPlace,
  entries: readonly AuditEntry[],
): Promise<void> {
  const last = entries.at(-1);
  if (last === undefined) return;
  const state = await insertChained(session, place, await lockedState(session, place), entries);
  await deleteTooMany(session, place, state, last.atMs);
}

/** Call it inside the transaction that holds the lock of `state`. */
export async function deleteTooMany(
  session: SqlSession,
  place: ChainPlace,
  state: ChainState,
  atMs: number,
): Promise<void> {
  const through = tooManyThrough(state);
  if (through !== undefined) await deleteThrough(session, place, state, through, 'limit', atMs);
}

/** Deletes entries that are past their retention, and records that. Call it inside a write transaction. */
export async function deletePastAudit(
  session: SqlSession,
  place: ChainPlace,
  beforeMs: number,
  nowMs: number,
): Promise<void> {
  const state = await lockedState(session, place);
  const through = await session.find(
    (row) => (row.seq === null ? undefined : integer(row, 'seq')),
    pastRetention(`flm.${place.entries}`, ['$1', '$2']),
    beforeMs,
    nowMs + dayMs,
  );
  if (through !== undefined) await deleteThrough(session, place, state, through, 'retention', nowMs);
}

/** Gives entries of an older flm their place in the chain. Call it inside a write transaction. */
export async function chainOlderEntries(
  session: SqlSession,
  place: ChainPlace,
  nowMs: number,
): Promise<void> {
  const table = `flm.${place.entries}`;
  const isDue = await session.find(() => true, `SELECT 1 FROM ${table} WHERE seq IS NULL LIMIT 1`);
  if (isDue === undefined) return;
  let { base, head } = await lockedState(session, place);
  let adopted = 0;
  for (;;) {
    const sql = `SELECT * FROM ${table} WHERE seq IS NULL ORDER BY id LIMIT ${auditPage}`;
    const rows = await session.list((row) => ({ id: integer(row, 'id'), entry: auditOf(row) }), sql);
    if (rows.length === 0) break;
    const entries = chained(
      sha256Hex,
      place.chain,
      head,
      rows.map(({ entry }) => entry),
    );
    await session.run(
      `UPDATE ${table} AS old SET seq = given.seq, hash = given.hash
       FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS given (id, seq, hash) WHERE old.id = given.id`,
      rows.map(({ id }) => id),
      entries.map(({ seq }) => seq),
      entries.map(({ hash }) => hash),
    );
    head = entries.at(-1) ?? head;
    adopted += rows.length;
  }
  // Another node may have chained them first.
  if (adopted === 0) return;
  const checkpoint = checkpointEntry(place.chain, 'chained', head, adopted, nowMs);
  await insertChained(session, place, { base, head }, [checkpoint]);
}

/** Call it inside a transaction that reads one snapshot. */
export async function verifyChain(
  session: SqlSession,
  place: ChainPlace,
  heads: readonly AuditHead[],
): Promise<ChainVerdict> {
  const table = `flm.${place.entries}`;
  const check = new ChainCheck(sha256Hex, place.chain, await chainState(session, place), heads);
  const sql = `SELECT * FROM ${table} WHERE seq > $1 ORDER BY seq LIMIT ${auditPage}`;
  let last = Number.MIN_SAFE_INTEGER;
  let isWanted = true;
  while (isWanted) {
    const rows = await session.list(chainedEntryOf, sql, last);
    for (const row of rows) isWanted &&= check.add(row);
    last = rows.at(-1)?.seq ?? last;
    isWanted &&= rows.length === auditPage;
  }
  const counted = `SELECT count(*) AS total FROM ${table} WHERE seq IS NULL`;
  return check.end((await session.find((row) => integer(row, 'total'), counted)) ?? 0);
}

async function insertChained(
  session: SqlSession,
  place: ChainPlace,
  { base, head }: ChainState,
  entries: readonly AuditEntry[],
): Promise<ChainState> {
  const rows = chainedRows(place, head, entries);
  await insertRows(session, place.entries, auditColumns, rows.map(valuesOf));
  const { seq, hash } = rows.at(-1) ?? head;
  await session.run(`UPDATE flm.${place.state} SET head_seq = $1, head_hash = $2`, seq, hash);
  return { base, head: { seq, hash } };
}

async function deleteThrough(
  session: SqlSession,
  place: ChainPlace,
  { base, head }: ChainState,
  through: number,
  reason: CheckpointReason,
  atMs: number,
): Promise<void> {
  const table = `flm.${place.entries}`;
  // In a damaged chain this very entry may be missing.
  const point = await session.find<ChainPoint>(
    (row) => ({ seq: integer(row, 'seq'), hash: text(row, 'hash') }),
    `SELECT seq, hash FROM ${table} WHERE seq >= $1 ORDER BY seq LIMIT 1`,
    through,
  );
  if (point === undefined || point.seq <= base.seq) return;
  await session.run(`DELETE FROM ${table} WHERE seq <= $1`, point.seq);
  await session.run(`UPDATE flm.${place.state} SET base_seq = $1, base_hash = $2`, point.seq, point.hash);
  const checkpoint = checkpointEntry(place.chain, reason, point, point.seq - base.seq, atMs);
  await insertChained(session, place, { base: point, head }, [checkpoint]);
}
