/**
 * Keeps the working folder usable: Node starts no worker thread in a folder that was deleted, which happens to a proxy
 * that was started in a temporary folder or in a clone.
 */
import { isMainThread } from 'node:worker_threads';

/** Call before a worker starts. Enters a folder that was made again at the same path, or changes to / if there is none. */
export function enterExistingFolder(): void {
  // The working folder belongs to the process; a thread cannot change it.
  if (!isMainThread) return;
  try {
    // Node remembers the path, so reading it alone does not find that the folder is gone.
    process.chdir(process.cwd());
  } catch {
    process.chdir('/');
  }
}
