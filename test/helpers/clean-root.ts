/**
 * A clean Debian root for tests of installed files, and programs that run in it, each with its own mounts. Needs root
 * rights and debootstrap; test/machine/clean-root.sh makes the root.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { atEnd } from './temporary-store.ts';

const run = promisify(execFile);

/** Why no clean root can be used here, else false: the `skip` of a test. */
export const noCleanRoot: string | false = (() => {
  if (process.getuid?.() !== 0) return 'needs root';
  const missing = ['debootstrap', 'unshare', 'chroot'].filter(
    (name) => spawnSync('which', [name]).status !== 0,
  );
  return missing.length > 0 && `${missing.join(' and ')} are not installed`;
})();

/** The PATH of a program in the root is not for the programs that start it. */
const chroot = spawnSync('which', ['chroot'], { encoding: 'utf8' }).stdout.trim();

export interface RootOptions {
  /** `uid:gid` of the programs; default root. */
  readonly user?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The root file system cannot be written, except /data, which is this folder of the machine. */
  readonly readOnlyWithData?: string;
}

export class CleanRoot {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Runs a program to its end. Throws with its output if it fails. */
  async run(
    words: readonly string[],
    options: RootOptions = {},
  ): Promise<{ stdout: string; stderr: string }> {
    const [program = '', ...args] = this.#command(words, options);
    return run(program, args, { cwd: '/', env: cleanEnvironment(options), maxBuffer: 16 * 1024 ** 2 });
  }

  start(words: readonly string[], options: RootOptions = {}): ChildProcess {
    const [program = '', ...args] = this.#command(words, options);
    return spawn(program, args, {
      cwd: '/',
      env: cleanEnvironment(options),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** The mounts are in a namespace that ends with the program. */
  #command(words: readonly string[], { user = '0:0', readOnlyWithData }: RootOptions): readonly string[] {
    const root = this.folder;
    const mounts = [`mount --bind "${root}" "${root}"`];
    if (readOnlyWithData !== undefined)
      mounts.push(`mount --bind "${readOnlyWithData}" "${root}/data"`, `mount -o remount,ro,bind "${root}"`);
    else mounts.push(`mount -t proc proc "${root}/proc"`);
    const script = `${mounts.join(' && ')} && exec ${chroot} --userspec=${user} "${root}" "$@"`;
    return ['unshare', '--mount', '--propagation', 'private', '/bin/sh', '-ec', script, 'sh', ...words];
  }
}

/** The environment of a program: it contains no variable of this machine. */
function cleanEnvironment({ env }: RootOptions): Record<string, string> {
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LC_ALL: 'C.UTF-8',
    DEBIAN_FRONTEND: 'noninteractive',
    FLM_DETECT_PORTS: '',
    ...env,
  };
}

/** An empty folder that is removed after the test. */
export function emptyRoot(t: TestContext): CleanRoot {
  const folder = mkdtempSync(join(tmpdir(), 'flm-root-'));
  atEnd(t, () => rmSync(folder, { recursive: true, force: true }));
  return new CleanRoot(folder);
}

export async function cleanRoot(
  t: TestContext,
  variant: 'minimal' | 'systemd' = 'minimal',
): Promise<CleanRoot> {
  const root = emptyRoot(t);
  const script = join(import.meta.dirname, '../machine/clean-root.sh');
  await run('bash', [script, variant, root.folder], { maxBuffer: 64 * 1024 ** 2 });
  return root;
}
