/**
 * Spawns the process of the proxy that `flm proxy start` or `flm up --detach` probably starts, before the command is loaded.
 * For the same reason, this file imports little.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import type { Environment } from '../core/environment.ts';
import { profileNamePattern } from '../core/proxy/profile-name.ts';
import { folderFault } from '../files/private-folder.ts';
import { spawnEarly } from '../process/spawn-child.ts';
import { withoutSupervisor } from '../process/supervisor.ts';
import { launchedProxy } from '../process/this-program.ts';
import { machinePaths } from './machine-paths.ts';

export interface EarlyLaunch {
  /** The words after `flm proxy start` or `flm up`. */
  readonly words: readonly string[];
  /** `flm up` shows a proxy that runs already. It is probably the one that has a control socket. */
  readonly unlessOneRuns: boolean;
}

/**
 * `entry` is the script that started this process. The profile is a guess; after a wrong one the command spawns another
 * process. Does nothing if the data folder is missing or belongs to another user, whose identity this process will take
 * on, or if the named profile has no log: it may not exist.
 */
export function launchEarly(
  environment: Environment,
  entry: string,
  { words, unlessOneRuns }: EarlyLaunch,
): void {
  if (words.some((word) => word === '-h' || word === '--help')) return;
  const [first = '-'] = words;
  const profile = first.startsWith('-') ? 'default' : first;
  if (!profileNamePattern.test(profile)) return;
  try {
    const { home, run, logs, logFile } = machinePaths(environment);
    const output = logFile(profile);
    if (profile !== 'default' && !existsSync(output)) return;
    if ([home, logs].some((folder) => folderFault(statSync(folder)) !== undefined)) return;
    if (unlessOneRuns && readdirSync(run).some((name) => name.endsWith('.sock'))) return;
    spawnEarly({ command: launchedProxy(entry, withoutSupervisor(environment)), home, output });
  } catch {
    // The command meets the same obstacle, and reports it.
  }
}
