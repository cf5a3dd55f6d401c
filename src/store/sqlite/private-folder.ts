/**
 * Makes the data folder and looks whether it can be trusted: it holds keys' digests, engines' secrets and sockets, so it
 * must be this user's alone. Nothing is changed on a folder that exists: it may be somebody's home, named by mistake.
 */
import { mkdirSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { StoreError } from '../../core/errors.ts';
import { folderFault, makeWithParents } from '../../core/private-folder.ts';

/** Throws HOME_UNSAFE. */
export function privateFolder(folder: string): void {
  const unsafe = (reason: string, cause?: unknown): StoreError =>
    new StoreError('HOME_UNSAFE', { params: { folder, reason }, cause });
  let stat: Stats;
  try {
    makeWithParents(folder, (path) => mkdirSync(path, 0o700), dirname);
    stat = statSync(folder);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
    throw unsafe(`it cannot be made (${code})`, cause);
  }
  const { uid, mode } = stat;
  const fault = folderFault({ isFolder: stat.isDirectory(), uid, mode }, process.getuid?.());
  if (fault !== undefined) throw unsafe(fault);
}
