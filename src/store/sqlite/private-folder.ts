/**
 * Makes the data folder and looks whether it can be trusted: it holds keys' digests, engines' secrets and sockets, so it
 * must be this user's alone. Nothing is changed on a folder that exists: it may be somebody's home, named by mistake.
 */
import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { StoreError } from '../../core/errors.ts';
import { makePrivateFolder } from '../../core/private-folder.ts';
import { systemRefusal } from '../../core/system-error.ts';

/** Throws HOME_UNSAFE. */
export function privateFolder(folder: string): void {
  const tools = {
    make: (path: string) => mkdirSync(path, 0o700),
    look: statSync,
    parentOf: dirname,
    uid: process.geteuid?.(),
  };
  makePrivateFolder(
    folder,
    tools,
    (reason, cause) =>
      systemRefusal(cause, `to make the folder ${folder}`) ??
      new StoreError('HOME_UNSAFE', { params: { folder, reason }, cause }),
  );
}
