import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Breaker, failuresToOpen } from './breaker.ts';
import type { AttemptEnd } from './engine.ts';

function opened(): { readonly breaker: Breaker; readonly time: { nowMs: number } } {
  const time = { nowMs: 0 };
  const breaker = new Breaker(() => time.nowMs);
  for (let i = 0; i < failuresToOpen; i++) fail(breaker);
  return { breaker, time };
}

function fail(breaker: Breaker, end: AttemptEnd = 'refused-connection'): void {
  breaker.begin();
  breaker.record(end);
}

test('five failed connections in a row open the breaker, four do not', () => {
  const breaker = new Breaker(() => 0);
  for (let i = 0; i < 4; i++) fail(breaker);
  assert.equal(breaker.allows(), true);
  fail(breaker);
  assert.equal(breaker.allows(), false);
  assert.equal(breaker.waitMs(), 1000);
});

test('an answer in between starts the count again', () => {
  const breaker = new Breaker(() => 0);
  for (let i = 0; i < 20; i++) fail(breaker, i % 5 === 4 ? 'done' : 'refused-connection');
  assert.equal(breaker.open, false);
});

test('nothing that happens on a connection counts: resets, bad answers, time-outs, clients that leave', () => {
  const breaker = new Breaker(() => 0);
  for (const end of ['client-gone', 'timeout', 'protocol', 'reset', 'shut-down'] as const) {
    for (let i = 0; i < 10; i++) fail(breaker, end);
  }
  assert.equal(breaker.open, false);
});

test('after the pause exactly one trial goes, and its success closes the breaker', () => {
  const { breaker, time } = opened();
  time.nowMs = 1000;
  assert.equal(breaker.allows(), true);
  breaker.begin();
  assert.equal(breaker.allows(), false);
  breaker.record('done');
  assert.equal(breaker.open, false);
  assert.equal(breaker.allows(), true);
});

test('a trial that fails doubles the pause, up to half a minute', () => {
  const { breaker, time } = opened();
  const waits: number[] = [];
  for (let i = 0; i < 7; i++) {
    waits.push(breaker.waitMs());
    time.nowMs += breaker.waitMs();
    fail(breaker);
  }
  assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
});

test('a trial request that keeps streaming delays no other request', () => {
  const { breaker, time } = opened();
  time.nowMs = 1000;
  breaker.begin();
  time.nowMs = 6000;
  assert.equal(breaker.allows(), true);
});

test('a trial whose client leaves makes room for the next one', () => {
  const { breaker, time } = opened();
  time.nowMs = 1000;
  fail(breaker, 'client-gone');
  assert.equal(breaker.open, true);
  assert.equal(breaker.allows(), true);
});

test('what began before the opening and ends during the pause changes nothing', () => {
  const { breaker } = opened();
  breaker.record('done');
  breaker.record('refused-connection');
  assert.equal(breaker.allows(), false);
  assert.equal(breaker.waitMs(), 1000);
});

test('whatever happens, it opens only after five failures and lets one trial through at a time', () => {
  const ends = fc.constantFrom<AttemptEnd>(
    'done',
    'refused-connection',
    'reset',
    'timeout',
    'protocol',
    'client-gone',
  );
  const step = fc.oneof(
    fc.record({ what: fc.constant('attempt' as const), end: ends }),
    fc.record({ what: fc.constant('move' as const), ms: fc.integer({ min: 1, max: 40_000 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const time = { nowMs: 0 };
      const breaker = new Breaker(() => time.nowMs);
      let failuresInARow = 0;
      for (const s of steps) {
        if (s.what === 'move') {
          time.nowMs += s.ms;
          continue;
        }
        const wasOpen = breaker.open;
        if (!breaker.allows()) {
          assert.ok(breaker.waitMs() > 0 && breaker.waitMs() <= 30_000, 'an open breaker says how long');
          continue;
        }
        breaker.begin();
        if (wasOpen) assert.equal(breaker.allows(), false, 'a trial is alone');
        breaker.record(s.end);
        const failed = s.end === 'refused-connection';
        if (s.end === 'done') failuresInARow = 0;
        else if (failed) failuresInARow += 1;
        assert.equal(breaker.open, failuresInARow >= failuresToOpen);
        if (failed && breaker.open) assert.equal(breaker.allows(), false);
      }
      time.nowMs += 30_000;
      assert.equal(breaker.allows(), true, 'no engine is shut out for ever');
    }),
    { numRuns: 500, interruptAfterTimeLimit: 3000 },
  );
});
