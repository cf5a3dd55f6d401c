import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { RequestPacer } from './request-pacer.ts';

/** Asks for turns for so many requests at once; `isOver` tells which end while they wait. Returns those that went on in each turn. */
async function turnsOf(
  pacer: RequestPacer,
  requests: number,
  isOver: (i: number) => boolean = () => false,
): Promise<readonly (readonly number[])[]> {
  let began: number[] = [];
  for (let i = 0; i < requests; i++) {
    const turn = pacer.turnFor({ over: isOver(i) });
    if (turn === undefined) began.push(i);
    else if (!isOver(i)) void turn.then(() => began.push(i));
  }
  const turns: number[][] = [];
  while (began.length > 0) {
    turns.push(began);
    began = [];
    await nextTurn();
  }
  return turns;
}

const lengths = (turns: readonly (readonly number[])[]): readonly number[] =>
  turns.map((turn) => turn.length);

test('32 requests go on in a turn of the event loop, and the others in later turns, in their order', async () => {
  const turns = await turnsOf(new RequestPacer(), 80);
  assert.deepEqual(lengths(turns), [32, 32, 16]);
  assert.deepEqual(
    turns.flat(),
    Array.from({ length: 80 }, (_, i) => i),
  );
});

test('a request that ended while it waited takes no place of another one', async () => {
  const turns = await turnsOf(new RequestPacer(), 112, (i) => i >= 32 && i % 2 > 0);
  assert.deepEqual(lengths(turns), [32, 32, 8]);
});

test('a request that arrives while others wait goes on after them', async () => {
  const pacer = new RequestPacer();
  const order: string[] = [];
  const ask = (what: string): unknown => pacer.turnFor({ over: false })?.then(() => order.push(what));
  for (let i = 0; i < 64; i++) void ask('early');
  await nextTurn();
  assert.equal(order.length, 32);
  void ask('late');
  assert.equal(order.length, 32);
  await nextTurn();
  assert.equal(order.length, 33);
  assert.equal(order.at(-1), 'late');
});

test('requests that come one by one never wait', async () => {
  const pacer = new RequestPacer();
  for (let i = 0; i < 100; i++) {
    assert.equal(pacer.turnFor({ over: false }), undefined);
    await nextTurn();
  }
});
