/**
 * Makes a folder for sockets and logs and looks whether it is this user's alone. A folder that exists is not changed.
 */
import { lstatSync, mkdirSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { ProxyError } from '../core/errors.ts';
import { folderFault, makeWithParents } from '../core/private-folder.ts';

/**
 * Throws HOME_UNSAFE. A link counts as the folder that it leads to, unless `noLink`: in a temporary folder that all
 * users share, anybody could have laid the link.
 */
export function privateFolder(folder: string, options: { readonly noLink?: boolean } = {}): void {
  const unsafe = (reason: string, cause?: unknown): ProxyError =>
    new ProxyError('HOME_UNSAFE', { params: { folder, reason }, cause });
  let stat: Stats;
  try {
    makeWithParents(folder, (path) => mkdirSync(path, 0o700), dirname);
    stat = options.noLink === true ? lstatSync(folder) : statSync(folder);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
    throw unsafe(`it cannot be made (${code})`, cause);
  }
  const { uid, mode } = stat;
  const fault = folderFault({ isFolder: stat.isDirectory(), uid, mode }, process.getuid?.());
  if (fault !== undefined) throw unsafe(fault);
}
