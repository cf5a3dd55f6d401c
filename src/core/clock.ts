/**
 * Time, injected, so that tests move a clock instead of waiting.
 *
 * `monotonicMs` never goes back; use it for limits and durations. `nowMs` is the wall clock; use it for records and
 * expiry only. Timers do not keep a process alive. The code that sets a timer ends it.
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

/** Looked up once: Node's global is a getter, which costs more than the reading. */
const { performance } = globalThis;

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
