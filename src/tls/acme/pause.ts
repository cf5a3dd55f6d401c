/** Waits that end: with the time, or with whoever does not want to wait any more. */
import type { Clock } from '../../core/clock.ts';

type Timers = Pick<Clock, 'after'>;

/** Rejects with the reason of the signal. */
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

/** Runs `f` with a signal that also aborts when the time is up, with `late()` as its reason. */
export async function within<T>(
  clock: Timers,
  ms: number,
  signal: AbortSignal,
  late: () => Error,
  f: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  const cancel = clock.after(ms, () => own.abort(late()));
  try {
    return await f(AbortSignal.any([own.signal, signal]));
  } finally {
    cancel();
  }
}
