import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { LoopTurns } from './loop-turns.ts';

test('each follower is called once in each turn of the event loop, until it needs no more', async () => {
  const turns = new LoopTurns();
  const calls: string[] = [];
  const follow = (name: string, times: number): void => {
    let left = times;
    turns.follow((at) => {
      calls.push(`${name}${at}`);
      left -= 1;
      return left > 0;
    });
  };
  follow('a', 3);
  follow('b', 1);
  follow('c', 2);
  for (let i = 0; i < 5; i++) await turn();
  assert.deepEqual(calls, ['a1', 'b1', 'c1', 'a2', 'c2', 'a3']);
  assert.equal(turns.turn, 3);
});

test('a follower that is added during a turn is called from the next turn on', async () => {
  const turns = new LoopTurns();
  const calls: string[] = [];
  turns.follow((at) => {
    calls.push(`first${at}`);
    if (at === 1)
      turns.follow((later) => {
        calls.push(`second${later}`);
        return false;
      });
    return at < 2;
  });
  for (let i = 0; i < 4; i++) await turn();
  assert.deepEqual(calls, ['first1', 'first2', 'second2']);
});

test('nothing is called after the turns were closed, in the same turn either', async () => {
  const turns = new LoopTurns();
  const calls: number[] = [];
  turns.follow((at) => {
    calls.push(at);
    turns.close();
    return true;
  });
  turns.follow((at) => {
    calls.push(-at);
    return true;
  });
  for (let i = 0; i < 3; i++) await turn();
  assert.deepEqual(calls, [1]);
});
