/**
 * File capabilities of an executable (capabilities(7)), such as the right to use port 443 that `setcap` gave. They belong
 * to the file and not to its path, so an upgrade loses them, and only root can give them to the new file.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Environment } from '../../core/environment.ts';
import { shellWord } from '../../core/shell-word.ts';

const runProgram = promisify(execFile);

export interface LostCapabilities {
  /** As text of cap_to_text(3): `cap_net_bind_service=ep`. */
  readonly capabilities: string;
  /** The command that gives them to the new file. */
  readonly command: string;
}

/**
 * Returns the capabilities that `file` loses when it is replaced. Undefined if it has none, or if this machine has no
 * `getcap`.
 */
export async function capabilitiesOf(
  file: string,
  environment: Environment,
): Promise<LostCapabilities | undefined> {
  // Users often have no sbin folder in PATH. An empty part of PATH would be the current folder.
  const path = [environment.PATH ?? '', '/usr/sbin', '/sbin'].filter((part) => part !== '').join(':');
  const ran = await runProgram('getcap', [file], { env: { PATH: path }, cwd: '/', timeout: 5000 }).catch(
    () => undefined,
  );
  if (ran?.stdout.startsWith(`${file} `) !== true) return undefined;
  // libcap before 2.41 prints `FILE = cap_net_bind_service+ep`.
  const [, capabilities] =
    /^(?:= )?([a-z0-9_,+= -]+)$/.exec(ran.stdout.slice(file.length + 1).trimEnd()) ?? [];
  if (capabilities === undefined) return undefined;
  return { capabilities, command: `sudo setcap ${shellWord(capabilities)} ${shellWord(file)}` };
}
