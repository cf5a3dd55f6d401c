/** The age of the state of a proxy whose database goes away and comes back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MovedClock } from '../../test/helpers/moved-clock.ts';
import { Heard } from '../../test/helpers/proxy-stores.ts';
import { StoreError } from '../core/errors.ts';
import { ConnectedStore } from './connected-store.ts';
import type { StoreConnection } from './store-requests.ts';

/** A database without contents, which can be away. */
class EmptyDatabase implements StoreConnection {
  isAway = false;
  reason = 'it is away';
  readonly alive = false;
  changed: () => void = () => {};
  looks = 0;

  async ask({ do: what }: Parameters<StoreConnection['ask']>[0]): ReturnType<StoreConnection['ask']> {
    if (this.isAway)
      throw new StoreError('STORE_UNUSABLE', { params: { file: 'the database', reason: this.reason } });
    if (what !== 'look') return { answer: { say: 'counted', totals: undefined }, keys: [] };
    this.looks++;
    return { answer: { say: 'state', delta: undefined }, keys: [] };
  }
  watch(changed: () => void): void {
    this.changed = changed;
  }
  endIfHung(): void {}
  stop(): void {}
  async gone(): Promise<void> {}
}

async function started(maxAgeMs: number | undefined) {
  const [clock, database, heard] = [new MovedClock(), new EmptyDatabase(), new Heard()];
  const store = new ConnectedStore({
    connection: database,
    clock,
    name: 'the database',
    lookMs: 500,
    countMs: 1_000,
    ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
  });
  await store.start(heard);
  return { store, clock, database, heard };
}

test('the state expires when no look has succeeded for the longest allowed time, and ends with the first look', async () => {
  const { store, clock, database, heard } = await started(10_000);
  const startMs = clock.nowMs();
  await clock.move(60_000);
  database.isAway = true;
  await clock.move(9_500);
  assert.deepEqual(heard.expiries, []);
  assert.equal(heard.problems.length, 1, 'the problem itself is reported at once, and once');
  assert.equal(store.reading.isExpired, false);
  await clock.move(1_000);
  assert.deepEqual(heard.expiries, [true]);
  const { readAtMs, ageMs, maxAgeMs, isExpired } = store.reading;
  assert.deepEqual([readAtMs, ageMs, maxAgeMs, isExpired], [startMs + 60_000, 10_500, 10_000, true]);
  await clock.move(600_000);
  assert.deepEqual(heard.expiries, [true], 'reported once');
  database.isAway = false;
  await clock.move(500);
  assert.deepEqual(heard.expiries, [true, false]);
  assert.equal(store.reading.isExpired, false);
  await store.close();
  assert.equal(clock.timers, 0);
});

test('an outage whose reason changes with each try is reported once', async () => {
  const { store, clock, database, heard } = await started(undefined);
  database.isAway = true;
  for (const reason of ['the connection was refused', 'it is starting', 'it did not answer in time']) {
    database.reason = reason;
    await clock.move(2_000);
  }
  database.isAway = false;
  await clock.move(2_000);
  assert.equal(heard.problems.length, 2);
  assert.match(heard.problems[0] ?? '', /refused/);
  assert.equal(heard.problems[1], undefined);
  await store.close();
});

test('without a longest time the state never expires', async () => {
  const { store, clock, database, heard } = await started(undefined);
  database.isAway = true;
  await clock.move(600_000);
  assert.deepEqual(heard.expiries, []);
  assert.equal(store.reading.maxAgeMs, null);
  await store.close();
});

test('a change that the database reports is read at once', async () => {
  const { store, database } = await started(undefined);
  const before = database.looks;
  database.changed();
  await store.refresh();
  assert.equal(database.looks, before + 2);
  await store.close();
});
