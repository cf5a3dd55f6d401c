/**
 * An engine that dies and comes back, behind the real service: what clients are told meanwhile, and that nothing of it
 * sticks, neither to the breaker nor to the count of requests in flight. No request can open the breaker.
 */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { failuresToOpen } from '../../src/core/engine/breaker.ts';
import { endFixtureAfterEachTest, GatewayFixture } from '../helpers/gateway-fixture.ts';
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
import { post } from '../helpers/test-gateway.ts';

let fixture: GatewayFixture;
endFixtureAfterEachTest(() => fixture);
beforeEach(async () => {
  fixture = await GatewayFixture.openReal([{ id: 'rig', kind: 'vllm', models: [{ id: 'm' }] }]);
});

const good = answer('{"good":true}');

/** Statuses of so many requests, one after the other. */
async function statuses(script: Script, count: number): Promise<readonly number[]> {
  const seen: number[] = [];
  for (let i = 0; i < count; i++) seen.push((await fixture.ask(script)).status);
  return seen;
}

test('an engine that refuses connections is left alone for a while, and asked again with one request', async () => {
  assert.deepEqual(await statuses([good], 3), [200, 200, 200]);
  await fixture.engine.refuse();
  assert.deepEqual(await statuses([good], failuresToOpen), Array(failuresToOpen).fill(502));
  const refused = await fixture.ask([good]);
  assert.equal(refused.status, 503);
  assert.equal(JSON.parse(refused.body.toString()).error.code, 'engine_down');
  assert.match(refused.field('retry-after') ?? '', /^[1-9]\d*$/);

  await fixture.clock.move(1_500);
  assert.deepEqual(await statuses([good], 2), [502, 503], 'the trial fails, and the pause goes on');
  await fixture.engine.listenAgain();
  assert.deepEqual(await statuses([good], 1), [503], 'nobody asks it before the pause is over');
  await fixture.clock.move(3_000);
  assert.deepEqual(await statuses([good], 3), [200, 200, 200]);
});

test('a request that goes well in between keeps it in', async () => {
  for (let i = 0; i < 3; i++) {
    await fixture.engine.refuse();
    assert.deepEqual(await statuses([good], failuresToOpen - 1), Array(failuresToOpen - 1).fill(502));
    await fixture.engine.listenAgain();
    assert.deepEqual(await statuses([good], 1), [200]);
  }
});

const json = 'application/json';
const provoked: readonly (readonly [name: string, steps: Steps])[] = [
  ['resets', [reset]],
  ['closes', [close]],
  ['cuts its stream', [sseHead, chunk('data: {"a":1}\n\n'), reset]],
  ['ends its stream too early', [sseHead, chunk('data: {"a":1}\n\n'), lastChunk]],
  ['cuts its body', ['HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{', close]],
  ['answers with what is no HTTP', ['220 smtp.example\r\n']],
  ['says 500', [answer('{}', json, '500 Oops')]],
  ['says 502', [answer('{}', json, '502 Bad')]],
  ['says 429', [answer('{}', json, '429 Busy')]],
  ['says 401', [answer('{}', json, '401 Who')]],
];
for (const [name, steps] of provoked) {
  test(`a key whose requests make the engine fail takes it from nobody: it ${name}`, async () => {
    const other = fixture.addKey({});
    for (let i = 0; i < 12; i++) await fixture.ask(steps, { model: 'm', stream: true });
    fixture.engine.setScript([good]);
    const wire = await fixture.send(post('/v1/chat/completions', other, '{"model":"m"}'));
    assert.equal((await wire.response()).status, 200);
    assert.equal(fixture.engine.requests.length, 13, 'every request reached the engine');
  });
}

test('clients that leave do not count', async () => {
  for (let i = 0; i < failuresToOpen * 2; i++) {
    fixture.engine.setScript([sseHead, chunk('data: {"a":1}\n\n')]);
    const wire = await fixture.send(fixture.post({ model: 'm', stream: true }));
    await wire.until((bytes) => bytes.includes('"a"'));
    wire.close();
    await fixture.engine.deserted();
  }
  assert.deepEqual(await statuses([good], 1), [200]);
});
