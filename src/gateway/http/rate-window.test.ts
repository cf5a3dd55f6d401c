import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateWindow } from './rate-window.ts';

/** The tick at which a sender is too slow who sends so many bytes in each second; 0 where it never is. */
function tooSlowAt(bytesInSecond: readonly number[]): number {
  const window = new RateWindow(1000);
  let total = 0;
  return (
    bytesInSecond.findIndex((bytes) => {
      total += bytes;
      return window.isTooSlow(total);
    }) + 1
  );
}
const seconds = (count: number, bytes: number): readonly number[] => Array(count).fill(bytes);

test('no client is judged in the first ten seconds', () => {
  assert.equal(tooSlowAt(seconds(10, 0)), 0);
  assert.equal(tooSlowAt(seconds(11, 0)), 11);
});

test('who keeps up the rate is never too slow, be it in bursts', () => {
  assert.equal(tooSlowAt(seconds(1000, 1000)), 0);
  assert.equal(tooSlowAt(Array.from({ length: 1000 }, (_, i) => (i % 10 === 0 ? 10_000 : 0))), 0);
});

test('what was sent fast at first is no credit for later', () => {
  assert.equal(tooSlowAt([60_000_000, ...seconds(20, 0)]), 11);
  assert.equal(tooSlowAt([...seconds(500, 5000), ...seconds(20, 0)]), 509);
});
