/**
 * The chains of the audit in SQLite: `flm.db` holds the one of changes, `usage.db` the one of refused logins. A chain's
 * state is a row of its own, so deleted newest entries show even without a head from outside.
 */
import type { SQLInputValue } from 'node:sqlite';
import {
  type AuditChain,
  type AuditHead,
  type ChainPoint,
  type ChainState,
  chained,
} from '../../core/audit/audit-chain.ts';
import { ChainCheck, type ChainVerdict } from '../../core/audit/chain-check.ts';
import { type CheckpointReason, checkpointAction, checkpointEntry } from '../../core/audit/checkpoint.ts';
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
import { integer, type Row, text } from '../rows.ts';

/** Statements of one file, inside or outside of a transaction. */
export interface Statements {
  list<T>(read: (row: Row) => T, sql: string, ...values: SQLInputValue[]): T[];
  find<T>(read: (row: Row) => T, sql: string, ...values: SQLInputValue[]): T | undefined;
  run(sql: string, ...values: SQLInputValue[]): number;
}

export interface ChainInFile {
  readonly chain: AuditChain;
  /** The table of the chain's state. */
  readonly state: string;
  /** Selects the entries of the chain: `usage.db` may also hold entries that 0.1.0 wrote about changes. */
  readonly where: string;
}

/** Actions that are in `usage.db`. All other entries there were copied to `flm.db`. */
export const auditOfProxies = `('auth.refused', 'audit.dropped', '${checkpointAction}')`;

export const changesPlace: ChainInFile = { chain: 'changes', state: 'audit_chain', where: 'true' };
export const refusalsPlace: ChainInFile = {
  chain: 'refusals',
  state: 'refusal_chain',
  where: `action IN ${auditOfProxies}`,
};

const dayMs = 86_400_000;

function chainState(db: Statements, { chain, state }: ChainInFile): ChainState {
  return requireState(chain, db.find(chainStateOf, `SELECT * FROM ${state}`));
}

/** The head of the chain, if it has entries. */
export function headOf(db: Statements, place: ChainInFile): readonly AuditHead[] {
  const { head } = chainState(db, place);
  return head.seq === 0 ? [] : [{ chain: place.chain, ...head }];
}

/** Adds entries, and deletes the oldest ones if there are too many. Call it inside a write transaction. */
export function appendAudit(db: Statements, place: ChainInFile, entries: readonly AuditEntry[]): void {
  const last = entries.at(-1);
  if (last === undefined) return;
  const { base, head } = insertChained(db, place, chainState(db, place), entries);
  const through = tooManyThrough({ base, head });
  if (through !== undefined) deleteThrough(db, place, through, 'limit', last.atMs);
}

/** Deletes entries that are past their retention, and records that. Call it inside a write transaction. */
export function deletePastAudit(db: Statements, place: ChainInFile, beforeMs: number, nowMs: number): void {
  const through = db.find(
    (row) => (row.seq === null ? undefined : integer(row, 'seq')),
    pastRetention('audit', ['?1', '?2']),
    beforeMs,
    nowMs + dayMs,
  );
  if (through !== undefined) deleteThrough(db, place, through, 'retention', nowMs);
}

/** Gives entries of an older flm their place in the chain. Call it inside a write transaction. */
export function chainOlderEntries(db: Statements, place: ChainInFile, nowMs: number): void {
  let { base, head } = chainState(db, place);
  let adopted = 0;
  for (;;) {
    const sql = `SELECT * FROM audit WHERE seq IS NULL AND ${place.where} ORDER BY id LIMIT ${auditPage}`;
    const rows = db.list((row) => ({ id: integer(row, 'id'), entry: auditOf(row) }), sql);
    if (rows.length === 0) break;
    const entries = chained(
      sha256Hex,
      place.chain,
      head,
      rows.map(({ entry }) => entry),
    );
    for (const [i, { seq, hash }] of entries.entries())
      db.run('UPDATE audit SET seq = ?, hash = ? WHERE id = ?', seq, hash, rows[i]?.id ?? null);
    head = entries.at(-1) ?? head;
    adopted += rows.length;
  }
  if (adopted === 0) return;
  insertChained(db, place, { base, head }, [checkpointEntry(place.chain, 'chained', head, adopted, nowMs)]);
}

export function hasOlderEntries(db: Statements, { where }: ChainInFile): boolean {
  return db.find(() => true, `SELECT 1 FROM audit WHERE seq IS NULL AND ${where} LIMIT 1`) ?? false;
}

/** Call it inside a read transaction. */
export function verifyChain(db: Statements, place: ChainInFile, heads: readonly AuditHead[]): ChainVerdict {
  const { chain, where } = place;
  const check = new ChainCheck(sha256Hex, chain, chainState(db, place), heads);
  const sql = `SELECT * FROM audit WHERE seq > ? AND ${where} ORDER BY seq LIMIT ${auditPage}`;
  let last = Number.MIN_SAFE_INTEGER;
  let isWanted = true;
  while (isWanted) {
    const rows = db.list(chainedEntryOf, sql, last);
    for (const row of rows) isWanted &&= check.add(row);
    last = rows.at(-1)?.seq ?? last;
    isWanted &&= rows.length === auditPage;
  }
  const counted = `SELECT count(*) AS total FROM audit WHERE seq IS NULL AND ${where}`;
  return check.end(db.find((row) => integer(row, 'total'), counted) ?? 0);
}

function insertChained(
  db: Statements,
  { chain, state }: ChainInFile,
  { base, head }: ChainState,
  entries: readonly AuditEntry[],
): ChainState {
  const rows = chained(sha256Hex, chain, head, entries.map(storable));
  const sql = `INSERT INTO audit (${auditColumns.join(', ')}) VALUES (${auditColumns.map(() => '?').join(', ')})`;
  for (const row of rows) db.run(sql, ...valuesOf(row));
  const { seq, hash } = rows.at(-1) ?? head;
  db.run(`UPDATE ${state} SET head_seq = ?, head_hash = ?`, seq, hash);
  return { base, head: { seq, hash } };
}

function deleteThrough(
  db: Statements,
  place: ChainInFile,
  through: number,
  reason: CheckpointReason,
  atMs: number,
): void {
  const { base, head } = chainState(db, place);
  // In a damaged chain this very entry may be missing.
  const sql = `SELECT seq, hash FROM audit WHERE seq >= ? AND ${place.where} ORDER BY seq LIMIT 1`;
  const point = db.find<ChainPoint>(
    (row) => ({ seq: integer(row, 'seq'), hash: text(row, 'hash') }),
    sql,
    through,
  );
  if (point === undefined || point.seq <= base.seq) return;
  db.run(`DELETE FROM audit WHERE seq <= ? AND ${place.where}`, point.seq);
  db.run(`UPDATE ${place.state} SET base_seq = ?, base_hash = ?`, point.seq, point.hash);
  const checkpoint = checkpointEntry(place.chain, reason, point, point.seq - base.seq, atMs);
  insertChained(db, place, { base: point, head }, [checkpoint]);
}
