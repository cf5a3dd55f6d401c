import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { RequestPacer } from './request-pacer.ts';

/** Asks for so many requests at once; the odd ones end before they begin, if `leave`. Returns those that began in each turn. */
async function turnsOf(
  pacer: RequestPacer,
  requests: number,
  leave = false,
): Promise<readonly (readonly number[])[]> {
  let began: number[] = [];
  for (let i = 0; i < requests; i++) {
    if (pacer.mayBegin()) began.push(i);
    else
      pacer.wait(() => {
        if (leave && i % 2 > 0) return false;
        began.push(i);
        return true;
      });
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

test('a turn of the event loop begins 32 requests, and the others begin in later turns, in their order', async () => {
  const turns = await turnsOf(new RequestPacer(), 80);
  assert.deepEqual(lengths(turns), [32, 32, 16]);
  assert.deepEqual(
    turns.flat(),
    Array.from({ length: 80 }, (_, i) => i),
  );
});

test('a request that ended while it waited takes no place of another one', async () => {
  assert.deepEqual(lengths(await turnsOf(new RequestPacer(), 112, true)), [32, 32, 8]);
});

test('a request that arrives while others wait begins after them', async () => {
  const pacer = new RequestPacer();
  const order: string[] = [];
  const waits = (what: string) => (): boolean => order.push(what) > 0;
  for (let i = 0; i < 64; i++) if (!pacer.mayBegin()) pacer.wait(waits('early'));
  await nextTurn();
  assert.equal(order.length, 32);
  assert.equal(pacer.mayBegin(), false);
  pacer.wait(waits('late'));
  await nextTurn();
  assert.equal(order.length, 33);
  assert.equal(order.at(-1), 'late');
});

test('all that wait begin at once when they must', async () => {
  const pacer = new RequestPacer();
  let began = 0;
  for (let i = 0; i < 100; i++) if (!pacer.mayBegin()) pacer.wait(() => ++began > 0);
  pacer.beginAll();
  assert.equal(began, 68);
  await nextTurn();
  assert.equal(began, 68);
});
