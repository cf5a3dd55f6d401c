/** Lets one process at a time start a proxy of a profile. The lock ends with its process, however it ends. */
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { takeFileLock } from '../files/file-lock.ts';

/** How long to wait before the caller looks again for the proxy of the other process. */
const lookMs = 20;

/** The lock of a profile; undefined, after a moment, if another process has it. `folder` exists. */
export async function startLock(folder: string, profile: string): Promise<Disposable | undefined> {
  let lock: Disposable | undefined;
  try {
    lock = takeFileLock(join(folder, `start-${profile}.lock`));
  } catch {
    // The start itself meets the same obstacle, such as a read-only disk, and reports it.
    return { [Symbol.dispose]: () => {} };
  }
  if (lock === undefined) await setTimeout(lookMs);
  return lock;
}
