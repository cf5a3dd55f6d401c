import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MovedClock } from '../../test/helpers/moved-clock.ts';
import { sampleLine, sampleRunning } from '../../test/helpers/request-samples.ts';
import type { RequestsUpdate, RunningRequest } from '../core/proxy/running-request.ts';
import { watchRequests } from './request-watch.ts';
import { TailHub } from './tail.ts';

function watched() {
  const clock = new MovedClock();
  const tail = new TailHub();
  const state: { running: readonly RunningRequest[]; looks: number } = { running: [], looks: 0 };
  const ended = new AbortController();
  const running = () => {
    state.looks += 1;
    return state.running;
  };
  const updates = watchRequests({ running, tail, clock }, ended.signal);
  /** The next update, which comes within this time. */
  const next = async (withinMs: number): Promise<RequestsUpdate | undefined> => {
    const update = updates.next();
    await clock.move(withinMs);
    return (await update).value ?? undefined;
  };
  return { clock, tail, state, ended, updates, next };
}

test('a reader gets every running request first, and then what changed, four times a second at most', async () => {
  const { state, tail, updates, next, ended, clock } = watched();
  const [a, b] = [sampleRunning({ id: 'a' }), sampleRunning({ id: 'b' })];
  state.running = [a, b];
  assert.deepEqual((await updates.next()).value, { running: [a, b], gone: [], ended: [] });
  const c = sampleRunning({ id: 'c' });
  const moved = { ...b, state: 'streaming' as const, ageMs: 252 };
  state.running = [{ ...a, ageMs: 252 }, moved, c];
  assert.deepEqual(await next(250), { running: [moved, c], gone: [], ended: [] });
  const line = sampleLine({ id: 'a' });
  tail.publish(line);
  tail.publish(sampleLine({ id: 'short' }));
  // A page that watches must not cause updates by its own calls.
  tail.publish(sampleLine({ id: 'page', path: '/flm/api/v1/requests' }));
  state.running = [moved, c];
  const update = await next(250);
  assert.deepEqual(
    [update?.running, update?.gone, update?.ended.map(({ id }) => id)],
    [[], ['a'], ['a', 'short']],
  );
  ended.abort();
  assert.equal((await updates.next()).done, true);
  assert.equal(clock.timers, 0);
});

test('where nothing changed nothing is sent', async () => {
  const { state, updates, next, ended } = watched();
  state.running = [sampleRunning()];
  await updates.next();
  const looks = state.looks;
  const update = next(1_000);
  ended.abort();
  assert.equal(await update, undefined);
  assert.ok(state.looks >= looks);
});

test('nothing is looked at without a reader, nor after the reader left', async () => {
  const { state, clock, updates, tail, ended } = watched();
  await clock.move(1_000);
  assert.equal(state.looks, 0);
  await updates.next();
  await updates.return();
  tail.publish(sampleLine());
  await clock.move(1_000);
  assert.equal(state.looks, 1);
  assert.equal(clock.timers, 0);
  ended.abort();
});

test('a reader that is slow gets the newest of the requests that ended', async () => {
  const { tail, updates, next, ended } = watched();
  await updates.next();
  for (let i = 0; i < 1_000; i++) tail.publish(sampleLine({ id: String(i) }));
  const update = await next(250);
  assert.equal(update?.ended.length, 200);
  assert.equal(update?.ended.at(-1)?.id, '999');
  ended.abort();
  await updates.return();
});

test('many requests are reported less often, so that a reader costs the same at any load', async () => {
  const { state, clock, updates, ended } = watched();
  const runningAt = (bytesOut: number) =>
    Array.from({ length: 200 }, (_, i) => sampleRunning({ id: String(i), bytesOut }));
  state.running = runningAt(1);
  await updates.next();
  state.running = runningAt(2);
  const next = updates.next();
  await clock.move(999);
  assert.equal(state.looks, 1);
  await clock.move(1);
  assert.equal((await next).value?.running.length, 200);
  ended.abort();
  await updates.return();
});
