/**
 * Slows down the guessing of keys: after twenty failed logins an address may fail ten times a minute. Only failures
 * count. Memory is bounded: when too many addresses fail, new ones share one bucket.
 */
import { type BucketAsk, type BucketState, GcraLimiter } from './rate-limiter.ts';

const perMinute = 10;
const burst = 20;
const maxBuckets = 50_000;
/** As long as one failure counts. More frequent sweeps would find little, at a cost that an attacker controls. */
const sweepMs = 60_000 / perMinute;

export class LoginThrottle {
  readonly #limiter = new GcraLimiter();
  #sweptAtMs = Number.NEGATIVE_INFINITY;

  /** Counts one failure. Returns how long to wait in milliseconds, or 0 below the limit. */
  failed(bucket: string, nowMs: number): number {
    if (this.#limiter.size >= maxBuckets && nowMs - this.#sweptAtMs >= sweepMs) {
      this.#sweptAtMs = nowMs;
      this.#limiter.sweep(nowMs);
    }
    const ask: BucketAsk = {
      bucket: this.#limiter.size >= maxBuckets ? 'everybody' : bucket,
      perMinute,
      burst,
    };
    const verdict = this.#limiter.take([ask], nowMs);
    return verdict.granted ? 0 : verdict.retryAfterMs;
  }

  exportState(nowMs: number): readonly BucketState[] {
    return this.#limiter.exportState(nowMs);
  }

  /** Takes over the failures that another process counted, `sinceMs` after it told them. */
  importState(buckets: readonly BucketState[], nowMs: number, sinceMs: number): void {
    this.#limiter.importState(buckets.slice(0, maxBuckets), nowMs, sinceMs);
  }
}
