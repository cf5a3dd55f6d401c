/**
 * Allows one upgrade of an executable at a time: two would share PATH.previous, and neither could then be undone.
 *
 * The lock is a file beside the executable that holds the pid and start time of its process. It appears complete (a
 * link to a written file), so a lock without them is damaged. The lock of a dead process is taken over. Only the holder
 * of a second file removes it: otherwise one of two processes could remove the lock that the other has just made.
 */
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import process from 'node:process';
import { UpgradeError } from '../../core/errors.ts';
import { processStart, processState } from '../../process/process-identity.ts';
import { fileRefusal } from './release-file.ts';
import { temporaryName } from './replace-executable.ts';

/** Locks `target` and returns the function that unlocks it. Throws an error with text for the user. */
export function lockUpgrade(target: string): () => void {
  const lock = join(dirname(target), `.${basename(target)}.upgrade-lock`);
  const takeover = `${lock}.takeover`;
  try {
    if (!create(lock)) {
      if (stateOf(lock) === 'held') throw running(target, lock);
      if (!create(takeover)) throw running(target, takeover);
      try {
        // Another process may have taken the lock over in the meantime. An absent lock is not removed either: a third
        // process could make it now.
        if (stateOf(lock) === 'abandoned') rmSync(lock, { force: true });
        if (!create(lock)) throw running(target, lock);
      } finally {
        rmSync(takeover, { force: true });
      }
    }
  } catch (error) {
    if (error instanceof UpgradeError) throw error;
    throw fileRefusal(error, `to replace ${target}`);
  }
  return () => rmSync(lock, { force: true });
}

/** Returns false if the file exists. */
function create(path: string): boolean {
  const written = join(dirname(path), `${temporaryName()}.lock`);
  try {
    const holder = { pid: process.pid, processStart: processStart(process.pid) };
    // `wx`: never follows a link that another user created.
    writeFileSync(written, `${JSON.stringify(holder)}\n`, { flag: 'wx' });
    linkSync(written, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(written, { force: true });
  }
}

function stateOf(lock: string): 'held' | 'abandoned' | 'absent' {
  let text: string;
  try {
    text = readFileSync(lock, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'absent';
    throw error;
  }
  const [, pid, start] = /^\{"pid":([1-9]\d*),"processStart":"([^"]*)"\}\n$/.exec(text) ?? [];
  if (pid === undefined || start === undefined) return 'abandoned';
  return processState({ pid: Number(pid), processStart: start }) === 'gone' ? 'abandoned' : 'held';
}

function running(target: string, lock: string): UpgradeError {
  return new UpgradeError('UPGRADE_RUNNING', { params: { target, lock } });
}
