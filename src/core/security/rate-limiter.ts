/**
 * Request rates by GCRA (the "leaky bucket as a meter", ITU-T I.371): exact, one number a bucket, no timers.
 *
 *   TAT  theoretical arrival time of the next request of an even stream
 *   a request at `now` conforms when  TAT - now <= burst tolerance;  then TAT = max(TAT, now) + interval
 *
 * Several buckets are asked at once, and all pay or none. Time is monotonic: a clock set back gives nobody anything.
 * Memory is bounded: a bucket whose TAT has passed is full again and is forgotten.
 */

/** One bucket that a request would take from. `burst` is how many may come at once (1 or more). */
export interface BucketAsk {
  readonly bucket: string;
  readonly perMinute: number;
  readonly burst: number;
}

/** `granted`, or the first bucket that refused and when it would grant. */
export type Verdict =
  | {
      readonly granted: true;
      readonly tightest: BucketAsk | undefined;
      readonly remaining: number;
      readonly resetMs: number;
    }
  | { readonly granted: false; readonly ask: BucketAsk; readonly retryAfterMs: number };

export interface RateLimiter {
  /** Takes one request from each bucket, or from none. */
  take(asks: readonly BucketAsk[], nowMs: number): Verdict;
}

const sweepAbove = 10_000;

export class GcraLimiter implements RateLimiter {
  readonly #arrival = new Map<string, number>();
  #sweepAt = sweepAbove;

  take(asks: readonly BucketAsk[], nowMs: number): Verdict {
    for (const ask of asks) {
      const wait = this.#waitOf(ask, nowMs);
      if (wait > 0) return { granted: false, ask, retryAfterMs: wait };
    }
    let tightest: BucketAsk | undefined;
    let remaining = Number.POSITIVE_INFINITY;
    let resetMs = 0;
    for (const ask of asks) {
      const interval = 60_000 / ask.perMinute;
      const arrival = Math.max(this.#arrival.get(ask.bucket) ?? nowMs, nowMs) + interval;
      this.#arrival.set(ask.bucket, arrival);
      // Rounded with a hair's breadth, so that a whole number of intervals is not lost to floating point.
      const left = Math.max(0, Math.floor(ask.burst - (arrival - nowMs) / interval + 1e-6));
      if (left < remaining) {
        remaining = left;
        tightest = ask;
        resetMs = arrival - nowMs;
      }
    }
    if (this.#arrival.size > this.#sweepAt) this.sweep(nowMs);
    return { granted: true, tightest, remaining, resetMs };
  }

  /** Milliseconds until the bucket would grant; 0 when it would now. */
  #waitOf(ask: BucketAsk, nowMs: number): number {
    const arrival = this.#arrival.get(ask.bucket);
    if (arrival === undefined) return 0;
    const interval = 60_000 / ask.perMinute;
    const tolerance = (ask.burst - 1) * interval;
    const wait = arrival - nowMs - tolerance;
    return wait > 1e-6 * interval ? wait : 0;
  }

  /** Forgets what is full again; happens by itself as buckets become many. */
  sweep(nowMs: number): void {
    for (const [bucket, arrival] of this.#arrival) if (arrival <= nowMs) this.#arrival.delete(bucket);
    // Growing the threshold with what is really in use keeps the cost of sweeping below that of the requests.
    this.#sweepAt = Math.max(sweepAbove, this.#arrival.size * 2);
  }

  /** Buckets in memory, for tests and metrics. */
  get size(): number {
    return this.#arrival.size;
  }
}
