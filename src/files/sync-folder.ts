/**
 * Makes a new or renamed file of a folder survive a power failure. Not every system can open a folder, and not every file
 * system can flush one; then the names are as durable as it makes them.
 */
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';

export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => {});
  await handle?.close();
}

/** Blocks: for commands, and for the start of a proxy. */
export function syncFolderSync(folder: string): void {
  let handle: number;
  try {
    handle = openSync(folder, 'r');
  } catch {
    return;
  }
  try {
    fsyncSync(handle);
  } catch {
    // The file system does not support it.
  } finally {
    closeSync(handle);
  }
}
