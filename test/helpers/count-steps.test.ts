/** The counter: the same call gives the same count, and quadratic work is detected. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertLinear, countSteps } from './count-steps.ts';

function pairs(n: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) if ((i ^ j) & 1) sum += 1;
  return sum;
}

test('the same call counts the same', () => {
  assert.equal(
    countSteps(() => pairs(50)),
    countSteps(() => pairs(50)),
  );
});

test('loops count by their turns, so that a quadratic one shows', () => {
  const [small, large] = [countSteps(() => pairs(100)), countSteps(() => pairs(200))];
  assert.ok(small >= 100 * 100, String(small));
  assert.ok(large > 3.5 * small, `${small}, ${large}`);
});

test('a pattern that backtracks shows, one that does not is linear', () => {
  const text = (n: number): string => `for=${' '.repeat(n)}x`;
  const quadratic = /(?:^|;)\s*for="?([^";]*)"?\s*(?:;|$)/i;
  const backtracks = /\s+$/;
  const plain = /^[a-z=]+ *x$/;
  assert.ok(countSteps(() => backtracks.test(text(2000))) > 1_000_000);
  assert.ok(countSteps(() => plain.test(text(2000))) < 20_000);
  assert.ok(countSteps(() => quadratic.exec(`${text(2000)}"x`)) > 1_000_000);
});

test('native searches count what they look at', () => {
  const text = 'a'.repeat(1000);
  assert.ok(countSteps(() => text.indexOf('b')) >= 1000);
  assert.ok(countSteps(() => text.indexOf('a')) < 100);
  assert.ok(countSteps(() => Buffer.from(text).indexOf('b')) >= 2000);
});

test('a bound on the work names the size that broke it', () => {
  const bounds = { sizes: [10, 100], fixed: 50, perUnit: 20 };
  assertLinear('searching', (size) => () => 'a'.repeat(size).indexOf('b'), bounds);
  assert.throws(
    () => assertLinear('pairing', (size) => () => pairs(size), bounds),
    /pairing of size 100 took/,
  );
});
