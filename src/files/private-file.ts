/** Creates files that SQLite will lock. */
import { accessSync, closeSync, constants, existsSync, openSync } from 'node:fs';

/**
 * Creates an empty file that only this user may read. Returns false if the file exists; throws if it cannot be read and
 * written. A file that exists is never opened here: closing it would drop the locks of this whole process on it
 * (sqlite.org/howtocorrupt.html, section 2.2), and another thread may hold one.
 */
export function createPrivateFile(path: string): boolean {
  if (existsSync(path)) {
    accessSync(path, constants.R_OK | constants.W_OK);
    return false;
  }
  try {
    closeSync(openSync(path, 'wx', 0o600));
    return true;
  } catch (error) {
    // Another process made it first, or it is a link.
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}
