import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as checkPhase } from 'node:timers/promises';
import { Rests } from './rests.ts';

test('a rest ends in the second check phase after it began, in the order of the beginnings', async () => {
  const rests = new Rests();
  const over: string[] = [];
  const begin = (name: string): void => rests.begin({ rested: () => over.push(name) });
  begin('a');
  begin('b');
  await checkPhase();
  assert.deepEqual(over, []);
  begin('c');
  await checkPhase();
  assert.deepEqual(over, ['a', 'b']);
  await checkPhase();
  assert.deepEqual(over, ['a', 'b', 'c']);
});

test('a rest that begins at the end of another one ends later', async () => {
  const rests = new Rests();
  const over: string[] = [];
  rests.begin({
    rested: () => {
      over.push('first');
      rests.begin({ rested: () => over.push('second') });
    },
  });
  await checkPhase();
  await checkPhase();
  assert.deepEqual(over, ['first']);
  await checkPhase();
  await checkPhase();
  assert.deepEqual(over, ['first', 'second']);
});

test('no rest ends after the close', async () => {
  const rests = new Rests();
  const over: string[] = [];
  rests.begin({ rested: () => over.push('older') });
  await checkPhase();
  rests.begin({ rested: () => over.push('younger') });
  rests.close();
  for (let i = 0; i < 3; i++) await checkPhase();
  assert.deepEqual(over, []);
});
