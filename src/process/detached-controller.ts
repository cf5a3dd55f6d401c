/**
 * Controls proxies that run as processes of their own: the launcher starts them, the control socket controls them.
 *
 * The nonce on the control socket decides whether a proxy runs. If nothing answers there, the identity of the process
 * decides (pid and start time). A signal is sent only to a process that is certainly the process of the handle.
 */
import { type Clock, systemClock } from '../core/clock.ts';
import { ProxyError, StoreError } from '../core/errors.ts';
import type {
  HandOverRequest,
  Liveness,
  ProxyController,
  ProxyRepository,
  StartOptions,
  StopReport,
} from '../core/proxy/ports.ts';
import type { ProxyHandle, ProxyStatus } from '../core/proxy/proxy-handle.ts';
import { controlClient, stopSlackMs } from './control-client.ts';
import { removeStaleSocket } from './control-socket.ts';
import { launch } from './launcher.ts';
import type { HomePaths } from './paths.ts';
import { processState } from './process-identity.ts';
import type { LaunchCommand } from './spawn-child.ts';

export interface DetachedControllerOptions {
  readonly launch: LaunchCommand;
  readonly paths: HomePaths;
  /** The store from which handles of ended processes are removed. */
  readonly handles: Pick<ProxyRepository, 'deleteHandle' | 'listHandles'>;
  readonly clock?: Clock;
  /** Unlike a clock's timers, this wait keeps the process alive. Injected by tests. */
  readonly pause?: Pause;
}

export type Pause = (ms: number) => Promise<void>;

/** How often to check whether a process has ended. */
const lookMs = 20;
/** Time limit from the report of a stop to the end of the process. */
const exitMs = 5_000;
/** Time to wait for the end of a process that does not respond. */
const leavingMs = 2_000;

/** Longer than any hand-over: the proxy itself aborts a hand-over that takes too long. */
const handOverMs = 180_000;
/** Time for a successor to start serving after its predecessor has died. */
const successorMs = 30_000;

const nothingRan: StopReport = { running: 0, cut: 0, tookMs: 0 };

export class DetachedController implements ProxyController {
  readonly #options: DetachedControllerOptions;
  readonly #clock: Clock;
  readonly #pause: Pause;

  constructor(options: DetachedControllerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#pause = options.pause ?? systemPause;
  }

  /** Throws the error of the proxy, PROXY_START_FAILED or PROXY_START_TIMEOUT; on abort the reason of the signal. */
  async start(options: StartOptions, signal: AbortSignal): Promise<ProxyHandle> {
    const { launch: command, paths } = this.#options;
    return launch({
      command,
      paths,
      options,
      signal,
      clock: this.#clock,
      sweep: (pid) => this.#sweep(pid),
    });
  }

