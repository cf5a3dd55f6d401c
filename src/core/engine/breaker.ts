/**
 * The circuit breaker of one engine: keeps requests away from an engine to which no connection can be made.
 *
 *   closed --(5 failed connections in a row)--> open --(pause)--> half-open --(one trial gets through)--> closed
 *                                                ^----------(the trial fails; pause doubles)----'
 *
 * It counts failed connections alone, because no request can cause them. What happens once a request was sent (a reset,
 * an invalid answer, an error) may be the fault of that request: `engine-rank.ts` weighs it, and one key cannot take an
 * engine away from the others. A time-out may be a model that loads. Probes do not touch the breaker, except that an
 * engine that comes back from being down starts afresh.
 */
import assert from 'node:assert';
import type { AttemptEnd } from './engine.ts';

/** Five in a row: a restart of an engine fells a few requests that came at the wrong moment, and not more. */
export const failuresToOpen = 5;
const firstPauseMs = 1_000;
const longestPauseMs = 30_000;
/** A trial that has not failed by then is connected and may stream for minutes; the next one need not wait for it. */
const trialPatienceMs = 5_000;

export class Breaker {
  readonly #nowMs: () => number;
  #failures = 0;
  /** Of the present opening; 0 while closed. */
  #pauseMs = 0;
  #closedAgainAtMs = 0;
  #trial = false;
  #trialSinceMs = 0;

  /** `nowMs` is monotonic. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Open or half-open: not every request may go. */
  get open(): boolean {
    return this.#pauseMs > 0;
  }

  /** Whether an attempt may begin now. */
  allows(): boolean {
    if (this.#pauseMs === 0) return true;
    const now = this.#nowMs();
    if (this.#trial) return now - this.#trialSinceMs >= trialPatienceMs;
    return now >= this.#closedAgainAtMs;
  }

  /** How long no attempt may begin; 0 where one may, or where a trial is under way. */
  waitMs(): number {
    return this.#pauseMs === 0 ? 0 : Math.max(0, this.#closedAgainAtMs - this.#nowMs());
  }

  /** An attempt begins. Half-open, it is the trial. */
  begin(): void {
    if (this.#pauseMs === 0 || this.#nowMs() < this.#closedAgainAtMs) return;
    this.#trial = true;
    this.#trialSinceMs = this.#nowMs();
  }

  /** An attempt ended. */
  record(end: AttemptEnd): void {
    switch (end) {
      case 'done':
        // While the pause lasts, what ends well began before it and tells nothing of new connections.
        if (this.#pauseMs === 0 || this.#trial) this.reset();
        return;
      case 'refused-connection':
        this.#fail();
        return;
      case 'reset':
      case 'timeout':
      case 'protocol':
      case 'client-gone':
      case 'shut-down':
        // Neither for nor against; the next request may be the trial.
        this.#trial = false;
        return;
      default:
        end satisfies never;
    }
  }

  /** Closed, as if nothing had been. */
  reset(): void {
    this.#failures = 0;
    this.#pauseMs = 0;
    this.#trial = false;
  }

  #fail(): void {
    if (this.#pauseMs > 0) {
      if (!this.#trial) return;
      this.#trial = false;
      this.#pause(Math.min(this.#pauseMs * 2, longestPauseMs));
      return;
    }
    this.#failures += 1;
    if (this.#failures >= failuresToOpen) this.#pause(firstPauseMs);
  }

  #pause(ms: number): void {
    assert(ms > 0, 'a pause has a length');
    this.#pauseMs = ms;
    this.#closedAgainAtMs = this.#nowMs() + ms;
  }
}
