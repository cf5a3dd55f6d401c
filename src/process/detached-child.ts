/**
 * The child's side of a detached start and of a hand-over: receives the configuration from the launcher or from the proxy
 * that it replaces, starts the proxy, reports the result, and runs until the proxy has ended. Its output goes to the log
 * file.
 */
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { FlmError, ProxyError } from '../core/errors.ts';
import type {
  HandOverState,
  ProxyFactory,
  RunningProxy,
  StartOptions,
  TakeOver,
} from '../core/proxy/ports.ts';
import { systemRefusal } from '../core/system-error.ts';
import {
  type ChildMessage,
  isGiveUp,
  isKept,
  startOptionsIn,
  stateIn,
  takeOverIn,
} from './launch-messages.ts';
import { logLine } from './log-line.ts';
import { handleSignals } from './signals.ts';
import { wireErrorOf } from './wire-error.ts';

/** 0 after a stop, 1 if the proxy did not start. */
export type ChildExit = 0 | 1;

/**
 * Runs the proxy that the launcher of this process asks for. Resolves with the exit status for the caller. A second
 * stop signal exits the process immediately.
 */
export async function runDetachedChild(factory: ProxyFactory): Promise<ChildExit> {
  assert(process.send !== undefined, 'a launcher started this program and listens');
  // Files and folders that this process creates are private to this user.
  process.umask(0o077);
  const launcher = new Launcher(() => giveUp('the process that started it gave up'));
  const start = new AbortController();
  let running: RunningProxy | undefined;
  let graceMs = 0;
  const giveUp = (reason: string): void => {
    if (running === undefined) start.abort(new ProxyError('PROXY_START_FAILED', { params: { reason } }));
  };
  // The hand-over continues even if the predecessor has died.
  void launcher.hungUp.then(() => {
    if (!launcher.isPredecessor) giveUp('its launcher went away');
  });
  const stopHandling = handleSignals(process, {
    detached: true,
    stop: (signal) => {
      giveUp(`it was told to end (${signal})`);
      // `closed` resolves when the stop is over, whether it succeeded or failed.
      void running?.control.stop(graceMs).catch(() => {});
    },
    endNow: (code) => process.exit(code),
  });
  try {
    const { options, takeOver } = await launcher.startOptions(start.signal);
    graceMs = options.config.graceMs;
    const proxy = await factory(options, start.signal, takeOver);
    running = proxy;
    if (start.signal.aborted) {
      // The proxy started although the start was aborted.
      await end(proxy);
      throw start.signal.reason;
    }
    await launcher.tell({ ready: proxy.handle });
    if (!(await launcher.keeps())) {
      await end(proxy);
      return 1;
    }
    if (launcher.isPredecessor) {
      await launcher.tell({ kept: true });
      // The predecessor first names this process to its supervisor. Then it lets go.
      await Promise.race([launcher.hungUp, proxy.closed]);
      launcher.complete();
    }
    launcher.hangUp();
    await proxy.closed;
    return 0;
  } catch (error) {
    process.stderr.write(failureLine(error));
    await launcher.tell({ failed: wireErrorOf(asStartFailure(error)) });
    return 1;
  } finally {
    stopHandling();
    launcher.hangUp();
  }
}

async function end(proxy: RunningProxy): Promise<void> {
  await proxy.control.stop(0);
  await proxy.closed;
}

/** Returns the text for the log. For an error of flm without a cause this is only the message. */
function failureLine(error: unknown): string {
  const known = error instanceof FlmError;
  const cause = known ? error.cause : error;
  const fields = cause === undefined ? {} : { error: inspect(cause) };
  return logLine('error', known ? error.message : 'the proxy ended before it answered', {
    ...(known ? { code: error.code } : {}),
    ...fields,
  });
}

function asStartFailure(error: unknown): FlmError {
  if (error instanceof FlmError) return error;
  const refusal = systemRefusal(error);
  if (refusal !== undefined) return refusal;
  // The operator who started the proxy needs the reason to fix the problem.
  const reason = (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
  return new ProxyError('PROXY_START_FAILED', { params: { reason }, cause: error });
}

interface Started {
  readonly options: StartOptions;
  readonly takeOver: TakeOver | undefined;
}

class Launcher {
  /** Resolves when either side has closed the channel. */
  readonly hungUp: Promise<void>;
  /** The process at the other end is the proxy that this one replaces. */
  isPredecessor = false;
  readonly #onGiveUp: () => void;
  readonly #completed = Promise.withResolvers<void>();
  readonly #messages: unknown[] = [];
  #wake: (() => void) | undefined;
  #isOpen = process.connected;

  constructor(onGiveUp: () => void) {
    this.#onGiveUp = onGiveUp;
    process.on('message', this.#onMessage);
    this.hungUp = new Promise((resolve) => {
      // The launcher may have exited while this program was loading.
      if (!this.#isOpen) resolve();
      process.once('disconnect', () => {
        this.#isOpen = false;
        this.#wake?.();
        resolve();
      });
    });
  }

  /** Throws the reason of the signal, PROXY_INVALID_CONFIG, or PROXY_START_FAILED for an unexpected message. */
  async startOptions(signal: AbortSignal): Promise<Started> {
    const message = await this.#next(signal);
    signal.throwIfAborted();
    const options = startOptionsIn(message);
    if (options === undefined)
      throw new ProxyError('PROXY_START_FAILED', {
        params: { reason: 'its launcher sent no configuration' },
      });
    const taken = takeOverIn(message);
    const takeOver = taken && {
      ...taken,
      prepared: () => this.#state(signal),
      completed: this.#completed.promise,
    };
    return { options, takeOver };
  }

  /** True if the launcher confirmed the handle, or the predecessor has died; false if the launcher gave up. */
  async keeps(): Promise<boolean> {
    const message = await this.#next();
    return isKept(message) || (this.isPredecessor && message === undefined);
  }

  /** Resolves when the message is sent, or when the channel is closed. */
  tell(message: ChildMessage): Promise<void> {
    if (!this.#isOpen) return Promise.resolve();
    return new Promise((resolve) => {
      process.send?.(message, undefined, {}, () => resolve());
    });
  }

  /** The predecessor has completed the hand-over or has died. */
  complete(): void {
    this.#completed.resolve();
  }

  hangUp(): void {
    process.off('message', this.#onMessage);
    if (this.#isOpen && process.connected) process.disconnect?.();
  }

  /** Undefined if the predecessor has died. */
  async #state(signal: AbortSignal): Promise<HandOverState | undefined> {
    await this.tell({ prepared: true });
    const message = await this.#next(signal);
    signal.throwIfAborted();
    return stateIn(message);
  }

  async #next(signal?: AbortSignal): Promise<unknown> {
    while (this.#messages.length === 0 && this.#isOpen && signal?.aborted !== true) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal?.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    return this.#messages.shift();
  }

  #onMessage = (message: unknown): void => {
    if (takeOverIn(message) !== undefined) this.isPredecessor = true;
    if (isGiveUp(message)) this.#onGiveUp();
    this.#messages.push(message);
    this.#wake?.();
  };
}
