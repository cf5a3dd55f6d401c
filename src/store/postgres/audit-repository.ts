/**
 * The audit log. Entries about changes are written in the transaction of the change, and all entries in the order of
 * changes. Entries about refused logins are in a table of their own, written by proxies. Both are bounded, with the
 * oldest rows deleted first. No entry contains a secret.
 */
import type { AuditEntry, AuditRepository } from '../../core/security/ports.ts';
import { auditOf, keptAuditRows, withoutSecrets } from '../audit-rows.ts';
import type { PostgresDatabase } from './database.ts';
import { insertRows } from './insert-rows.ts';
import type { SqlSession } from './sql-session.ts';

export class PostgresAuditRepository implements AuditRepository {
  readonly #db: PostgresDatabase;

  constructor(db: PostgresDatabase) {
    this.#db = db;
  }

  async record(entry: AuditEntry): Promise<void> {
    await this.#db.inOrder((session) => recordAudit(session, [entry]));
  }

  async list(limit: number): Promise<readonly AuditEntry[]> {
    return this.#db.read(async (session) => {
      const changes = await session.list(auditOf, 'SELECT * FROM flm.audit ORDER BY id DESC LIMIT $1', limit);
      const refused = await session.list(
        auditOf,
        'SELECT * FROM flm.refusal ORDER BY id DESC LIMIT $1',
        limit,
      );
      // A stable sort, so that entries with the same time keep their order.
      return [...changes, ...refused].sort((a, b) => b.atMs - a.atMs).slice(0, limit);
    });
  }
}

/**
 * Writes a change and its audit entry, both or neither. `work` returns the number of changed rows; for 0 no entry is
 * written, and the revision stays.
 */
export async function writeChange(
  db: PostgresDatabase,
  audit: AuditEntry | undefined,
  work: (session: SqlSession, revision: number) => Promise<number>,
): Promise<number> {
  const changed = await db.change(async (session, revision) => {
    const rows = await work(session, revision);
    if (rows === 0) return undefined;
    if (audit !== undefined) await recordAudit(session, [audit]);
    return rows;
  });
  return changed ?? 0;
}

/** Call it inside a change, or in the order of changes. */
export async function recordAudit(session: SqlSession, entries: readonly AuditEntry[]): Promise<void> {
  if (entries.length === 0) return;
  const rows = entries.map(({ atMs, actor, action, subject, before, after }) => [
    atMs,
    actor,
    action,
    subject,
    before === undefined ? null : withoutSecrets(before),
    after === undefined ? null : withoutSecrets(after),
  ]);
  await insertRows(session, 'audit', ['at', 'actor', 'action', 'subject', 'before', 'after'], rows);
  await session.run(
    'DELETE FROM flm.audit WHERE id <= (SELECT max(id) FROM flm.audit) - $1::bigint',
    keptAuditRows,
  );
}
