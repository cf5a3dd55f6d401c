/**
 * The parent's side of a process that was spawned to become a proxy. The parent is a launcher, or the proxy that the
 * child replaces. Exchanges launch messages with the child, and ends it.
 */
import type { ChildProcess } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Clock } from '../core/clock.ts';
import type { ProxyError } from '../core/errors.ts';
import { systemRefusal } from '../core/system-error.ts';
import { type ChildMessage, childMessageIn, type LauncherMessage } from './launch-messages.ts';
import { type SpawnedChild, startFailed } from './spawn-child.ts';
import { proxyErrorOf } from './wire-error.ts';

/** Time for a child to abort its start before it is killed. */
const giveUpMs = 2_000;

export class LaunchedChild {
  readonly #clock: Clock;
  readonly #process: ChildProcess;
  readonly #logFile: string | undefined;
  readonly #logStart: number;
  readonly #messages: unknown[] = [];
  #wake: () => void = () => {};
  /** How the child ended, in words. Set when no more messages can arrive. */
  #over: string | undefined;
  /** Why the system started no process. */
  #refusal: ProxyError | undefined;
  /** Resolves with how the child ended, in words. */
  readonly #ended: Promise<string>;
  /** Resolves when the channel is closed. */
  readonly hungUp: Promise<void>;

  constructor({ process, logFile, logStart }: SpawnedChild, clock: Clock) {
    this.#clock = clock;
    this.#process = process;
    this.#logFile = logFile;
    this.#logStart = logStart;
    this.#ended = new Promise((resolve) => {
      this.#process.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
      this.#process.on('error', (error) => {
        if (this.#process.pid !== undefined) return;
        this.#refusal = systemRefusal(error, `to start ${this.#process.spawnfile}`);
        resolve(error.message);
      });
    });
    this.hungUp = new Promise((resolve) => {
      if (this.#process.pid === undefined) resolve();
      else this.#process.once('disconnect', () => resolve());
    });
    this.#process.on('message', (message) => {
      this.#messages.push(message);
      this.#wake();
    });
    // Its last message may arrive after the process has ended.
    void Promise.all([this.#ended, this.hungUp]).then(([how]) => {
      this.#over = how;
      this.#wake();
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /**
   * Returns the next message. Throws the child's error; PROXY_START_FAILED if the child ended or sent something that is
   * not a message; or the reason of the signal.
   */
  async next(signal: AbortSignal): Promise<Exclude<ChildMessage, { readonly failed: unknown }>> {
    const onAbort = (): void => this.#wake();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      while (this.#messages.length === 0 && this.#over === undefined && !signal.aborted) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
    signal.throwIfAborted();
    if (this.#messages.length === 0) throw this.#endedEarly();
    const message = childMessageIn(this.#messages.shift());
    if (message === undefined) throw startFailed('it said something strange');
    if ('failed' in message) throw proxyErrorOf(message.failed) ?? startFailed('it did not say why');
    return message;
  }

  /** A child that receives no message has ended or is ending; `next` shows that. */
  send(message: LauncherMessage): Promise<void> {
    return new Promise((resolve) => {
      if (this.#process.connected) this.#process.send(message, () => resolve());
      else resolve();
    });
  }

  /** Waits for `work`. Throws PROXY_START_FAILED if the process ends before. */
  async whileAlive(work: Promise<void>): Promise<void> {
    const ended = this.#ended.then((how) => Promise.reject(startFailed(how)));
    await Promise.race([ended, work]);
  }

  /** Closes the channel; the child continues without this process. */
  letGo(): void {
    if (this.#process.connected) this.#process.disconnect();
    this.#process.unref();
  }

  /** Tells the child to abort, and kills the child if it does not end. Resolves with the pid of the ended process. */
  async end(): Promise<number | undefined> {
    const { pid } = this.#process;
    await this.send({ giveUp: true });
    if (this.#process.connected) this.#process.disconnect();
    if (pid === undefined) return undefined;
    const cancel = this.#clock.after(giveUpMs, () => this.#process.kill('SIGKILL'));
    await this.#ended;
    cancel();
    return pid;
  }

  /** Kills the process without giving it time to clean up. Resolves when the process has ended. */
  async kill(): Promise<void> {
    if (this.#process.pid === undefined) return;
    this.#process.kill('SIGKILL');
    await this.#ended;
    if (this.#process.connected) this.#process.disconnect();
  }

  #endedEarly(): ProxyError {
    if (this.#refusal !== undefined) return this.#refusal;
    const told = this.#logFile === undefined ? undefined : exitReason(this.#logFile, this.#logStart);
    return startFailed(told ?? this.#over ?? 'it ended');
  }
}

const maxReportBytes = 64 * 1024;
const maxReportLength = 300;

/** Returns the log line, written after `start`, that explains why a process ended; undefined if there is none. */
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
