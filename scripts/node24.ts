/**
 * Installs the oldest Node that flm supports, to run the tests on it too. It has its own package, because two `node`
 * packages in one node_modules conflict over the link in .bin. Installed on first use.
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
