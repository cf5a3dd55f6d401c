/**
 * Request rates by GCRA (the "leaky bucket as a meter", ITU-T I.371): exact, one number a bucket, no timers.
 *
 *   TAT  theoretical arrival time of the next request of an even stream
 *   a request at `now` conforms when  TAT - now <= burst tolerance;  then TAT = max(TAT, now) + interval
 *
 * A request takes from several buckets at once: from all or from none. Time never goes back here: after the clock is set
 * back, time stands still until the clock has caught up, so no bucket refills.
 * Memory is bounded: a bucket whose TAT has passed is full again and is forgotten.
 */

import type { RequestAhead } from './request-ahead.ts';

/** One bucket that a request would take from. `burst` is how many requests may come at once (1 or more). */
export interface BucketAsk {
  readonly bucket: string;
  readonly perMinute: number;
  readonly burst: number;
}

/**
 * `granted`, or the bucket with the longest refusal, and the time until all buckets would grant. `resetMs`: the time
 * until the bucket is full.
 */
export type Verdict =
  | {
      readonly granted: true;
      readonly tightest: BucketAsk | undefined;
      readonly remaining: number;
      readonly resetMs: number;
      /** This node decided by itself, because the limiter of its fleet is away. */
      readonly alone?: true;
    }
  | {
      readonly granted: false;
      readonly ask: BucketAsk;
      readonly retryAfterMs: number;
      readonly resetMs: number;
      readonly alone?: true;
      /** The limiter of the fleet is away, and its owner wants no request to pass without it. */
      readonly away?: true;
    };

export interface BucketReading {
  /** How many requests the bucket would grant at once now. */
  readonly remaining: number;
  /** The time until the bucket is full. */
  readonly resetMs: number;
}

/**
 * Limits request rates, in this process or through another machine. A limiter that uses a network returns promises; a
 * local one never does. A limiter that cannot reach its store must decide by itself. A rejected promise is an internal
 * error of flm and ends the request with a 500.
 */
export interface RateLimiter {
  /** Takes one request from each bucket, or from none. `ahead`: what the same request will ask next. */
  take(asks: readonly BucketAsk[], nowMs: number, ahead?: RequestAhead): Verdict | Promise<Verdict>;
  /** Reads without taking. */
  reading(ask: BucketAsk, nowMs: number): BucketReading | Promise<BucketReading>;
}

/** A bucket that is not full, and how long it takes until it is. */
export type BucketState = readonly [bucket: string, fullInMs: number];

const sweepAbove = 10_000;

export class GcraLimiter implements RateLimiter {
  readonly #arrival = new Map<string, number>();
  #sweepAt = sweepAbove;
  /** Arrival times of the buckets of this call, so that each is looked up once. */
  readonly #found: number[] = [];
  /** The latest time passed in so far. */
  #latestMs = Number.NEGATIVE_INFINITY;

  take(asks: readonly BucketAsk[], toldMs: number): Verdict {
    const nowMs = this.#forward(toldMs);
    const found = this.#found;
    let slowest: BucketAsk | undefined;
    let retryAfterMs = 0;
    let fullAtMs = nowMs;
    for (let i = 0; i < asks.length; i++) {
      const ask = asks[i]!;
      // A full bucket has no history.
      const arrival = Math.max(this.#arrival.get(ask.bucket) ?? nowMs, nowMs);
      found[i] = arrival;
      const wait = waitOf(ask, arrival - nowMs);
      if (wait <= retryAfterMs) continue;
      slowest = ask;
      retryAfterMs = wait;
      fullAtMs = arrival;
    }
    if (slowest !== undefined) {
      const resetMs = fullAtMs - nowMs;
      return { granted: false, ask: slowest, retryAfterMs: retryAfterMs + nowMs - toldMs, resetMs };
    }
    let tightest: BucketAsk | undefined;
    let remaining = Number.POSITIVE_INFINITY;
    let resetMs = 0;
    for (let i = 0; i < asks.length; i++) {
      const ask = asks[i]!;
      const interval = 60_000 / ask.perMinute;
      const arrival = found[i]! + interval;
      this.#arrival.set(ask.bucket, arrival);
      const left = leftIn(ask, arrival - nowMs);
      if (left < remaining) {
        remaining = left;
        tightest = ask;
        resetMs = arrival - nowMs;
      }
    }
    if (this.#arrival.size > this.#sweepAt) this.sweep(nowMs);
    return { granted: true, tightest, remaining, resetMs };
  }

  reading(ask: BucketAsk, toldMs: number): BucketReading {
    const nowMs = Math.max(toldMs, this.#latestMs);
    const resetMs = Math.max(0, (this.#arrival.get(ask.bucket) ?? nowMs) - nowMs);
    return { remaining: leftIn(ask, resetMs), resetMs };
  }

  /** Drops buckets that are full again. Runs automatically when there are many buckets. */
  sweep(toldMs: number): void {
    const nowMs = this.#forward(toldMs);
    for (const [bucket, arrival] of this.#arrival) if (arrival <= nowMs) this.#arrival.delete(bucket);
    // The threshold grows with the number of buckets in use, so that sweeping stays cheaper than the requests.
    this.#sweepAt = Math.max(sweepAbove, this.#arrival.size * 2);
  }

  /** Every bucket that is not full. */
  exportState(toldMs: number): readonly BucketState[] {
    const nowMs = this.#forward(toldMs);
    return [...this.#arrival]
      .filter(([, arrival]) => arrival > nowMs)
      .map(([bucket, arrival]) => [bucket, arrival - nowMs]);
  }

  /** Takes over the buckets of another process, `sinceMs` after it told them. A bucket gets no fuller by that. */
  importState(buckets: readonly BucketState[], toldMs: number, sinceMs: number): void {
    const nowMs = this.#forward(toldMs);
    for (const [bucket, fullInMs] of buckets) {
      const arrival = nowMs + fullInMs - sinceMs;
      if (arrival > (this.#arrival.get(bucket) ?? nowMs)) this.#arrival.set(bucket, arrival);
    }
  }

  /** Another limiter counts this bucket: it is full again in `fullInMs`, or later. */
  atLeast(bucket: string, fullInMs: number, toldMs: number): void {
    const arrival = this.#forward(toldMs) + fullInMs;
    if (arrival > (this.#arrival.get(bucket) ?? Number.NEGATIVE_INFINITY)) this.#arrival.set(bucket, arrival);
    if (this.#arrival.size > this.#sweepAt) this.sweep(toldMs);
  }

  /** Whether anything was taken from the bucket, as far as is remembered. */
  knows(bucket: string): boolean {
    return this.#arrival.has(bucket);
  }

  #forward(toldMs: number): number {
    if (toldMs > this.#latestMs) this.#latestMs = toldMs;
    return this.#latestMs;
  }

  /** Buckets in memory, for tests and metrics. */
  get size(): number {
    return this.#arrival.size;
  }
}

/** Rounded with a small tolerance, so that floating point does not lose a whole interval. */
export function leftIn(ask: BucketAsk, aheadMs: number): number {
  return Math.max(0, Math.floor(ask.burst - (aheadMs * ask.perMinute) / 60_000 + 1e-6));
}

/** Milliseconds until a bucket that is full again in `aheadMs` would grant; 0 when it would now. */
function waitOf(ask: BucketAsk, aheadMs: number): number {
  const interval = 60_000 / ask.perMinute;
  const wait = aheadMs - (ask.burst - 1) * interval;
  return wait > 1e-6 * interval ? wait : 0;
}
