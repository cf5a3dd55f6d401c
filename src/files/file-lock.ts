/**
 * A lock on a file that ends with its process, however it ends. SQLite takes it, because Node cannot lock files. The file
 * stays empty.
 */
import { DatabaseSync } from 'node:sqlite';
import { createPrivateFile } from './private-file.ts';

/** Returns undefined if another process, or another part of this one, holds the lock. */
export function takeFileLock(path: string): Disposable | undefined {
  // Created here, so that the file is private with every umask.
  createPrivateFile(path);
  const db = new DatabaseSync(path, { timeout: 0 });
  try {
    // Nothing is ever written, so there is nothing to roll back. Locking therefore works on a full disk too.
    db.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    // SQLITE_BUSY
    if (error instanceof Error && 'errcode' in error && error.errcode === 5) return undefined;
    throw error;
  }
  return { [Symbol.dispose]: () => db.close() };
}
