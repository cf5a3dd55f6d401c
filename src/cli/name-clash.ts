/**
 * Detects that typing `flm` starts another program: FastFlowLM installs a command of the same name. Every installation of
 * flm-proxy also has the command `flm-proxy`.
 */
import { accessSync, constants, readFileSync, realpathSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Environment } from '../core/environment.ts';

/** A warning for people, or undefined where the first `flm` in PATH is ours or there is none. */
export function otherFlm(environment: Environment, entry: string): string | undefined {
  const first = (environment.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, 'flm'))
    .find(isProgram);
  if (first === undefined || isOurs(first, entry)) return undefined;
  return `The command flm in your PATH is another program (${first}; FastFlowLM has that name, too). Type flm-proxy instead of flm.`;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** npm links the entry itself on Unix; another copy of this package, or a wrapper around it, names it in its first lines. */
function isOurs(path: string, entry: string): boolean {
  try {
    if (entry !== '' && realpathSync(path) === realpathSync(entry)) return true;
    const text = readFileSync(realpathSync(path)).subarray(0, 2_000).toString('latin1');
    return (
      text.includes('The `flm` command. Installed from npm it loads dist/.') || text.includes('flm-proxy')
    );
  } catch {
    return false;
  }
}
