/**
 * A real Redis (or Valkey) server on a port of this machine, in a temporary folder. It comes from a system package; if it
 * is missing, `noRedis` says so. The test that starts it closes it.
 *
 * `kill` loses everything unless the server is `durable`. `pause` stops its process without closing a connection, which is
 * how a half-dead machine looks from outside.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './free-ports.ts';

const program = ['valkey-server', 'redis-server'].find((name) =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, name))),
);

/** The `skip` of a test. */
export const noRedis = program === undefined ? 'neither valkey-server nor redis-server is installed' : false;

export interface RedisOptions {
  /** Keeps its contents over `kill` and `restart`: each change is written before it is answered. */
  readonly durable?: boolean;
  readonly password?: string;
  /** Serves TLS only. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string; readonly caFile: string };
  /** More arguments, as on its command line. */
  readonly args?: readonly string[];
}

export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly #options: RedisOptions;
  readonly #folder: string;
  #child: ChildProcess | undefined;
  #log = '';

  constructor(port: number, folder: string, options: RedisOptions) {
    this.port = port;
    this.#folder = folder;
    this.#options = options;
  }

  /** 0 while it does not run. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get url(): string {
    const { tls, password } = this.#options;
    const secret = password === undefined ? '' : `:${encodeURIComponent(password)}@`;
    // Certificates of tests are for this name.
    return `${tls === undefined ? 'redis' : 'rediss'}://${secret}${tls === undefined ? '127.0.0.1' : 'localhost'}:${this.port}`;
  }

  /** Starts the program again after `kill` or `stop`, on the same port. Resolves when it accepts connections. */
  async start(): Promise<void> {
    assert.ok(this.#child === undefined, 'the server runs already');
    assert.ok(program !== undefined, 'the server is installed');
    const { durable = false, password, tls, args = [] } = this.#options;
    const { certFile = '', keyFile = '', caFile = '' } = tls ?? {};
    const child = spawn(
      program,
      [
        ...['--bind', '127.0.0.1', '--dir', this.#folder, '--save', '', '--daemonize', 'no'],
        ...(tls === undefined
          ? ['--port', String(this.port)]
          : ['--port', '0', '--tls-port', String(this.port), '--tls-auth-clients', 'no']),
        ...(tls === undefined ? [] : ['--tls-cert-file', certFile, '--tls-key-file', keyFile]),
        ...(tls === undefined ? [] : ['--tls-ca-cert-file', caFile]),
        ...(durable ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no']),
        ...(password === undefined ? [] : ['--requirepass', password]),
        ...args,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (piece: string) => (this.#log += piece));
    const untilMs = performance.now() + 60_000;
    const from = this.#log.length;
    // While it loads its data, it accepts connections and answers with an error.
    const isReady = (): boolean => this.#log.includes('Ready to accept connections', from);
    while (!isReady() || !(await accepts(this.port))) {
      if (child.exitCode !== null || performance.now() > untilMs) {
        this.#child = undefined;
        throw new Error(`the server does not start:\n${this.#log}`);
      }
      await delay(10);
    }
  }

  /** Ends the program at once, as a crash does. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** Asks the program to stop. */
  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Answers nothing until `resume`; connections stay open. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'close');
    child.kill('SIGCONT');
    child.kill(signal);
    await ended;
  }
}

export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'flm-redis-'));
    const server = new RedisServer(port, folder, options);
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.close();
      // Another process may have taken the port meanwhile.
      if (attempt === 3) throw error;
    }
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}
