import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NodeCount } from './node-count.ts';

const minuteMs = 60_000;

test('the largest number of the last ten minutes counts, also while nodes are few', () => {
  const count = new NodeCount(1, 0);
  count.note(5, 1_000);
  for (let atMs = 2 * minuteMs; atMs < 9 * minuteMs; atMs += 1_000) count.note(3, atMs);
  assert.equal(count.most, 5);
  for (let atMs = 9 * minuteMs; atMs < 12 * minuteMs; atMs += 1_000) count.note(3, atMs);
  assert.equal(count.most, 3);
});

test('without news the last number stays, however long the server is away', () => {
  const count = new NodeCount(4, 0);
  count.note(4, 60 * minuteMs);
  assert.equal(count.most, 4);
  assert.equal(new NodeCount(0, 0).most, 1, 'a node knows at least itself');
});
