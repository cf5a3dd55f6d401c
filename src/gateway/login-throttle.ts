/**
 * Slows down guessing: after twenty failed logins in a row an address may fail ten times a minute. Counts failures
 * alone; memory is bounded by the limiter's own sweep and by one bucket for all when too many addresses take part.
 */
import { type BucketAsk, GcraLimiter } from '../core/security/rate-limiter.ts';

const perMinute = 10;
const burst = 20;
const maxBuckets = 50_000;

export class LoginThrottle {
  readonly #limiter = new GcraLimiter();

  /** Counts one failure; milliseconds to wait where there were too many, else 0. */
  failed(bucket: string, nowMs: number): number {
    const ask: BucketAsk = {
      bucket: this.#limiter.size > maxBuckets ? 'everybody' : bucket,
      perMinute,
      burst,
    };
    const verdict = this.#limiter.take([ask], nowMs);
    return verdict.granted ? 0 : verdict.retryAfterMs;
  }
}
