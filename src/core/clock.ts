/**
 * Time as the domain sees it: injected, so that tests move it instead of waiting.
 *
 * `monotonicMs` never goes back and is for limits and durations; `nowMs` is the wall clock and is for records and
 * expiry alone. Timers do not keep a process alive; whoever sets one ends it.
 */
export interface Clock {
  /** Wall clock, milliseconds since 1970. */
  nowMs(): number;
  /** Milliseconds since some start; never goes back. */
  monotonicMs(): number;
  /** Calls `f` once after `ms`; the returned function cancels it. */
  after(ms: number, f: () => void): Unsubscribe;
  /** Calls `f` each `ms`; the returned function ends it. */
  every(ms: number, f: () => void): Unsubscribe;
}

/** Ends a subscription or a timer; calling it again does nothing. */
export type Unsubscribe = () => void;

/** The machine's clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(ms, f) {
    const timer = setTimeout(f, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
  every(ms, f) {
    const timer = setInterval(f, ms);
    timer.unref();
    return () => clearInterval(timer);
  },
};
