/** Opens the data folder of this machine for a command, as the user who owns it. */
import type { Environment } from '../core/environment.ts';
import { finishReplacement } from '../files/replace-files.ts';
import { becomeOwner } from '../process/data-owner.ts';
import { makeHomeFolders } from '../process/paths.ts';
import { type Machine, thisMachine } from './machine.ts';

export interface OwnMachine {
  readonly machine: Machine;
  /** Root works with the data of the system service, which was not named by FLM_HOME. */
  readonly ofSystemService: boolean;
}

/**
 * Creates the folders if they are missing, and completes a restore that was killed. Throws HOME_UNSAFE or
 * RESTORE_RUNNING. `keepRoot`: see `FlmOptions`.
 */
export function ownMachine(
  environment: Environment,
  options: { readonly keepRoot?: boolean } = {},
): OwnMachine {
  const { home, ofSystemService } = thisMachine(environment).paths;
  becomeOwner(home, options);
  // As the owner of the folder, no longer as root, flm would look for a folder of that user's own.
  const machine = thisMachine(ofSystemService ? { ...environment, FLM_HOME: home } : environment);
  makeHomeFolders(machine.paths);
  finishReplacement(machine.paths.home);
  return { machine, ofSystemService };
}