  /**
   * If the proxy has already ended, reports that no requests were running. Throws PROXY_CONTROL_UNREACHABLE if the
   * proxy cannot be ended.
   */
  async stop(handle: ProxyHandle, graceMs: number): Promise<StopReport> {
    const startedMs = this.#clock.monotonicMs();
    const report = await this.#askToStop(handle, graceMs);
    if (report !== undefined) {
      if (!(await this.#hasGone(handle, exitMs))) await this.#kill(handle);
    } else if (processState(handle) !== 'gone') {
      signalTo(handle, 'SIGTERM');
      if (!(await this.#hasGone(handle, graceMs + stopSlackMs))) await this.#kill(handle);
    }
    await this.#forget(handle);
    return report ?? { ...nothingRan, tookMs: Math.round(this.#clock.monotonicMs() - startedMs) };
  }

  /** If the proxy dies during the hand-over and its successor serves anyway, returns the successor. */
  async handOver(
    handle: ProxyHandle,
    request: HandOverRequest,
    signal: AbortSignal,
  ): Promise<ProxyHandle | 'unsupported'> {
    // On Windows a process cannot inherit descriptors.
    if (process.platform === 'win32') return 'unsupported';
    try {
      const client = controlClient(handle, this.#clock);
      const outcome = await client.handOver(request, handOverMs, signal);
      if (outcome !== 'gone') return outcome;
    } catch (error) {
      if (!isUnreachable(error)) throw error;
    }
    const successor = await this.#successorOf(handle, signal);
    if (successor === undefined) throw unreachable(handle);
    return successor;
  }

  /** Waits until the successor of a dead proxy serves. Returns undefined if there is no successor. */
  async #successorOf(old: ProxyHandle, signal: AbortSignal): Promise<ProxyHandle | undefined> {
    const untilMs = this.#clock.monotonicMs() + successorMs;
    while (this.#clock.monotonicMs() < untilMs && !signal.aborted) {
      const handles = await this.#options.handles.listHandles();
      const newer = handles.filter((h) => h.profile === old.profile && h.startedAtMs > old.startedAtMs);
      const living = newer.filter((h) => processState(h) !== 'gone');
      const serving = living.find((h) => h.starting !== true && !h.draining);
      if (serving !== undefined) return serving;
      if (processState(old) !== 'gone') return undefined;
      await this.#pause(lookMs);
    }
    return undefined;
  }

  /** Throws PROXY_CONTROL_UNREACHABLE. If the proxy has ended, its port is already free. */
  async release(handle: ProxyHandle, graceMs: number): Promise<void> {
    try {
      const outcome = await controlClient(handle, this.#clock).release(graceMs);
      if (outcome === 'released') return;
    } catch (error) {
      if (!isUnreachable(error)) throw error;
    }
    if (!(await this.#hasGone(handle, leavingMs))) throw unreachable(handle);
    await this.#forget(handle);
  }

  /** Throws PROXY_CONTROL_UNREACHABLE if the process runs and does not answer. */
  async inspect(handle: ProxyHandle): Promise<ProxyStatus | 'gone'> {
    const client = controlClient(handle, this.#clock);
    const untilMs = this.#clock.monotonicMs() + leavingMs;
    for (;;) {
      let nobodyListens = false;
      try {
        const status = await client.status();
        if (status !== 'gone') return status;
        if ((await client.who()) === 'other') return 'gone';
        nobodyListens = true;
      } catch (error) {
        if (!isUnreachable(error)) throw error;
      }
      const state = processState(handle);
      if (state === 'gone' || (state === 'unsure' && nobodyListens)) return 'gone';
      // An ending proxy closes its socket shortly before its process exits.
      if (this.#clock.monotonicMs() >= untilMs) throw unreachable(handle);
      await this.#pause(lookMs);
    }
  }

  /** Returns the report, or undefined if the control socket no longer works. */
  async #askToStop(handle: ProxyHandle, graceMs: number): Promise<StopReport | undefined> {
    const client = controlClient(handle, this.#clock);
    try {
      // Detects a hanging proxy now, not at the end of the grace time.
      if ((await client.who()) !== 'same') return undefined;
      const report = await client.stop(graceMs);
      return report === 'gone' ? undefined : report;
    } catch (error) {
      if (isUnreachable(error)) return undefined;
      throw error;
    }
  }

  async #kill(handle: ProxyHandle): Promise<void> {
    signalTo(handle, 'SIGKILL');
    if (!(await this.#hasGone(handle, exitMs))) throw unreachable(handle);
  }

  /** Waits for the end of the process. The operating system has then closed its listener. */
  async #hasGone(handle: ProxyHandle, withinMs: number): Promise<boolean> {
    const untilMs = this.#clock.monotonicMs() + withinMs;
    for (;;) {
      const state = processState(handle);
      // Without start times only the socket shows whether the process runs; it closes with the process.
      if (state === 'gone' || (state === 'unsure' && (await removeStaleSocket(handle.controlPath))))
        return true;
      if (this.#clock.monotonicMs() >= untilMs) return false;
      await this.#pause(lookMs);
    }
  }

  async #forget(handle: ProxyHandle): Promise<void> {
    await removeStaleSocket(handle.controlPath);
    try {
      await this.#options.handles.deleteHandle(handle.id, handle.nonce);
    } catch (error) {
      // The process has ended anyway. The next listing of handles removes the row.
      if (!(error instanceof StoreError)) throw error;
    }
  }

  /** Removes what a killed child may have written before it died. */
  async #sweep(pid: number): Promise<void> {
    for (const handle of await this.#options.handles.listHandles())
      if (handle.pid === pid && processState(handle) === 'gone') await this.#forget(handle);
  }
}

/**
 * Returns true if the same proxy answers, or if its process runs but is too busy to answer. If another process answers
 * at its socket, the proxy is gone. Used by the store.
 */
export function livenessBySocket(clock: Clock = systemClock): Liveness {
  return async (handle) => {
    try {
      const who = await controlClient(handle, clock).who();
      return who === 'same' || (who === 'nobody' && processState(handle) === 'living');
    } catch {
      return processState(handle) !== 'gone';
    }
  };
}

/**
 * Sends a signal only to the process of the handle. Throws PROXY_CONTROL_UNREACHABLE if the process cannot be
 * identified.
 */
function signalTo(handle: ProxyHandle, signal: NodeJS.Signals): void {
  const state = processState(handle);
  if (state === 'gone') return;
  if (state === 'unsure') throw unreachable(handle);
  try {
    process.kill(handle.pid, signal);
  } catch {
    // The process ended just now.
  }
}

function isUnreachable(error: unknown): boolean {
  return error instanceof ProxyError && error.code === 'PROXY_CONTROL_UNREACHABLE';
}

function unreachable({ id, pid }: ProxyHandle): ProxyError {
  return new ProxyError('PROXY_CONTROL_UNREACHABLE', { params: { id, pid } });
}

const systemPause: Pause = (ms) =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
