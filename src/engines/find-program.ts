/**
 * Whether a program is on this machine: on the PATH that is given, or where an engine's own installer puts it. Nothing
 * is run.
 */
import { access, constants } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';

/** Places of installers that do not touch the PATH, under the home folder. */
const homePlaces: Readonly<Record<string, readonly string[]>> = {
  lms: ['.lmstudio/bin', '.cache/lm-studio/bin'],
};

/** The full path, or undefined. Relative entries of the PATH are left out: they mean another place in each folder. */
export async function findProgram(name: string, path: string, home: string): Promise<string | undefined> {
  const folders = [
    ...path.split(delimiter).filter((f) => isAbsolute(f)),
    ...(homePlaces[name] ?? []).map((p) => join(home, p)),
  ];
  for (const folder of folders) {
    const file = join(folder, name);
    try {
      await access(file, constants.X_OK);
      return file;
    } catch {
      // Not here.
    }
  }
  return undefined;
}
