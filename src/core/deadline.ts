/**
 * Deadlines and pauses that end when their time is over or when a signal aborts. Every wait cancels its timer at its
 * end.
 */
import type { Clock } from './clock.ts';

type Timers = Pick<Clock, 'after'>;

export interface Deadline {
  /** Aborts when the time is over, or together with the caller's signal. */
  readonly signal: AbortSignal;
  /** True when the time is over. */
  readonly isOver: boolean;
  /** Cancels the timer. The code that made the deadline calls this. */
  end(): void;
}

/** `late` creates the reason with which the signal aborts when the time is over. */
export function deadline(clock: Timers, ms: number, caller?: AbortSignal, late?: () => Error): Deadline {
  const own = new AbortController();
  return {
    signal: caller === undefined ? own.signal : AbortSignal.any([own.signal, caller]),
    get isOver() {
      return own.signal.aborted;
    },
    end: clock.after(ms, () => own.abort(late?.())),
  };
}

/** Runs `f` with a signal that aborts when the time is over, with `late()` as its reason. */
export async function within<T>(
  clock: Timers,
  ms: number,
  signal: AbortSignal,
  late: () => Error,
  f: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = deadline(clock, ms, signal, late);
  try {
    return await f(limit.signal);
  } finally {
    limit.end();
  }
}

/** Resolves after the time. Rejects with the reason of the signal. */
export async function pause(clock: Timers, ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = clock.after(ms, resolve);
  const onAbort = (): void => resolve();
  signal.addEventListener('abort', onAbort, { once: true });
  await promise;
  cancel();
  signal.removeEventListener('abort', onAbort);
  signal.throwIfAborted();
}
