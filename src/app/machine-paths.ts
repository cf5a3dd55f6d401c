/** The paths of flm's data on this machine. Loads little: a start asks for them before the command is read. */
import { readdirSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import type { Environment } from '../core/environment.ts';
import { type HomePaths, homePaths, serviceFolders } from '../process/paths.ts';

export function machinePaths(environment: Environment): HomePaths {
  return homePaths({
    env: environment,
    platform: process.platform,
    userHome: homedir(),
    temporaryFolder: tmpdir(),
    uid: process.geteuid?.(),
    serviceFiles: process.getuid?.() === 0 ? serviceFolders(process.platform).flatMap(namesIn) : [],
  });
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
