/**
 * Carries over from the current databases to those of a backup what a restore must not undo: revocations, pauses,
 * earlier ends and deletions of keys, ended shares, and the whole audit with its chains.
 *
 * Both folders hold files of the schema of this flm, and nobody else has them open.
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { RowFault } from '../rows.ts';
import { auditOfProxies } from './audit-chain.ts';
import type { Schema } from './schema.ts';
import { storeFailure } from './sqlite-failure.ts';

export interface MergeOptions {
  /** The folder of the backup's databases, which are changed. */
  readonly staged: string;
  /** The folder of the current databases, which are only read. */
  readonly current: string;
  /** The current `usage.db` can be read. */
  readonly usage: boolean;
  /** Ids of deleted keys that the current databases do not list. */
  readonly deletedKeys: readonly string[];
  /** Keys and shares become as they are in the backup. */
  readonly reviveKeys: boolean;
}

export interface MergeReport {
  /** Keys of the backup that stay revoked, paused or ended. */
  readonly stayedRevoked: number;
  readonly stayedDeleted: number;
  /** Shares of the backup that were redeemed or withdrawn since. */
  readonly stayedEnded: number;
  /** Keys that were created after the backup, and are gone. */
  readonly lostKeys: number;
  /** Entries of the current audit. 0: the audit is that of the backup. */
  readonly keptAudit: number;
}

/** Throws a `StoreError` if the current databases cannot be read. */
export function mergeRestored(options: MergeOptions): MergeReport {
  const report = within(options, 'flm.db', (db) => mergeFlm(db, options));
  if (options.usage)
    within(options, 'usage.db', (db) => keepAudit(db, 'refusal_chain', `action IN ${auditOfProxies}`));
  return report;
}

function within<T>(
  { staged, current }: MergeOptions,
  name: Schema['file'],
  work: (db: DatabaseSync) => T,
): T {
  try {
    using db = new DatabaseSync(join(staged, name));
    const url = pathToFileURL(join(current, name));
    url.searchParams.set('mode', 'ro');
    db.prepare('ATTACH ? AS old').run(url.href);
    db.exec('PRAGMA secure_delete = ON; BEGIN IMMEDIATE');
    const result = work(db);
    db.exec('COMMIT');
    return result;
  } catch (error) {
    throw storeFailure(error, { file: join(current, name), backups: join(current, 'backups') });
  }
}

/** A key that was deleted and imported again has another id, and the same secret. */
const sameKey = 'o.id = api_key.id OR o.digest = api_key.digest';
const oldKey = (condition: string): string =>
  `EXISTS (SELECT 1 FROM old.api_key o WHERE (${sameKey}) AND ${condition})`;
const oldValue = (value: string): string =>
  `(SELECT min(${value}) FROM old.api_key o WHERE (${sameKey}) AND ${value} IS NOT NULL)`;

function mergeFlm(db: DatabaseSync, { reviveKeys, deletedKeys }: MergeOptions): MergeReport {
  const fault = db.prepare('PRAGMA old.quick_check(1)').get()?.quick_check;
  if (fault !== 'ok') throw new RowFault(String(fault));
  const changed = (sql: string): number => Number(db.prepare(sql).run().changes);
  const lostKeys = db
    .prepare('SELECT count(*) AS total FROM old.api_key WHERE id NOT IN (SELECT id FROM main.api_key)')
    .get()?.total;
  let [stayedRevoked, stayedDeleted, stayedEnded] = [0, 0, 0];
  if (!reviveKeys) {
    db.exec('CREATE TEMP TABLE gone (id TEXT PRIMARY KEY) STRICT');
    const add = db.prepare('INSERT OR IGNORE INTO gone VALUES (?)');
    for (const id of deletedKeys) add.run(id);
    db.exec(`INSERT OR IGNORE INTO gone SELECT id FROM old.api_key_removed;
      INSERT OR IGNORE INTO gone SELECT subject FROM old.audit WHERE action = 'key.delete';
      DELETE FROM gone WHERE id IN (SELECT id FROM old.api_key)`);
    stayedDeleted = changed('DELETE FROM main.api_key WHERE id IN (SELECT id FROM gone)');
    stayedRevoked = changed(
      `UPDATE main.api_key SET revoked_at = ${oldValue('o.revoked_at')}
       WHERE revoked_at IS NULL AND ${oldKey('o.revoked_at IS NOT NULL')}`,
    );
    stayedRevoked += changed(
      `UPDATE main.api_key SET expires_at = ${oldValue('o.expires_at')}
       WHERE ${oldKey('o.expires_at < coalesce(api_key.expires_at, 9e18)')}`,
    );
    stayedRevoked += changed(
      `UPDATE main.api_key SET paused_at = ${oldValue('o.paused_at')}
       WHERE paused_at IS NULL AND ${oldKey('o.paused_at IS NOT NULL')}`,
    );
    stayedEnded = changed(
      `UPDATE main.share SET (revoked_at, redeemed_at, redeemed_from, key_id) =
         (SELECT o.revoked_at, o.redeemed_at, o.redeemed_from, o.key_id FROM old.share o WHERE o.id = share.id)
       WHERE revoked_at IS NULL AND redeemed_at IS NULL
         AND id IN (SELECT id FROM old.share WHERE revoked_at IS NOT NULL OR redeemed_at IS NOT NULL)`,
    );
    // Shares that ended some time ago are no longer stored.
    stayedEnded += changed(
      `DELETE FROM main.share WHERE revoked_at IS NULL AND redeemed_at IS NULL
         AND id NOT IN (SELECT id FROM old.share)
         AND id IN (SELECT subject FROM old.audit WHERE action IN ('share.revoke', 'share.redeem'))`,
    );
    // A later restore must know these deletions too.
    db.exec(`INSERT OR IGNORE INTO main.api_key_removed (id, revision)
      SELECT id, (SELECT value FROM main.revision WHERE name = 'api_key') FROM gone
      WHERE id NOT IN (SELECT id FROM main.api_key)`);
  }
  const keptAudit = keepAudit(db, 'audit_chain', 'true');
  return { stayedRevoked, stayedDeleted, stayedEnded, lostKeys: Number(lostKeys), keptAudit };
}

/** Replaces the audit of the backup by the current one, if there is one. Returns the number of its entries. */
function keepAudit(db: DatabaseSync, chain: 'audit_chain' | 'refusal_chain', where: string): number {
  const found = db.prepare(`SELECT count(*) AS total FROM old.audit WHERE ${where}`).get()?.total;
  if (found === 0) return 0;
  const columns = sharedColumns(db, 'audit').filter((name) => name !== '"id"');
  db.exec(`DELETE FROM main.audit WHERE ${where};
    INSERT INTO main.audit (${columns.join(', ')})
      SELECT ${columns.join(', ')} FROM old.audit WHERE ${where} ORDER BY id`);
  const state = sharedColumns(db, chain).join(', ');
  db.exec(
    `DELETE FROM main.${chain}; INSERT INTO main.${chain} (${state}) SELECT ${state} FROM old.${chain}`,
  );
  return Number(found);
}

/** A newer flm may have added columns to either file. */
function sharedColumns(db: DatabaseSync, table: string): readonly string[] {
  return db
    .prepare(
      `SELECT name FROM pragma_table_info('${table}', 'main')
       WHERE name IN (SELECT name FROM pragma_table_info('${table}', 'old'))`,
    )
    .all()
    .map(({ name }) => `"${String(name)}"`);
}
