/**
 * Copies `flm.db` and `usage.db` while other processes write them. Both copies show one moment: the snapshots of both
 * files are taken before the first page is copied, that of usage first, so every key that usage names is in the copy.
 *
 * SQLite's own copy function reads through a connection. Opening a database in any other way and closing it would drop
 * the locks of this process (sqlite.org/howtocorrupt.html, section 2.2).
 */
import { join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { createPrivateFile } from '../../files/private-file.ts';
import type { Schema } from './schema.ts';
import { storeFailure } from './sqlite-failure.ts';

type FileName = Schema['file'];

const pagesAtOnce = 1_000;
const busyTimeoutMs = 5_000;

export interface SnapshotOptions {
  /** The data folder, whose files exist and have the schema of this flm. */
  readonly home: string;
  /** An empty private folder. */
  readonly target: string;
  readonly signal: AbortSignal;
}

/** Throws a `StoreError`, or the reason of the signal. */
export async function snapshotFiles({ home, target, signal }: SnapshotOptions): Promise<void> {
  const place = (folder: string, name: FileName) => ({
    file: join(folder, name),
    backups: join(home, 'backups'),
  });
  const open = (name: FileName): DatabaseSync =>
    guarded(place(home, name), () => {
      const db = new DatabaseSync(join(home, name), { readOnly: true, timeout: busyTimeoutMs });
      // The first read takes the snapshot.
      db.exec('BEGIN; SELECT count(*) FROM sqlite_schema;');
      return db;
    });
  using usage = open('usage.db');
  using flm = open('flm.db');
  // The small file first: while it is read, SQLite cannot move new commits into it.
  for (const [name, db] of [
    ['flm.db', flm],
    ['usage.db', usage],
  ] as const) {
    const copy = join(target, name);
    createPrivateFile(copy);
    try {
      await backup(db, copy, {
        rate: pagesAtOnce,
        progress: () => signal.throwIfAborted(),
      });
    } catch (error) {
      signal.throwIfAborted();
      throw storeFailure(error, place(target, name));
    }
    db.exec('COMMIT');
  }
}

/** Makes both files of a folder complete without others, and removes the handles of running proxies. */
export function settleFiles(folder: string): void {
  for (const name of ['flm.db', 'usage.db'] as const)
    guarded({ file: join(folder, name), backups: folder }, () => {
      using db = new DatabaseSync(join(folder, name));
      if (name === 'flm.db') db.exec('PRAGMA secure_delete = ON; DELETE FROM proxy_handle');
      db.exec('PRAGMA journal_mode = DELETE');
    });
}

function guarded<T>(place: { readonly file: string; readonly backups: string }, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw storeFailure(error, place);
  }
}
