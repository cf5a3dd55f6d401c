/**
 * Folders for secrets, databases, logs and sockets: only this user may enter them.
 *
 * A missing folder is made with mode 0700. An existing folder is checked and never changed, because FLM_HOME may name
 * somebody's home folder by mistake.
 */
import { lstatSync, mkdirSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { ProxyError, StoreError } from '../core/errors.ts';
import { shellWord } from '../core/shell-word.ts';
import { codeOf, dataFolderAdvice, systemRefusal } from '../core/system-error.ts';

/** Why secrets are not safe in a folder; undefined if they are. Windows has no owner and no mode to check. */
export function folderFault(facts: Stats): string | undefined {
  const uid = process.geteuid?.();
  if (!facts.isDirectory()) return 'it is not a folder';
  if (uid === undefined) return undefined;
  if (facts.uid !== uid) return 'it belongs to another user';
  const mode = facts.mode & 0o777;
  return (mode & 0o077) === 0 ? undefined : `others may enter it (mode ${mode.toString(8)})`;
}

/**
 * Makes the folder and its missing parents, and checks it. Throws HOME_UNSAFE or SYSTEM_REFUSED.
 *
 * A link counts as the folder that it points to. With `noLink` a link is refused: in a temporary folder that all users
 * share, any of them could have made it.
 */
export function privateFolder(folder: string, options: { readonly noLink?: boolean } = {}): void {
  const what = `to make the folder ${folder}`;
  const unsafe = (reason: string, cause?: unknown): Error =>
    systemRefusal(cause, what, dataFolderAdvice) ??
    new StoreError('HOME_UNSAFE', { params: { folder, path: shellWord(folder), reason }, cause });
  let facts: Stats;
  try {
    makeWithParents(folder);
    facts = options.noLink === true ? lstatSync(folder) : statSync(folder);
  } catch (cause) {
    throw unsafe(`it cannot be made (${codeOf(cause)})`, cause);
  }
  if (facts.isFile()) {
    const advice = 'Set FLM_HOME to another folder, or rename the file.';
    throw new ProxyError('SYSTEM_REFUSED', {
      params: { what, reason: 'a file has this name', errno: 'EEXIST', advice },
    });
  }
  const fault = folderFault(facts);
  if (fault !== undefined) throw unsafe(fault);
}

/**
 * Makes a folder and its missing parents, for this user alone. Node's own `recursive` never returns if a parent exists
 * but accepts no folders, such as /proc, and reports ENOENT for a read-only disk.
 */
export function makeWithParents(folder: string): void {
  try {
    makeFolder(folder);
  } catch (error) {
    const parent = dirname(folder);
    if (codeOf(error) !== 'ENOENT' || parent === folder) throw error;
    makeWithParents(parent);
    makeFolder(folder);
  }
}

/** Another process may make the folder at the same moment. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, 0o700);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}
