/**
 * Migrates a file to the schema of this flm: all missing migrations in one transaction, after a backup.
 *
 *   BEGIN IMMEDIATE   from here on no other process writes or migrates
 *   look again        another process may have migrated the file first
 *   back up           the current content, through a second connection; a new file needs no backup
 *   migrate, COMMIT   any failure, such as a full disk, leaves the file unchanged
 *
 * Each migration records in the file the oldest version that may use the file (`schema_reader`), so a proxy of the
 * previous version continues while its successor migrates. Throws STORE_NEWER for a file that this version may not use.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StoreError } from '../../core/errors.ts';
import type { Schema } from './schema.ts';
import type { DatabasePlace } from './sqlite-failure.ts';

const keptBackups = 5;

export function schemaVersion(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.user_version ?? 0);
}

/**
 * Throws STORE_NEWER for a file of a later version, unless all migrations after the version known here only added
 * things. `found` is the version of the file.
 */
export function refuseNewer(db: DatabaseSync, found: number, known: number, file: string): void {
  if (found > known && oldestReader(db, found) > known)
    throw new StoreError('STORE_NEWER', { params: { file, found, known } });
}

/**
 * Returns the oldest version that may read and write the file. A file that does not record this is only for its own
 * version.
 */
export function oldestReader(db: DatabaseSync, found: number): number {
  const hasTable = db
    .prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_reader'")
    .get();
  if (hasTable === undefined) return found;
  const oldest = db.prepare('SELECT oldest FROM schema_reader').get()?.oldest;
  return typeof oldest === 'number' ? oldest : found;
}

/** Returns the version of the last migration that an older flm cannot work with. */
function oldestFor({ migrations, readableFrom }: Pick<Schema, 'migrations' | 'readableFrom'>): number {
  const breaking = migrations.findLastIndex((migration) => typeof migration !== 'string') + 1;
  return Math.max(breaking, Math.min(readableFrom, migrations.length));
}

/** `nowMs` names the backup. `onMigrate`: see `DatabaseOptions`. */
export function migrate(
  db: DatabaseSync,
  schema: Pick<Schema, 'migrations' | 'readableFrom'>,
  place: DatabasePlace,
  nowMs: number,
  onMigrate: (file: string) => () => void = () => () => {},
): void {
  const { migrations } = schema;
  const known = migrations.length;
  if (schemaVersion(db) >= known) return;
  db.exec('BEGIN IMMEDIATE');
  try {
    const found = schemaVersion(db);
    refuseNewer(db, found, known, place.file);
    // Another process with a newer flm migrated the file first.
    if (found >= known) return void db.exec('ROLLBACK');
    const migrated = found > 0 ? onMigrate(place.file) : () => {};
    if (found > 0 && found < known) backUp(place, found, nowMs);
    for (const migration of migrations.slice(found))
      db.exec(typeof migration === 'string' ? migration : migration.breaking);
    db.exec(`CREATE TABLE IF NOT EXISTS schema_reader (id INTEGER PRIMARY KEY CHECK (id = 1), oldest INTEGER NOT NULL) STRICT;
      INSERT OR REPLACE INTO schema_reader (id, oldest) VALUES (1, ${oldestFor(schema)})`);
    // A pragma takes no bound parameter, and the number is a constant of ours.
    db.exec(`PRAGMA user_version = ${known}`);
    db.exec('COMMIT');
    migrated();
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

/**
 * `backups/flm-v1-20261124T150000000Z.db`, written under another name first so that a partial file is never mistaken
 * for one.
 */
function backUp(place: DatabasePlace, version: number, nowMs: number): void {
  mkdirSync(place.backups, { recursive: true, mode: 0o700 });
  const stem = basename(place.file, '.db');
  const stamp = new Date(nowMs).toISOString().replaceAll(/[-:.]/g, '');
  const target = join(place.backups, `${stem}-v${version}-${stamp}.db`);
  const part = `${target}.part`;
  rmSync(part, { force: true });
  try {
    // VACUUM INTO accepts an empty file. Creating it here makes it private from its first byte.
    const file = openSync(part, 'wx', 0o600);
    try {
      const reader = new DatabaseSync(place.file);
      try {
        reader.prepare('VACUUM INTO ?').run(part);
      } finally {
        reader.close();
      }
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(part, target);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
  const mine = readdirSync(place.backups).filter(
    (name) => name.startsWith(`${stem}-v`) && name.endsWith('.db'),
  );
  const byAge = mine.sort((a, b) => stampOf(a).localeCompare(stampOf(b)));
  for (const name of byAge.slice(0, -keptBackups)) rmSync(join(place.backups, name), { force: true });
}

function stampOf(name: string): string {
  return name.slice(name.lastIndexOf('-') + 1);
}
