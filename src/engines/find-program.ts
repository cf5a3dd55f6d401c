/**
 * Whether a program is on this machine: on the PATH that is given, or in a folder where the engine's own installer puts
 * it. Nothing is run.
 */
import { access, constants } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { engineKinds } from '../core/engine/kinds.ts';

/**
 * The full path, or undefined. Relative entries of the PATH are left out, because they mean another place in each
 * folder.
 */
export async function findProgram(name: string, path: string, home: string): Promise<string | undefined> {
  const homeFolders = engineKinds.flatMap(({ detection }) =>
    detection?.program?.name === name ? (detection.program.homeFolders ?? []) : [],
  );
  const folders = [
    ...path.split(delimiter).filter((f) => isAbsolute(f)),
    ...homeFolders.map((p) => join(home, p)),
  ];
  for (const folder of folders) {
    const file = join(folder, name);
    try {
      await access(file, constants.X_OK);
      return file;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}
