/**
 * The circuit breaker of one engine: keeps requests away from an engine to which no connection can be made.
 *
 *   closed --(5 failed connections in a row)--> open --(pause)--> half-open --(one trial gets through)--> closed
 *                                                ^----------(the trial fails; pause doubles)----'
 *
 * It counts only failed connections, because no request can cause them. A failure after a request was sent (a reset,
 * an invalid response, an error) may be the fault of that request: `engine-rank.ts` weighs it, so that one key cannot
 * block an engine for the others. After a timeout the engine may be loading a model. Probes do not change the breaker,
 * except that an engine that was down and is up again starts with a closed breaker.
 */
import assert from 'node:assert';
import type { AttemptEnd } from './engine.ts';

/** Five in a row: the restart of an engine fails only the few requests that arrive during it. */
export const failuresToOpen = 5;
const firstPauseMs = 1_000;
const longestPauseMs = 30_000;
/**
 * A trial without a failure after this time is connected and may stream for minutes, so the next trial need not wait.
 */
const trialPatienceMs = 5_000;

export interface BreakerState {
  readonly failures: number;
  /** 0 while it is closed. */
  readonly pauseMs: number;
  /** Until an attempt may begin. */
  readonly waitMs: number;
}

export class Breaker {
  readonly #nowMs: () => number;
  #failures = 0;
  /** The length of the current pause; 0 while closed. */
  #pauseMs = 0;
  #closedAgainAtMs = 0;
  #trial = false;
  #trialSinceMs = 0;

  /** `nowMs` is monotonic. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Open or half-open: not every request may be sent. */
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

  /** How long no attempt may begin; 0 if one may begin, or if a trial is running. */
  waitMs(): number {
    return this.#pauseMs === 0 ? 0 : Math.max(0, this.#closedAgainAtMs - this.#nowMs());
  }

  /** Records that an attempt begins. In the half-open state it is the trial. */
  begin(): void {
    if (this.#pauseMs === 0 || this.#nowMs() < this.#closedAgainAtMs) return;
    this.#trial = true;
    this.#trialSinceMs = this.#nowMs();
  }

  /** Records how an attempt ended. */
  record(end: AttemptEnd): void {
    switch (end) {
      case 'done':
        // An attempt that succeeds during the pause began before it, so it says nothing about new connections.
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
        // This result proves nothing. The next request may be the trial.
        this.#trial = false;
        return;
      default:
        end satisfies never;
    }
  }

  /** Closes the breaker and forgets all failures. */
  reset(): void {
    this.#failures = 0;
    this.#pauseMs = 0;
    this.#trial = false;
  }

  exportState(): BreakerState {
    return { failures: this.#failures, pauseMs: this.#pauseMs, waitMs: this.waitMs() };
  }

  /** Goes on from the state that another process had. */
  importState({ failures, pauseMs, waitMs }: BreakerState): void {
    this.#failures = failures;
    this.#pauseMs = Math.min(pauseMs, longestPauseMs);
    this.#closedAgainAtMs = this.#nowMs() + Math.min(waitMs, longestPauseMs);
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
