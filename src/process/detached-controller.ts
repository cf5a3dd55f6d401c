/**
 * Controls proxies that run as processes of their own: the launcher starts them, the control socket controls them.
 *
 * The nonce on the control socket decides whether a proxy runs. If nothing answers there, the identity of the process
 * decides (pid and start time). A signal is sent only to a process that is surely the one of the handle.
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
import type { LaunchCommand } from './launched-child.ts';
import { launch } from './launcher.ts';
import type { HomePaths } from './paths.ts';
import { processState } from './process-identity.ts';

export interface DetachedControllerOptions {
  readonly launch: LaunchCommand;
  readonly paths: HomePaths;
  /** Handles of ended processes are removed from it. */
  readonly handles: Pick<ProxyRepository, 'deleteHandle' | 'listHandles'>;
  readonly clock?: Clock;
  /** Keeps this process alive while it waits, as the timers of a clock do not. Injected by tests. */
  readonly pause?: Pause;
}

export type Pause = (ms: number) => Promise<void>;

/** How often a process that should end is looked at. */
const lookMs = 20;
/** Time from the report of a stop to the end of the process, which has little left to close. */
const exitMs = 5_000;
/** Time for a process that does not respond: a process that is ending has ended by then. */
const leavingMs = 2_000;

/** More than a hand-over may take: the proxy itself ends one that takes too long. */
const handOverMs = 180_000;
/** Time for a successor whose predecessor has died to serve. */
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

  /** Throws what the proxy met, PROXY_START_FAILED or PROXY_START_TIMEOUT; on abort the reason of the signal. */
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
   * A proxy that is gone already reports that nothing ran. Throws PROXY_CONTROL_UNREACHABLE where it cannot be ended.
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

  /** Where the proxy dies during the hand-over, its successor may serve all the same; then that one is returned. */
  async handOver(
    handle: ProxyHandle,
    request: HandOverRequest,
    signal: AbortSignal,
  ): Promise<ProxyHandle | 'unsupported'> {
    // Windows has no descriptors that a process can inherit.
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

  /** Waits for the successor of a proxy that has died to serve; undefined where there is none. */
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

  /** Throws PROXY_CONTROL_UNREACHABLE. A proxy that is gone holds no port. */
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

  /** Throws PROXY_CONTROL_UNREACHABLE where the process lives and does not answer. */
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
      // A proxy that ends closes its socket a moment before its process is gone.
      if (this.#clock.monotonicMs() >= untilMs) throw unreachable(handle);
      await this.#pause(lookMs);
    }
  }

  /** The report; undefined where the control socket is of no use any more. */
  async #askToStop(handle: ProxyHandle, graceMs: number): Promise<StopReport | undefined> {
    const client = controlClient(handle, this.#clock);
    try {
      // One that hangs is found out now, and not at the end of the grace time.
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

  /** Waits for the end of the process: with it the system has closed its listener. */
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
      // The process is gone all the same; who lists handles next sees that and forgets it then.
      if (!(error instanceof StoreError)) throw error;
    }
  }

  /** After a child was killed: what it may have written as it died. */
  async #sweep(pid: number): Promise<void> {
    for (const handle of await this.#options.handles.listHandles())
      if (handle.pid === pid && processState(handle) === 'gone') await this.#forget(handle);
  }
}

/**
 * For the store: the same proxy answers, or its process lives and is too busy to answer. Somebody else at its socket
 * means that it is gone.
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

/** Sends no signal to a process that may be another one: throws PROXY_CONTROL_UNREACHABLE if that is unclear. */
function signalTo(handle: ProxyHandle, signal: NodeJS.Signals): void {
  const state = processState(handle);
  if (state === 'gone') return;
  if (state === 'unsure') throw unreachable(handle);
  try {
    process.kill(handle.pid, signal);
  } catch {
    // It ended just now.
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
