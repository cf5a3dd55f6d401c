/**
 * A clock that a test moves. Timers run in the order of their time. The work that a timer starts gets a turn of the
 * event loop before the next timer runs.
 */
import { setImmediate } from 'node:timers/promises';
import type { Clock, Unsubscribe } from '../../src/core/clock.ts';

interface Timer {
  atMs: number;
  readonly everyMs: number | undefined;
  readonly f: () => void;
}

export class MovedClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<Timer>();
  readonly #epochMs: number;

  constructor(epochMs = Date.UTC(2026, 10, 24)) {
    this.#epochMs = epochMs;
  }

  nowMs(): number {
    return this.#epochMs + this.#nowMs;
  }
  monotonicMs(): number {
    return this.#nowMs;
  }
  after(ms: number, f: () => void): Unsubscribe {
    return this.#add({ atMs: this.#nowMs + ms, everyMs: undefined, f });
  }
  every(ms: number, f: () => void): Unsubscribe {
    return this.#add({ atMs: this.#nowMs + ms, everyMs: ms, f });
  }

  /** Timers that are set; a suite that ends well leaves none. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Moves time on. */
  async move(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await setImmediate();
    for (let next = this.#next(untilMs); next !== undefined; next = this.#next(untilMs)) {
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      if (next.everyMs === undefined) this.#timers.delete(next);
      else next.atMs += next.everyMs;
      next.f();
      await setImmediate();
    }
    this.#nowMs = untilMs;
  }

  /** The time is another one, and nothing ran in between: a machine that slept. */
  jump(ms: number): void {
    this.#nowMs += ms;
  }

  #add(timer: Timer): Unsubscribe {
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  #next(untilMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.atMs <= untilMs && (next === undefined || timer.atMs < next.atMs)) next = timer;
    }
    return next;
  }
}
