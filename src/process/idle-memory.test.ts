import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getHeapStatistics } from 'node:v8';
import { MovedClock } from '../../test/helpers/moved-clock.ts';
import { collectGarbage, trimWhenIdle } from './idle-memory.ts';

const megabyte = 1024 * 1024;

/** A process with numbers in place of a heap. */
class Resting {
  readonly clock = new MovedClock();
  inFlight = 0;
  handled = 0;
  heap = 30 * megabyte;
  collections = 0;
  readonly stop = trimWhenIdle({
    clock: this.clock,
    inFlight: () => this.inFlight,
    handled: () => this.handled,
    heapBytes: () => this.heap,
    collect: () => {
      this.collections += 1;
      this.heap = 20 * megabyte;
    },
  });
}

test('the memory of a start is returned once, after seconds without a request', async () => {
  const resting = new Resting();
  await resting.clock.move(2_000);
  assert.equal(resting.collections, 0);
  await resting.clock.move(60_000);
  assert.equal(resting.collections, 1);
  resting.stop();
});

test('nothing is collected while requests run or arrive', async () => {
  const resting = new Resting();
  resting.inFlight = 1;
  await resting.clock.move(60_000);
  resting.inFlight = 0;
  for (let i = 0; i < 30; i += 1) {
    resting.handled += 1;
    await resting.clock.move(2_000);
  }
  assert.equal(resting.collections, 0);
  await resting.clock.move(310_000);
  assert.equal(resting.collections, 1);
  resting.stop();
});

test('a pause between requests costs no collection, which would forget optimised code', async () => {
  const resting = new Resting();
  await resting.clock.move(60_000);
  assert.equal(resting.collections, 1);
  for (let i = 0; i < 5; i += 1) {
    resting.handled += 10_000;
    resting.heap = 60 * megabyte;
    await resting.clock.move(240_000);
  }
  assert.equal(resting.collections, 1);
  resting.stop();
});

test('few requests cause no collection, and a busy hour causes one', async () => {
  const resting = new Resting();
  await resting.clock.move(60_000);
  resting.handled += 1;
  resting.heap = 24 * megabyte;
  await resting.clock.move(400_000);
  assert.equal(resting.collections, 1);
  resting.handled += 100_000;
  resting.heap = 60 * megabyte;
  await resting.clock.move(400_000);
  assert.equal(resting.collections, 2);
  resting.stop();
  resting.heap = 60 * megabyte;
  await resting.clock.move(400_000);
  assert.equal(resting.collections, 2);
});

test('a collection frees what nothing refers to, and leaves no function for it', () => {
  let garbage: number[][] | undefined = Array.from({ length: 200 }, () =>
    Array.from({ length: 10_000 }, (_, i) => i),
  );
  const before = getHeapStatistics().total_physical_size;
  assert.equal(garbage.length, 200);
  garbage = undefined;
  collectGarbage();
  assert.ok(getHeapStatistics().total_physical_size < before - 8 * megabyte);
  assert.equal(globalThis.gc, undefined);
});
