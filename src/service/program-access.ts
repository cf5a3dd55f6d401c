/**
 * Checks whether the user of a system service can read flm's program. A clone in a home folder, or a Node of nvm, is
 * readable only by its owner, and the sandbox of the unit hides /home, /root and /tmp.
 */
import { dirname, isAbsolute } from 'node:path';
import type { ServiceTools } from './service-tools.ts';

const hidden = ['/home', '/root', '/run/user', '/tmp', '/var/tmp'];

/**
 * Returns the first obstacle as words that follow the path: `is below /home, …`; undefined if every user can read the
 * program.
 */
export function programObstacle(
  tools: ServiceTools,
): { readonly path: string; readonly reason: string } | undefined {
  for (const path of tools.program) {
    if (!isAbsolute(path)) continue;
    // Only the units of systemd have this sandbox.
    const isSandboxed = tools.platform === 'linux';
    const place = hidden.find((folder) => isSandboxed && path.startsWith(`${folder}/`));
    if (place !== undefined)
      return { path, reason: `is below ${place}, which the sandbox of a system service hides` };
    const facts = tools.facts(path);
    if (facts === undefined) return { path, reason: 'is not there' };
    if ((facts.mode & 0o004) === 0) return { path, reason: 'cannot be read by every user' };
    for (let folder = dirname(path); folder !== '/'; folder = dirname(folder)) {
      const mode = tools.facts(folder)?.mode ?? 0;
      if ((mode & 0o001) === 0) return { path, reason: `is in ${folder}, which not every user may enter` };
    }
  }
  return undefined;
}
