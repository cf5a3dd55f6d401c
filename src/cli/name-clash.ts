/**
 * Detects that typing `flm` starts another program: FastFlowLM installs a command of the same name. Every installation of
 * flm-proxy also has the command `flm-proxy`.
 */
import { accessSync, closeSync, constants, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import type { Environment } from '../core/environment.ts';
import { t } from './i18n/texts.ts';

/** Returns a warning, or undefined if the first `flm` in PATH belongs to this project or there is none. */
export function otherFlm(environment: Environment, entry: string): string | undefined {
  const first = (environment.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, 'flm'))
    .find(isProgram);
  if (first === undefined || isOurs(first, entry)) return undefined;
  return t.self.otherFlm(first);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function firstBytesOf(path: string): string {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(2_000);
    return bytes.toString('latin1', 0, readSync(file, bytes));
  } finally {
    closeSync(file);
  }
}

/** On Unix npm links the entry itself. Another copy of this package, or a wrapper, names it in its first lines. */
function isOurs(path: string, entry: string): boolean {
  try {
    if (entry !== '' && realpathSync(path) === realpathSync(entry)) return true;
    // A single executable has no readable first line. Every installation has both names.
    if (isProgram(join(dirname(path), 'flm-proxy'))) return true;
    const text = firstBytesOf(realpathSync(path));
    return (
      text.includes('The `flm` command. Installed from npm it loads dist/.') || text.includes('flm-proxy')
    );
  } catch {
    return false;
  }
}
