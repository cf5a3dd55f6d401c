/**
 * An engine that dies and comes back, behind the real service: what clients are told meanwhile, and that nothing of it
 * sticks, neither to the breaker nor to the count of requests in flight.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { failuresToOpen } from '../../src/core/engine/breaker.ts';
import { Backstage } from '../helpers/backstage.ts';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import {
  answer,
  chunk,
  close,
  lastChunk,
  reset,
  type Script,
  type Steps,
  sseHead,
} from '../helpers/raw-engine.ts';

let stock: Stock;
let stage: Backstage;
before(() => {
  stock = takeStock();
});
beforeEach(async () => {
  stage = await Backstage.openReal([{ id: 'rig', kind: 'vllm', models: [{ id: 'm' }] }]);
});
afterEach(async () => {
  try {
    await stage.settle();
  } finally {
    await stage.close();
  }
});
after(() => assertNoLeaks(stock));

const good = answer('{"good":true}');

/** Statuses of so many requests, one after the other. */
async function statuses(script: Script, count: number): Promise<readonly number[]> {
  const seen: number[] = [];
  for (let i = 0; i < count; i++) seen.push((await stage.ask(script)).status);
  return seen;
}

test('an engine that resets again and again is left alone for a while, and asked again with one request', async () => {
  assert.deepEqual(await statuses([good], 3), [200, 200, 200]);
  assert.deepEqual(await statuses([reset], failuresToOpen), Array(failuresToOpen).fill(502));
  const asked = stage.engine.requests.length;
  const refused = await stage.ask([good]);
  assert.equal(refused.status, 503);
  assert.equal(JSON.parse(refused.body.toString()).error.code, 'engine_down');
  assert.match(refused.field('retry-after') ?? '', /^[1-9]\d*$/);
  assert.equal(stage.engine.requests.length, asked, 'nobody asked it');

  await stage.clock.move(1_500);
  assert.deepEqual(await statuses([reset], 2), [502, 503], 'the trial fails, and the pause goes on');
  await stage.clock.move(3_000);
  assert.deepEqual(await statuses([good], 3), [200, 200, 200]);
});

test('a request that goes well in between keeps it in', async () => {
  for (let i = 0; i < 4; i++) {
    assert.deepEqual(await statuses([reset], failuresToOpen - 1), Array(failuresToOpen - 1).fill(502));
    assert.deepEqual(await statuses([good], 1), [200]);
  }
});

test('errors that the engine answers with, time-outs and clients that leave do not count', async () => {
  const many = failuresToOpen * 2;
  assert.deepEqual(
    await statuses([answer('{}', 'application/json', '500 Oops')], many),
    Array(many).fill(500),
  );
  assert.deepEqual(
    await statuses([answer('{}', 'application/json', '429 Busy')], many),
    Array(many).fill(429),
  );
  for (let i = 0; i < many; i++) {
    stage.engine.setScript([sseHead, chunk('data: {"a":1}\n\n')]);
    const wire = await stage.send(stage.post({ model: 'm', stream: true }));
    await wire.until((bytes) => bytes.includes('"a"'));
    wire.close();
    await stage.engine.deserted();
  }
  assert.deepEqual(await statuses([good], 1), [200]);
});

test('a stream that is cut counts like a reset', async () => {
  const cuts: readonly Steps[] = [
    [sseHead, chunk('data: {"a":1}\n\n'), reset],
    [sseHead, chunk('data: {"a":1}\n\n'), lastChunk],
    ['HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{', close],
    [close],
    [sseHead, close],
  ];
  assert.equal(cuts.length, failuresToOpen);
  for (const steps of cuts) await stage.ask(steps, { model: 'm', stream: true });
  assert.equal((await stage.ask([good])).status, 503);
  await stage.clock.move(1_500);
});
