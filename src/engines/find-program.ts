/**
 * Checks whether a program is installed: on the given PATH, or in a folder that the engine's installer uses. Runs no
 * program.
 */
import { access, constants } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { engineKinds } from '../core/engine/kinds.ts';

/**
 * Returns the full path, or undefined. Relative entries of the PATH are skipped, because they depend on the current
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
