import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ago, amount, shortTime, until } from './units.ts';

test('amounts have at most three digits and a unit', () => {
  for (const [count, text] of [
    [0, '0'],
    [950, '950'],
    [1_000, '1 k'],
    [12_449, '12.4 k'],
    [200_000, '200 k'],
    [999_999, '1 M'],
    [1_250_000, '1.3 M'],
    [3_000_000_000, '3 G'],
  ] as const)
    assert.equal(amount(count), text, String(count));
});

test('short times go from milliseconds to minutes', () => {
  for (const [ms, text] of [
    [0, '0 ms'],
    [42.4, '42 ms'],
    [999.6, '1.0 s'],
    [1_300, '1.3 s'],
    [99_940, '99.9 s'],
    [120_000, '2 min'],
  ] as const)
    assert.equal(shortTime(ms), text, String(ms));
});

test('moments are told from now', () => {
  const nowMs = 1_000 * 86_400_000;
  const table: readonly (readonly [number, string])[] = [
    [-2_000, 'just now'],
    [-12_000, '12 s ago'],
    [-240_000, '4 min ago'],
    [-3 * 3_600_000, '3 h ago'],
    [-5 * 86_400_000, '5 d ago'],
    [90 * 86_400_000, 'in 90 d'],
  ];
  for (const [apart, text] of table) {
    assert.equal(until(nowMs + apart, nowMs), text);
    if (apart < 0) assert.equal(ago(nowMs + apart, nowMs), text);
  }
});
