/**
 * Copies the audit of changes once from `usage.db`, where flm 0.1.0 kept it, to `flm.db`. Refused logins stay in
 * `usage.db`.
 *
 * The old rows also record key rotations, so keys that 0.1.0 rotated get their family here. If `usage.db` cannot be
 * read, `flm.db` still opens, and the next opening tries again. The old rows are not deleted, so a crash loses nothing.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { auditOfProxies } from './audit-chain.ts';
import type { DatabasePlace } from './sqlite-failure.ts';

/** In WAL mode, reads do not wait for writers. This limit is for a file that is being opened for the first time. */
const busyTimeoutMs = 250;

/** `db` is the open `flm.db`, outside a transaction. Never throws. */
export function takeOverAudit(db: DatabaseSync, place: DatabasePlace): void {
  const isDue = (): boolean => db.prepare("SELECT 1 FROM takeover WHERE name = 'audit'").get() !== undefined;
  try {
    if (!isDue()) return;
    db.exec('BEGIN IMMEDIATE');
    // Another process may have copied them first.
    if (isDue()) copy(db, join(dirname(place.file), 'usage.db'));
    db.exec('COMMIT');
  } catch {
    // A damaged, locked or full file is left unchanged. Code that needs the file reports the problem.
    if (db.isTransaction) db.exec('ROLLBACK');
  }
}

function copy(db: DatabaseSync, file: string): void {
  if (existsSync(file)) {
    const old = new DatabaseSync(file, { readOnly: true, timeout: busyTimeoutMs });
    try {
      copyRows(db, old);
    } finally {
      old.close();
    }
  }
  db.exec("DELETE FROM takeover WHERE name = 'audit'");
}

function copyRows(db: DatabaseSync, old: DatabaseSync): void {
  const insert = db.prepare(
    'INSERT INTO audit (at, actor, action, subject, before, after) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const join = db.prepare('UPDATE api_key SET family_id = ? WHERE coalesce(family_id, id) = ?');
  const familyOf = db.prepare('SELECT coalesce(family_id, id) AS family FROM api_key WHERE id = ?');
  const families = new Map<string, string>();
  const rows = old
    .prepare(
      `SELECT at, actor, action, subject, before, after,
         CASE WHEN action = 'key.rotate' AND json_valid(after) THEN json_extract(after, '$.id') END AS successor
       FROM audit WHERE action NOT IN ${auditOfProxies} ORDER BY id`,
    )
    .iterate();
  for (const { at, actor, action, subject, before, after, successor } of rows) {
    insert.run(at ?? null, actor ?? null, action ?? null, subject ?? null, before ?? null, after ?? null);
    if (typeof successor !== 'string' || typeof subject !== 'string') continue;
    // The first key of the family may be deleted by now; its id still names the family.
    const family = families.get(subject) ?? familyOf.get(subject)?.family ?? subject;
    if (typeof family !== 'string') continue;
    families.set(successor, family);
    join.run(family, successor);
  }
}
