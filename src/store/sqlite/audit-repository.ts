/**
 * The audit log. Entries about changes are in `flm.db`, written in the transaction of the change. Entries about refused
 * logins are in `usage.db`, written by proxies. Both are chained by hash and bounded, with the oldest rows deleted first.
 * No entry contains a secret.
 */
import type { AuditHead } from '../../core/audit/audit-chain.ts';
import type { AuditLog } from '../../core/audit/audit-log.ts';
import {
  type AuditQuery,
  matchesAudit,
  newestEntries,
  type StoredAuditEntry,
} from '../../core/audit/audit-query.ts';
import type { ChainVerdict } from '../../core/audit/chain-check.ts';
import type { AuditEntry } from '../../core/security/ports.ts';
import { auditOf, auditPage, storedEntryOf } from '../audit-rows.ts';
import { integer } from '../rows.ts';
import {
  appendAudit,
  auditOfProxies,
  type ChainInFile,
  changesPlace,
  deletePastAudit,
  headOf,
  refusalsPlace,
  verifyChain,
} from './audit-chain.ts';
import type { Database } from './database.ts';

export class SqliteAuditRepository implements AuditLog {
  readonly #flm: Database;
  readonly #usage: Database;

  constructor(flm: Database, usage: Database) {
    this.#flm = flm;
    this.#usage = usage;
  }

  async record(entry: AuditEntry): Promise<void> {
    this.#flm.write(() => recordAudit(this.#flm, [entry]));
  }

  async list(limit: number): Promise<readonly AuditEntry[]> {
    const changes = this.#flm.list(auditOf, 'SELECT * FROM audit ORDER BY id DESC LIMIT ?', limit);
    const ofProxies = `SELECT * FROM audit WHERE action IN ${auditOfProxies} ORDER BY id DESC LIMIT ?`;
    const refused = this.#usage.list(auditOf, ofProxies, limit);
    return newestEntries([changes, refused], limit);
  }

  async find(query: AuditQuery): Promise<readonly StoredAuditEntry[]> {
    const lists = this.#places.map(([db, place]) => db.read(() => matching(db, place, query)));
    return newestEntries(lists, query.limit);
  }

  async heads(): Promise<readonly AuditHead[]> {
    return this.#places.flatMap(([db, place]) => headOf(db, place));
  }

  async verify(heads: readonly AuditHead[] = []): Promise<readonly ChainVerdict[]> {
    return this.#places.map(([db, place]) => db.read(() => verifyChain(db, place, heads)));
  }

  get #places(): readonly (readonly [Database, ChainInFile])[] {
    return [
      [this.#flm, changesPlace],
      [this.#usage, refusalsPlace],
    ];
  }
}

/** The newest matching entries of one file. Entries are in the order of their numbers, not of their times. */
function matching(db: Database, { chain, where }: ChainInFile, query: AuditQuery): StoredAuditEntry[] {
  const sql = `SELECT * FROM audit WHERE id < ? AND ${where} ORDER BY id DESC LIMIT ${auditPage}`;
  const found: StoredAuditEntry[] = [];
  let lastId = Number.MAX_SAFE_INTEGER;
  for (;;) {
    const rows = db.list(storedEntryOf(chain), sql, lastId);
    for (const { id, ...entry } of rows) {
      lastId = id;
      if (!matchesAudit(entry, query)) continue;
      found.push(entry);
      if (found.length === query.limit) return found;
    }
    if (rows.length < auditPage) return found;
  }
}

/**
 * Writes a change and its audit entry, both or neither. `change` returns the number of changed rows; for 0 no entry is
 * written.
 */
export function writeChange(db: Database, audit: AuditEntry | undefined, change: () => number): number {
  return db.write(() => {
    const changed = change();
    if (audit !== undefined && changed > 0) recordAudit(db, [audit]);
    return changed;
  });
}

/** Call it inside a write transaction of `db`, which is `flm.db`. */
export function recordAudit(db: Database, entries: readonly AuditEntry[]): void {
  appendAudit(db, changesPlace, entries);
}

/** Call it inside a write transaction of `db`, which is `usage.db`. */
export function recordRefusals(db: Database, entries: readonly AuditEntry[]): void {
  appendAudit(db, refusalsPlace, entries);
}

/** Deletes old entries of `db`, which is `flm.db`. Writes nothing if no entry is that old. */
export function deleteOldAudit(db: Database, beforeMs: number, nowMs: number): void {
  const oldest = db.find(
    (row) => integer(row, 'at'),
    'SELECT min(at) AS at FROM audit HAVING at IS NOT NULL',
  );
  if (oldest === undefined || oldest >= beforeMs) return;
  db.write(() => deletePastAudit(db, changesPlace, beforeMs, nowMs));
}
