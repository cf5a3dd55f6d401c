/**
 * Runs one detached start, from the spawned child to the handle. If the start fails or is aborted, no process, socket
 * or handle is left.
 *
 * The child runs in /, without NODE_OPTIONS, in a session of its own. Its output is appended to the log of its profile.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Clock } from '../core/clock.ts';
import { deadline } from '../core/deadline.ts';
import type { Environment } from '../core/environment.ts';
import { ProxyError } from '../core/errors.ts';
import type { StartOptions } from '../core/proxy/ports.ts';
import type { ProxyHandle } from '../core/proxy/proxy-handle.ts';
import { systemRefusal } from '../core/system-error.ts';
import { codeOf } from './control-socket.ts';
import { childMessageIn, type KeptMessage, type StartMessage } from './launch-messages.ts';
import { type HomePaths, makeHomeFolders } from './paths.ts';
import { withoutSupervisor } from './supervisor.ts';
import { proxyErrorOf } from './wire-error.ts';

/** A program that calls `runDetachedChild`. */
export interface LaunchCommand {
  /** Absolute: the child runs in another folder. */
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Environment;
}

export interface Launch {
  readonly command: LaunchCommand;
  readonly paths: HomePaths;
  readonly options: StartOptions;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Removes what a child that had to be killed may have left. */
  sweep(pid: number): Promise<void>;
}

const startMs = 20_000;
/** On top, where a CA is asked for the first certificate: its own limit, and taking away what was shown to the CA. */
const acmeMs = 110_000;
/** Time for a child to abort its start before it is killed. */
const giveUpMs = 2_000;

/** Throws what the child met, PROXY_START_FAILED or PROXY_START_TIMEOUT; on abort the reason of the signal. */
export async function launch(options: Launch): Promise<ProxyHandle> {
  options.signal.throwIfAborted();
  makeHomeFolders(options.paths);
  const child = new Child(options);
  const limitMs = startMs + (options.options.config.mode === 'https-acme' ? acmeMs : 0);
  const limit = deadline(options.clock, limitMs, options.signal);
  try {
    return await child.handle(limit.signal);
  } catch (error) {
    // The next reader finds rows that could not be removed and removes them; the reason of the failure matters more.
    await child.end().catch(() => {});
    options.signal.throwIfAborted();
    if (limit.isOver) throw new ProxyError('PROXY_START_TIMEOUT', { params: { seconds: limitMs / 1000 } });
    throw error;
  } finally {
    limit.end();
  }
}

class Child {
  readonly #launch: Launch;
  readonly #process: ChildProcess;
  readonly #logFile: string;
  readonly #logStart: number;
  /** Resolves with how it ended, in words. */
  readonly #ended: Promise<string>;
  /** Resolves when nothing more can come from it: what it said last may arrive after its end. */
  readonly #hungUp: Promise<void>;

  constructor(options: Launch) {
    this.#launch = options;
    this.#logFile = options.paths.logFile(options.options.profile);
    const log = openLog(this.#logFile);
    try {
      this.#logStart = fstatSync(log).size;
      const { command, args, env } = options.command;
      this.#process = spawn(command, args, {
        detached: true,
        windowsHide: true,
        cwd: '/',
        // The child must mean the same home, however it was named. A background process has no supervisor.
        env: { ...withoutSupervisor(env), NODE_OPTIONS: undefined, FLM_HOME: options.paths.home },
        stdio: ['ignore', log, log, 'ipc'],
      });
    } finally {
      closeSync(log);
    }
    this.#ended = new Promise((resolve) => {
      this.#process.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
      this.#process.on('error', (error) => {
        if (this.#process.pid === undefined) resolve(error.message);
      });
    });
    this.#hungUp = new Promise((resolve) => {
      if (this.#process.pid === undefined) resolve();
      else this.#process.once('disconnect', () => resolve());
    });
  }

  /** Resolves when the child said that it is ready; then the child is on its own. */
  async handle(signal: AbortSignal): Promise<ProxyHandle> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#process.on('message', resolve);
    void Promise.all([this.#ended, this.#hungUp]).then(([how]) => reject(this.#endedEarly(how)));
    try {
      signal.throwIfAborted();
      await this.#send({ start: this.#launch.options });
      const message = childMessageIn(await promise);
      if (message === undefined) throw startFailed('it said something strange');
      if ('failed' in message) throw proxyErrorOf(message.failed) ?? startFailed('it did not say why');
      await this.#send({ kept: true });
      this.#letGo();
      return message.ready;
    } finally {
      // Whichever came second has no other listener.
      promise.catch(() => {});
      signal.removeEventListener('abort', onAbort);
      this.#process.off('message', resolve);
    }
  }

  /** Tells the child to abort, kills it if it does not, and removes what it left behind. */
  async end(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect();
    const { pid } = this.#process;
    if (pid === undefined) return;
    const cancel = this.#launch.clock.after(giveUpMs, () => this.#process.kill('SIGKILL'));
    await this.#ended;
    cancel();
    await this.#launch.sweep(pid);
  }

  /** A child that receives no message has ended or is ending; `#ended` shows that. */
  #send(message: StartMessage | KeptMessage): Promise<void> {
    return new Promise((resolve) => {
      this.#process.send(message, () => resolve());
    });
  }

  #letGo(): void {
    if (this.#process.connected) this.#process.disconnect();
    this.#process.unref();
  }

  #endedEarly(how: string): ProxyError {
    return startFailed(exitReason(this.#logFile, this.#logStart) ?? how);
  }
}

/** The child's own log rotates; what it prints past its log goes on into the file that was current at its start. */
function openLog(path: string): number {
  try {
    return openSync(path, 'a', 0o600);
  } catch (error) {
    throw (
      systemRefusal(error, `to open the log ${path}`) ??
      startFailed(`its log ${path} cannot be opened (${codeOf(error)})`)
    );
  }
}

function startFailed(reason: string): ProxyError {
  return new ProxyError('PROXY_START_FAILED', { params: { reason } });
}

const maxReportBytes = 64 * 1024;
const maxReportLength = 300;

/** Returns the line of the log, written after `start`, that says why a process ended; undefined if there is none. */
function exitReason(logFile: string, start: number): string | undefined {
  const lines = logTextFrom(logFile, start)
    .split('\n')
    .map((line) => line.trim())
    // Lines of the log are JSON; Node ends the trace of an error with its version and a hint.
    .filter((line) => line !== '' && !/^(\{|\}|at |Node\.js v|\(Use `node)/.test(line));
  const error = lines.findLast((line) => /^(Uncaught )?[A-Z]\w*Error\b.*: /.test(line));
  return (error ?? lines.at(-1))?.slice(0, maxReportLength).replace(/\.$/, '');
}

function logTextFrom(logFile: string, start: number): string {
  try {
    const file = openSync(logFile, 'r');
    try {
      const end = fstatSync(file).size;
      const from = Math.max(start, end - maxReportBytes);
      const bytes = Buffer.alloc(Math.max(0, end - from));
      return bytes.toString('utf8', 0, readSync(file, bytes, 0, bytes.length, from));
    } finally {
      closeSync(file);
    }
  } catch {
    return '';
  }
}
