/**
 * The audit log. Entries about changes are in `flm.db`, written in the transaction of the change. Entries about refused
 * logins are in `usage.db`, written by proxies. Both are bounded, with the oldest rows deleted first. No entry contains
 * a secret.
 */
import type { AuditEntry, AuditRepository } from '../../core/security/ports.ts';
import { auditOf, keptAuditRows, withoutSecrets } from '../audit-rows.ts';
import { integer } from '../rows.ts';
import { auditOfProxies } from './audit-takeover.ts';
import type { Database } from './database.ts';

export class SqliteAuditRepository implements AuditRepository {
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
    // A stable sort, so that entries with the same time keep their order.
    return [...changes, ...refused].sort((a, b) => b.atMs - a.atMs).slice(0, limit);
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

/** Call it inside a write transaction of `db`. */
export function recordAudit(db: Database, entries: readonly AuditEntry[]): void {
  if (entries.length === 0) return;
  for (const entry of entries) {
    db.run(
      'INSERT INTO audit (at, actor, action, subject, before, after) VALUES (?, ?, ?, ?, ?, ?)',
      entry.atMs,
      entry.actor,
      entry.action,
      entry.subject,
      entry.before === undefined ? null : withoutSecrets(entry.before),
      entry.after === undefined ? null : withoutSecrets(entry.after),
    );
  }
  db.run('DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?', keptAuditRows);
}

/** Writes nothing if no entry is that old. */
export function deleteOldAudit(db: Database, beforeMs: number): void {
  const oldest = db.find((row) => integer(row, 'at'), 'SELECT at FROM audit ORDER BY id LIMIT 1');
  if (oldest === undefined || oldest >= beforeMs) return;
  db.write(() => db.run('DELETE FROM audit WHERE at < ?', beforeMs));
}
