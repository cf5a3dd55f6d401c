import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { moreRuns } from '../../../test/helpers/more-runs.ts';
import { type BucketAsk, GcraLimiter } from './rate-limiter.ts';

const ask = (perMinute: number, burst: number, bucket = 'b'): BucketAsk => ({ bucket, perMinute, burst });

test('as many as the burst come at once, then one each interval', () => {
  const limiter = new GcraLimiter();
  const granted = (nowMs: number) => limiter.take([ask(60, 3)], nowMs).granted;
  assert.deepEqual([0, 0, 0, 0].map(granted), [true, true, true, false]);
  assert.deepEqual([999, 1_000, 1_000, 2_000].map(granted), [false, true, false, true]);
  // Three seconds of silence fill it again, and an hour fills it no further.
  assert.deepEqual([3_600_000, 3_600_000, 3_600_000, 3_600_000].map(granted), [true, true, true, false]);
});

test('a refusal says when it would grant, and then it does', () => {
  const limiter = new GcraLimiter();
  limiter.take([ask(7, 1)], 0);
  const verdict = limiter.take([ask(7, 1)], 100);
  assert.equal(verdict.granted, false);
  const retryAfterMs = verdict.granted ? 0 : verdict.retryAfterMs;
  assert.equal(limiter.take([ask(7, 1)], 100 + retryAfterMs - 1).granted, false);
  assert.equal(limiter.take([ask(7, 1)], 100 + retryAfterMs).granted, true);
});

test('a grant says how many are left in the bucket that has the fewest, and when that is full', () => {
  const limiter = new GcraLimiter();
  const verdict = limiter.take([ask(60, 10, 'wide'), ask(60, 2, 'tight')], 0);
  assert.deepEqual(verdict, {
    granted: true,
    tightest: ask(60, 2, 'tight'),
    remaining: 1,
    resetMs: 1_000,
  });
  assert.deepEqual(limiter.take([], 0), {
    granted: true,
    tightest: undefined,
    remaining: Number.POSITIVE_INFINITY,
    resetMs: 0,
  });
});

test('a reading says what would be granted at once and when the bucket is full, and takes nothing', () => {
  const limiter = new GcraLimiter();
  assert.deepEqual(limiter.reading(ask(60, 3), 0), { remaining: 3, resetMs: 0 });
  limiter.take([ask(60, 3)], 0);
  limiter.take([ask(60, 3)], 0);
  for (let i = 0; i < 3; i++)
    assert.deepEqual(limiter.reading(ask(60, 3), 0), { remaining: 1, resetMs: 2_000 });
  assert.deepEqual(limiter.reading(ask(60, 3), 1_500), { remaining: 2, resetMs: 500 });
  assert.deepEqual(limiter.reading(ask(60, 3), 9_000), { remaining: 3, resetMs: 0 });
});

test('all buckets pay, or none', () => {
  const limiter = new GcraLimiter();
  assert.equal(limiter.take([ask(60, 1, 'one')], 0).granted, true);
  for (let i = 0; i < 5; i++) {
    const verdict = limiter.take([ask(60, 2, 'two'), ask(60, 1, 'one')], 0);
    assert.equal(verdict.granted === false && verdict.ask.bucket, 'one');
  }
  assert.equal(limiter.take([ask(60, 2, 'two')], 0).granted, true);
  assert.equal(limiter.take([ask(60, 2, 'two')], 0).granted, true);
  assert.equal(limiter.take([ask(60, 2, 'two')], 0).granted, false);
});

test('a clock that goes back grants no request', () => {
  const limiter = new GcraLimiter();
  for (const nowMs of [60_000, 60_000]) assert.equal(limiter.take([ask(60, 2)], nowMs).granted, true);
  for (const nowMs of [0, 30_000, 60_000]) assert.equal(limiter.take([ask(60, 2)], nowMs).granted, false);
});

test('a refusal names the bucket that takes longest to refill, and when it is full', () => {
  const limiter = new GcraLimiter();
  const asks = [ask(60, 1, 'soon'), ask(6, 2, 'late')];
  assert.equal(limiter.take(asks, 0).granted, true);
  assert.equal(limiter.take(asks.slice(1), 0).granted, true);
  const verdict = limiter.take(asks, 400);
  assert.deepEqual(verdict, { granted: false, ask: asks[1], retryAfterMs: 9_600, resetMs: 19_600 });
  assert.equal(limiter.take(asks, 10_000).granted, true);
});

test('buckets that are full again are forgotten', () => {
  const limiter = new GcraLimiter();
  for (let i = 0; i < 100_000; i++) limiter.take([ask(60, 1, `b${i}`)], i);
  assert.ok(limiter.size < 25_000, `${limiter.size} buckets`);
  limiter.sweep(1_000_000);
  assert.equal(limiter.size, 0);
});

test('no interleaving of requests, sweeps and clock steps, also backwards, passes the rate', () => {
  const step = fc.record({
    stepMs: fc.oneof(
      fc.constant(0),
      fc.integer({ min: -50, max: 50 }),
      fc.integer({ min: 0, max: 90_000 }),
      fc.integer({ min: -90_000, max: 0 }),
    ),
    bucket: fc.constantFrom('one', 'two', 'both'),
    sweeps: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 600 }),
      fc.integer({ min: 1, max: 20 }),
      fc.array(step, { maxLength: 200, size: 'max' }),
      (perMinute, burst, steps) => {
        const limiter = new GcraLimiter();
        const grants = { one: [] as number[], two: [] as number[] };
        let toldMs = 0;
        /** What time has passed at most: as far as the clock ever was. */
        let nowMs = Number.NEGATIVE_INFINITY;
        for (const { stepMs, bucket, sweeps } of steps) {
          toldMs += stepMs;
          nowMs = Math.max(nowMs, toldMs);
          if (sweeps) limiter.sweep(toldMs);
          const names = bucket === 'both' ? (['one', 'two'] as const) : [bucket];
          const { granted } = limiter.take(
            names.map((name) => ask(perMinute, burst, name)),
            toldMs,
          );
          if (granted) for (const name of names) grants[name].push(nowMs);
          // It refuses only where the rate is used up: the bucket took at least one in the last full window.
          else
            assert.ok(
              names.some((name) => grants[name].some((at) => at > nowMs - (burst * 60_000) / perMinute)),
            );
        }
        for (const times of Object.values(grants))
          for (let from = 0; from < times.length; from++)
            for (let to = from; to < times.length; to++) {
              const windowMs = (times[to] as number) - (times[from] as number);
              const most = burst + (windowMs * perMinute) / 60_000;
              assert.ok(to - from + 1 <= most + 1e-3, `${to - from + 1} in ${windowMs} ms`);
            }
      },
    ),
    { numRuns: 300 * moreRuns, interruptAfterTimeLimit: 5_000 * moreRuns },
  );
});
