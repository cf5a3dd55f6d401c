import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpentToday } from './spent-today.ts';

const dayMs = 86_400_000;

test('what the database knows and what the server counted: the higher one holds', () => {
  const spent = new SpentToday({ today: () => 100 }, { nowMs: () => 0 });
  assert.equal(spent.today('a'), 100);
  spent.counted('a', 150);
  assert.equal(spent.today('a'), 150);
  spent.counted('a', 20);
  assert.equal(spent.today('a'), 100);
});

test('without a count of the server, charges add to what the database knew', () => {
  const spent = new SpentToday({ today: () => 100 }, { nowMs: () => 0 });
  spent.spent('a', 30);
  spent.spent('a', 5);
  assert.equal(spent.today('a'), 135);
  assert.deepEqual(spent.exportState(), [['a', 135]]);
});

test('a new day begins with nothing', () => {
  let nowMs = dayMs - 1;
  const spent = new SpentToday({ today: () => 0 }, { nowMs: () => nowMs });
  spent.counted('a', 50);
  nowMs = dayMs;
  assert.equal(spent.today('a'), 0);
});
