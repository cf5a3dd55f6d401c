import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { RequestPacer } from './request-pacer.ts';

/** Asks for so many requests at once. Returns which began: first those that began at once, then those of each later turn. */
async function turnsOf(pacer: RequestPacer, requests: number): Promise<readonly (readonly number[])[]> {
  const turns: number[][] = [];
  let began: number[] = [];
  for (let i = 0; i < requests; i++) {
    const later = (): void => void began.push(i);
    if (pacer.mayBegin(later)) began.push(i);
  }
  for (let left = requests - began.length; ; left -= began.length) {
    turns.push(began);
    if (left === 0) return turns;
    began = [];
    await nextTurn();
  }
}

test('a turn of the event loop begins 32 requests, and the others begin in later turns, in their order', async () => {
  const turns = await turnsOf(new RequestPacer(), 80);
  assert.deepEqual(
    turns.map((turn) => turn.length),
    [32, 32, 16],
  );
  assert.deepEqual(
    turns.flat(),
    Array.from({ length: 80 }, (_, i) => i),
  );
});

test('a request that arrives while others wait begins after them', async () => {
  const pacer = new RequestPacer();
  const order: string[] = [];
  for (let i = 0; i < 64; i++) pacer.mayBegin(() => order.push('waited'));
  await nextTurn();
  assert.equal(order.length, 32);
  assert.equal(
    pacer.mayBegin(() => order.push('late')),
    false,
  );
  await nextTurn();
  assert.equal(order.at(-1), 'late');
  assert.equal(order.length, 33);
});
