/**
 * Tells systemd how a supervised proxy is doing: ready, its main process, alive (watchdog), stopping (sd_notify(3)).
 *
 * Node has no Unix datagram sockets, so each message is one run of `systemd-notify`, and the unit needs
 * `NotifyAccess=all`. Messages are sent one after another, in order. The watchdog message is sent by a timer of the event
 * loop: a loop that hangs sends none, and systemd restarts the proxy.
 */
import { spawn } from 'node:child_process';
import type { Clock, Unsubscribe } from '../core/clock.ts';
import type { Environment } from '../core/environment.ts';

/** Runs `systemd-notify` with these arguments. Resolves with true on success. */
export type RunNotify = (assignments: readonly string[]) => Promise<boolean>;

export interface SystemdNotifierOptions {
  readonly env: Environment;
  readonly clock: Clock;
  /** Replaced by tests. */
  readonly run: RunNotify;
}

/** A message that takes longer is abandoned: systemd is not listening. */
const runMs = 10_000;

export class SystemdNotifier {
  readonly #run: RunNotify;
  readonly #clock: Clock;
  readonly #watchdogMs: number | undefined;
  #last: Promise<boolean> = Promise.resolve(true);
  #stopWatchdog: Unsubscribe = () => {};
  #released = false;

  constructor({ env, clock, run }: SystemdNotifierOptions) {
    this.#run = run;
    this.#clock = clock;
    this.#watchdogMs = watchdogMs(env);
  }

  /**
   * Reports that the proxy is ready and that `pid` is the main process of the unit. Starts the watchdog messages.
   * Resolves with false if systemd could not be notified.
   */
  ready(pid: number, status: string): Promise<boolean> {
    this.#startWatchdog();
    return this.#send(['READY=1', `MAINPID=${pid}`, statusLine(status)]);
  }

  /** Reports that another process is the main process of the unit. */
  mainProcess(pid: number): Promise<boolean> {
    return this.#send([`MAINPID=${pid}`]);
  }

  status(status: string): Promise<boolean> {
    return this.#send([statusLine(status)]);
  }

  /** Reports that running responses may take `graceMs` to finish, so that systemd waits. */
  stopping(graceMs: number): Promise<boolean> {
    const waitUs = (graceMs + stopSlackMs) * 1000;
    return this.#send([
      'STOPPING=1',
      'STATUS=Stopping: running responses finish',
      `EXTEND_TIMEOUT_USEC=${waitUs}`,
    ]);
  }

  /** Stops all messages, because another process is the main process now. */
  release(): void {
    this.#stopWatchdog();
    this.#released = true;
  }

  #startWatchdog(): void {
    if (this.#watchdogMs === undefined || this.#released) return;
    this.#stopWatchdog();
    // Half of the time, as sd_watchdog_enabled(3) advises.
    let waiting = false;
    this.#stopWatchdog = this.#clock.every(this.#watchdogMs / 2, () => {
      // Slow runs of `systemd-notify` must not pile up.
      if (waiting) return;
      waiting = true;
      void this.#send(['WATCHDOG=1']).finally(() => {
        waiting = false;
      });
    });
  }

  #send(assignments: readonly string[]): Promise<boolean> {
    this.#last = this.#last.then(async () => this.#released || (await this.#run(assignments)));
    return this.#last;
  }
}

/** Time on top of the grace time, to close the parts of the proxy. */
const stopSlackMs = 15_000;

function statusLine(text: string): string {
  // A line break would start another assignment.
  return `STATUS=${text.replaceAll(/[\x00-\x1f\x7f]/g, ' ')}`;
}

/** WATCHDOG_PID is not compared: after a hand-over the successor has another id. */
function watchdogMs({ WATCHDOG_USEC }: Environment): number | undefined {
  const us = Number(WATCHDOG_USEC);
  return Number.isFinite(us) && us > 0 ? us / 1000 : undefined;
}

/** Runs the real program. It gets only NOTIFY_SOCKET from `env`. */
export function runSystemdNotify(program: string, env: Environment): RunNotify {
  return (assignments) =>
    new Promise((resolve) => {
      const child = spawn(program, assignments, {
        stdio: 'ignore',
        env: { NOTIFY_SOCKET: env.NOTIFY_SOCKET },
        timeout: runMs,
        killSignal: 'SIGKILL',
      });
      child.once('error', () => resolve(false));
      child.once('exit', (code) => resolve(code === 0));
    });
}
