/**
 * A minimal Debian with its own systemd, booted by systemd-nspawn without a network, with this build of flm for all
 * users. The root is made once and kept in this user's cache. Needs root, debootstrap and systemd-nspawn.
 */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const repository = join(import.meta.dirname, '../..');
const maxBuffer = 64 * 1024 ** 2;

const missing = ['debootstrap', 'systemd-nspawn', 'nsenter'].filter(
  (name) => spawnSync('which', [name]).status !== 0,
);

/** Why no systemd can be booted here, or false: the `skip` of a test. */
export const noSystemd: string | false =
  process.platform !== 'linux' || process.getuid?.() !== 0
    ? 'needs root on Linux'
    : missing.length > 0 && `${missing.join(' and ')} are not installed`;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class BootedRoot {
  /** The root as a folder of this machine. */
  readonly folder: string;
  #nspawn: ReturnType<typeof spawn> | undefined;
  #init = 0;
  #console = '';

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** The caller must call `end`. */
  static async make(): Promise<BootedRoot> {
    // Not /tmp, which may be a small file system in memory.
    const folder = mkdtempSync('/var/tmp/flm-root-');
    const booted = new BootedRoot(folder);
    const script = join(import.meta.dirname, '../machine/clean-root.sh');
    await run('bash', [script, 'systemd', folder], { maxBuffer });
    booted.#installFlm();
    await booted.boot();
    return booted;
  }

  /** Like after `npm install -g`: a program that all users can read. */
  #installFlm(): void {
    const place = join(this.folder, 'usr/lib/flm');
    mkdirSync(join(place, 'bin'), { recursive: true });
    cpSync(realpathSync(process.execPath), join(this.folder, 'usr/local/bin/node'));
    for (const name of ['bin/flm.mjs', 'dist', 'package.json'])
      cpSync(join(repository, name), join(place, name), { recursive: true });
    const wrapper = join(this.folder, 'usr/local/bin/flm');
    writeFileSync(wrapper, '#!/bin/sh\nexec /usr/local/bin/node /usr/lib/flm/bin/flm.mjs "$@"\n');
    chmodSync(wrapper, 0o755);
  }

  async boot(): Promise<void> {
    const nspawn = spawn(
      'systemd-nspawn',
      [
        ...['--quiet', '--directory', this.folder, '--machine', `flm-${process.pid}`, '--boot'],
        ...['--register=no', '--keep-unit', '--private-network', '--console=pipe'],
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.#nspawn = nspawn;
    for (const stream of [nspawn.stdout, nspawn.stderr])
      stream
        ?.setEncoding('utf8')
        .on('data', (text: string) => (this.#console = (this.#console + text).slice(-20_000)));
    this.#init = await this.#until('systemd runs', () => {
      const children = spawnSync('pgrep', ['-P', String(nspawn.pid), '-x', 'systemd'], { encoding: 'utf8' });
      return Number(children.stdout.trim()) || undefined;
    });
    await this.until('the system is up', async () => {
      const { stdout } = await this.run('systemctl', 'is-system-running');
      return /running|degraded/.test(stdout);
    });
  }

  async powerOff(): Promise<void> {
    const nspawn = this.#nspawn;
    if (nspawn === undefined || nspawn.exitCode !== null || nspawn.signalCode !== null) return;
    const closed = once(nspawn, 'close');
    await this.run('systemctl', 'poweroff');
    await closed;
    this.#nspawn = undefined;
  }

  async end(): Promise<void> {
    const nspawn = this.#nspawn;
    if (nspawn !== undefined && nspawn.exitCode === null && nspawn.signalCode === null) {
      const closed = once(nspawn, 'close');
      nspawn.kill('SIGKILL');
      // The first process of the machine survives the end of systemd-nspawn.
      if (this.#init > 0) spawnSync('kill', ['-9', String(this.#init)]);
      await closed;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Runs a program inside, as root. */
  run(...words: readonly string[]): Promise<Ran> {
    const env = [
      'env',
      '-i',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'HOME=/root',
    ];
    const args = ['--target', String(this.#init), '--all', '--', ...env, ...words];
    return new Promise((resolve) => {
      execFile('nsenter', args, { maxBuffer }, (error, stdout, stderr) =>
        resolve({
          code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1,
          stdout,
          stderr,
        }),
      );
    });
  }

  /** Runs a program inside that must succeed. */
  async must(...words: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...words);
    if (code !== 0) throw new Error(`${words.join(' ')} ended with ${code}:\n${stdout}\n${stderr}`);
    return stdout;
  }

  /** Returns one property of a unit, as systemd prints it. */
  async property(unit: string, name: string): Promise<string> {
    return (await this.must('systemctl', 'show', unit, '--property', name, '--value')).trim();
  }

  /** Resolves when the condition holds. Checks repeatedly, for at most a minute. */
  until(what: string, holds: () => Promise<boolean>): Promise<true> {
    return this.#until(what, async () => ((await holds()) ? (true as const) : undefined));
  }

  async #until<T>(what: string, find: () => T | undefined | Promise<T | undefined>): Promise<T> {
    const untilMs = performance.now() + 60_000;
    for (;;) {
      const found = await find();
      if (found !== undefined) return found;
      if (performance.now() > untilMs) throw new Error(`not within a minute: ${what}\n${this.#console}`);
      await delay(50);
    }
  }

  read(path: string): string {
    return readFileSync(join(this.folder, path), 'utf8');
  }
}
