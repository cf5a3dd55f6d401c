/** A wait that ends: when the time is up, or when whoever asked does not want to wait any more. */
import type { Clock } from '../core/clock.ts';

export interface Deadline {
  /** Aborts at the end of the time, or with the caller's own signal. */
  readonly signal: AbortSignal;
  /** The time was up. */
  readonly isOver: boolean;
  /** Ends the timer; whoever made the deadline calls it. */
  end(): void;
}

export function deadline(clock: Clock, ms: number, caller?: AbortSignal): Deadline {
  const own = new AbortController();
  const cancel = clock.after(ms, () => own.abort());
  return {
    signal: caller === undefined ? own.signal : AbortSignal.any([own.signal, caller]),
    get isOver() {
      return own.signal.aborted;
    },
    end: cancel,
  };
}
