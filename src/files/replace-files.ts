/**
 * Replaces several files and folders of a folder as a whole, however the process ends. A journal lists them before the
 * first one moves: without it nothing has changed, and with it the next opening of the folder completes the move.
 *
 *   HOME/NAME         -> HOME/KEPT/NAME
 *   HOME/STAGED/NAME  -> HOME/NAME
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BackupError } from '../core/errors.ts';
import { takeFileLock } from './file-lock.ts';
import { syncFolderSync } from './sync-folder.ts';

const journalName = 'restore.json';
const lockName = 'restore.lock';

export interface Replacement {
  /** The folder with the new files, below `home` and on its disk. */
  readonly staged: string;
  /** A folder below `home` for the old files. Created here. */
  readonly kept: string;
  /** What the staged folder has. */
  readonly replaced: readonly string[];
  /** What moves away without a successor, such as a write-ahead log. */
  readonly removed: readonly string[];
}

/** Throws RESTORE_RUNNING, or errors of the file system. Call `finishReplacement` if it throws after the journal. */
export function replaceFiles(home: string, replacement: Replacement): void {
  using lock = lockOf(home);
  void lock;
  mkdirSync(join(home, replacement.kept), { recursive: true, mode: 0o700 });
  syncFolderSync(join(home, replacement.staged));
  const part = join(home, `${journalName}.part`);
  writeFileSync(part, JSON.stringify(replacement), { mode: 0o600, flush: true });
  renameSync(part, join(home, journalName));
  syncFolderSync(home);
  move(home, replacement);
}

/** Completes a replacement whose process was killed. Throws RESTORE_RUNNING while one is going on. */
export function finishReplacement(home: string): void {
  if (!existsSync(join(home, journalName))) return;
  using lock = lockOf(home);
  void lock;
  const text = readJournal(home);
  // This module wrote it into a private folder, complete.
  if (text !== undefined) move(home, JSON.parse(text) as Replacement);
}

function lockOf(home: string): Disposable {
  const lock = takeFileLock(join(home, lockName));
  if (lock === undefined) throw new BackupError('RESTORE_RUNNING', { params: { home } });
  return lock;
}

/** Undefined if another process has completed the replacement. */
function readJournal(home: string): string | undefined {
  try {
    return readFileSync(join(home, journalName), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Each step can be repeated: a name that is no longer staged was replaced by an earlier try. */
function move(home: string, { staged, kept, replaced, removed }: Replacement): void {
  const keep = (name: string): void => {
    const [now, old] = [join(home, name), join(home, kept, name)];
    if (existsSync(now) && !existsSync(old)) renameSync(now, old);
  };
  // The new databases must never stand beside an old write-ahead log.
  for (const name of removed) keep(name);
  for (const name of replaced) {
    const next = join(home, staged, name);
    if (!existsSync(next)) continue;
    keep(name);
    renameSync(next, join(home, name));
  }
  for (const folder of [kept, '']) syncFolderSync(join(home, folder));
  rmSync(join(home, journalName));
  syncFolderSync(home);
}
