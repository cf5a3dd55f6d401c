/**
 * Makes a folder for sockets and logs and looks whether it is this user's alone. A folder that exists is not changed.
 */
import { lstatSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { ProxyError } from '../core/errors.ts';
import { makePrivateFolder } from '../core/private-folder.ts';
import { systemRefusal } from '../core/system-error.ts';

/**
 * Throws HOME_UNSAFE. A link counts as the folder that it leads to, unless `noLink`: in a temporary folder that all
 * users share, anybody could have laid the link.
 */
export function privateFolder(folder: string, options: { readonly noLink?: boolean } = {}): void {
  const tools = {
    make: (path: string) => mkdirSync(path, 0o700),
    look: options.noLink === true ? lstatSync : statSync,
    parentOf: dirname,
    uid: process.geteuid?.(),
  };
  makePrivateFolder(
    folder,
    tools,
    (reason, cause) =>
      systemRefusal(cause, `to make the folder ${folder}`) ??
      new ProxyError('HOME_UNSAFE', { params: { folder, reason }, cause }),
  );
}
