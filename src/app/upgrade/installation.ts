/** Finds out how this flm was installed, and the commands that install another version in the same way. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isSea } from 'node:sea';

export type Installation = 'executable' | 'debian' | 'npm' | 'clone';

export interface InstallationFacts {
  readonly isExecutable: boolean;
  readonly execPath: string;
  /** `process.argv[1]`. */
  readonly entry: string;
  exists(path: string): boolean;
}

export function thisInstallation(
  entry: string,
  { isExecutable, execPath, exists }: Omit<InstallationFacts, 'entry'> = {
    isExecutable: isSea(),
    execPath: process.execPath,
    exists: existsSync,
  },
): Installation {
  if (isExecutable)
    return execPath === '/usr/bin/flm' && exists('/var/lib/dpkg/info/flm-proxy.list')
      ? 'debian'
      : 'executable';
  return exists(join(dirname(dirname(entry)), 'scripts/setup.mjs')) ? 'clone' : 'npm';
}

/**
 * The commands that install a newer version. If they do not include `flm upgrade`, it performs the hand-over
 * afterwards.
 */
export const installCommands: Readonly<Record<Installation, readonly string[]>> = {
  executable: [`flm upgrade --to FILE`],
  debian: ['sudo apt install ./FILE.deb'],
  npm: ['npm install --global flm-proxy@latest', 'flm upgrade'],
  clone: ['git pull', 'npm run build', 'npx flm upgrade'],
};

/** Detects the kind of a file by its first bytes. */
export type FileKind = 'debian package' | 'npm package' | 'x64 executable' | 'arm64 executable' | 'unknown';

export function kindOf(head: Buffer): FileKind {
  if (head.toString('latin1', 0, 8) === '!<arch>\n') return 'debian package';
  if (head[0] === 0x1f && head[1] === 0x8b) return 'npm package';
  if (head.toString('latin1', 0, 4) !== '\x7fELF' || head.length < 20) return 'unknown';
  // e_machine of elf(5).
  const machine = head.readUInt16LE(18);
  if (machine === 62) return 'x64 executable';
  return machine === 183 ? 'arm64 executable' : 'unknown';
}
