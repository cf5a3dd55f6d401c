/**
 * The oldest Node that flm supports, for running the tests on it once more. It lives in a package of its own, because
 * two `node` packages in one node_modules fight over the link in .bin. Installed when first asked for.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, 'node24');
const binary = join(folder, 'node_modules/node/bin/node');

export function node24(): string {
  if (!existsSync(binary)) {
    execFileSync('npm', ['ci', '--no-fund', '--no-audit', '--loglevel=error'], {
      cwd: folder,
      stdio: ['ignore', 2, 2],
    });
  }
  return binary;
}

if (import.meta.main) console.log(node24());
