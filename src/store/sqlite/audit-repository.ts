/** The audit in `usage.db`: bounded, the oldest rows go first; no secret gets in. */
import type { AuditEntry, AuditRepository } from '../../core/security/ports.ts';
import { withoutSecrets } from '../audit-secrets.ts';
import type { Database } from './database.ts';
import { integer, type Row, text, textOrNull } from './rows.ts';

const keptRows = 100_000;

export class SqliteAuditRepository implements AuditRepository {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async record(entry: AuditEntry): Promise<void> {
    this.#db.write(() => recordAudit(this.#db, [entry]));
  }

  async list(limit: number): Promise<readonly AuditEntry[]> {
    return this.#db.list(auditOf, 'SELECT * FROM audit ORDER BY id DESC LIMIT ?', limit);
  }
}

/** Inside a write of `db`. */
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
  db.run('DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?', keptRows);
}

function auditOf(row: Row): AuditEntry {
  const before = textOrNull(row, 'before');
  const after = textOrNull(row, 'after');
  return {
    atMs: integer(row, 'at'),
    actor: text(row, 'actor'),
    action: text(row, 'action'),
    subject: text(row, 'subject'),
    ...(before === null ? {} : { before }),
    ...(after === null ? {} : { after }),
  };
}
