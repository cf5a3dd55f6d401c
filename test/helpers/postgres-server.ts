/**
 * A real PostgreSQL server for the tests of one file. It starts with the first database that a test asks for, in a
 * temporary folder, as a user without root's rights, and ends after the last test of the file. Each test gets an empty
 * database of its own. Where PostgreSQL is not installed, `noPostgres` says so.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { freePort } from './free-ports.ts';
import { atEnd } from './temporary-store.ts';

const execute = promisify(execFile);

const programs = ['initdb', 'postgres', 'psql'];
/** Debian keeps the programs of each version in a folder of its own, outside PATH. */
const debianFolder = '/usr/lib/postgresql';
const binFolder = [
  ...(existsSync(debianFolder) ? readdirSync(debianFolder) : [])
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => join(debianFolder, version, 'bin')),
  ...(process.env.PATH ?? '').split(':'),
].find((folder) => programs.every((program) => existsSync(join(folder, program))));

/** The `skip` of a test. */
export const noPostgres = binFolder === undefined ? 'PostgreSQL is not installed' : false;

/** fast: ends the sessions. crash: ends every process at once, and the next start recovers from the log. */
export type StopMode = 'fast' | 'crash';

export interface PostgresServer {
  /** Creates an empty database and returns its URL. The database is dropped at the end of the test. */
  database(t: TestContext): Promise<string>;
  /** Runs SQL in the database of that URL. Returns one line for each row, with `|` between the columns. */
  query(url: string, sql: string): Promise<readonly string[]>;
  /** The port on 127.0.0.1. It stays the same after a restart. */
  port(): number;
  stop(mode?: StopMode): Promise<void>;
  /** Stops answering, with all connections open, until `thaw`. */
  freeze(): Promise<void>;
  thaw(): void;
  /** Starts the stopped server with the same data on the same port. */
  start(): Promise<void>;
  /** Its complete log output. */
  log(): string;
}

/** Call it once in a test file, outside of the tests. */
export function postgresForFile(): PostgresServer {
  const server = new TestServer();
  after(() => server.end());
  return server;
}

class TestServer implements PostgresServer {
  readonly #account = account();
  #folder: string | undefined;
  #port = 0;
  #child: ChildProcess | undefined;
  #started: Promise<void> | undefined;
  #databases = 0;
  readonly #frozen: number[] = [];
  #log = '';

  async database(t: TestContext): Promise<string> {
    this.#started ??= this.#create();
    await this.#started;
    const name = `flm_${++this.#databases}`;
    await this.query(this.#url('postgres'), `CREATE DATABASE ${name}`);
    atEnd(t, async () => {
      // A test may leave the server frozen or stopped.
      this.thaw();
      await this.start();
      await this.query(this.#url('postgres'), `DROP DATABASE ${name} WITH (FORCE)`);
    });
    return this.#url(name);
  }

  async query(url: string, sql: string): Promise<readonly string[]> {
    const args = ['--no-psqlrc', '--quiet', '--no-align', '--tuples-only', '--set=ON_ERROR_STOP=1'];
    const { stdout } = await execute(program('psql'), [...args, '--command', sql, url]);
    return stdout.split('\n').filter((line) => line !== '');
  }

  port(): number {
    assert.notEqual(this.#port, 0, 'the first database starts the server');
    return this.#port;
  }

  async start(): Promise<void> {
    if (this.#child !== undefined) return;
    const folder = this.#folder;
    assert(folder !== undefined, 'the first database starts the server');
    const settings = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: folder,
      // The page cache survives a killed server. Only a power cut would lose data.
      fsync: 'off',
      full_page_writes: 'off',
      shared_buffers: '16MB',
      autovacuum: 'off',
      lc_messages: 'C',
    };
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const child = spawn(
      program('postgres'),
      ['-D', join(folder, 'data'), '-p', String(this.#port), ...args],
      { ...this.#account, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#child = child;
    child.once('close', () => {
      if (this.#child === child) this.#child = undefined;
    });
    await new Promise<void>((resolve, reject) => {
      let text = '';
      child.stderr?.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
        this.#log += piece;
        if (text.includes('ready to accept connections')) resolve();
      });
      child.once('error', reject);
      child.once('close', () => reject(new Error(`PostgreSQL does not start:\n${text}`)));
    });
  }

  async stop(mode: StopMode = 'fast'): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const closed = once(child, 'close');
    child.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await closed;
  }

  async freeze(): Promise<void> {
    const pid = this.#child?.pid;
    assert(pid !== undefined, 'the server runs');
    // First the process that makes the others.
    this.#signal(pid, 'SIGSTOP');
    this.#frozen.push(pid);
    const { stdout } = await execute('pgrep', ['-P', String(pid)]);
    for (const each of stdout.split('\n').filter((line) => line !== '')) {
      this.#signal(Number(each), 'SIGSTOP');
      this.#frozen.push(Number(each));
    }
  }

  thaw(): void {
    for (const pid of this.#frozen.splice(0)) this.#signal(pid, 'SIGCONT');
  }

  log(): string {
    return this.#log;
  }

  #signal(pid: number, signal: NodeJS.Signals): void {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended.
    }
  }

  async end(): Promise<void> {
    this.thaw();
    await this.#started?.catch(() => {});
    await this.stop();
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }

  async #create(): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), 'flm-pg-'));
    this.#folder = folder;
    const { uid, gid } = this.#account;
    if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid);
    const args = ['-D', join(folder, 'data'), '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C'];
    await execute(program('initdb'), [...args, '--no-sync'], { ...this.#account, cwd: folder });
    this.#port = await freePort();
    await this.start();
  }

  #url(database: string): string {
    return `postgres://postgres@127.0.0.1:${this.#port}/${database}`;
  }
}

function program(name: string): string {
  assert(binFolder !== undefined, 'tests are skipped where PostgreSQL is not installed');
  return join(binFolder, name);
}

/** PostgreSQL refuses to run as root. */
function account(): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  const fields = ['postgres', 'nobody']
    .map((name) => lines.find((line) => line.startsWith(`${name}:`)))
    .find((line) => line !== undefined)
    ?.split(':');
  assert(fields !== undefined, 'a user without rights exists');
  return { uid: Number(fields[2]), gid: Number(fields[3]) };
}
