/**
 * Several engines have the same model, and a request would be a hazard on some of them: with the real catalogue and the real kinds of
 * engines.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endFixtureAfterEachTest, GatewayFixture, type RealEngine } from '../helpers/gateway-fixture.ts';
import { answer } from '../helpers/raw-engine.ts';
import { post, type WireResponse } from '../helpers/test-gateway.ts';

const id = 'qwen3:8b';
let fixture: GatewayFixture;
endFixtureAfterEachTest(() => fixture);

async function send(body: object, key = fixture.proxy.key): Promise<WireResponse> {
  const request = post(
    '/api/chat',
    key,
    JSON.stringify({ model: id, messages: [{ role: 'user', content: 'hi' }], ...body }),
  );
  return (await fixture.send(Buffer.from(request))).response();
}

/** How many requests each engine got. */
const asked = (): readonly number[] => fixture.engines.map((engine) => engine.requests.length);

async function open(...models: readonly RealEngine['models'][number][]): Promise<void> {
  fixture = await GatewayFixture.openReal(
    models.map((model, i) => ({ id: `box-${i}`, kind: 'ollama', models: [model] })),
  );
  for (const engine of fixture.engines) engine.setScript([answer('{}')]);
}

test('a prompt goes to no twin that sends it to another machine, whatever the others answer', async () => {
  await open({ id, remote: true }, { id }, { id, remote: true });
  assert.equal((await send({})).status, 200);
  assert.deepEqual(asked(), [0, 1, 0]);
  fixture.engines[1]?.setScript([answer('busy', 'text/plain', '503 Busy')]);
  assert.equal((await send({})).status, 503);
  assert.deepEqual(asked(), [0, 2, 0]);
});

test('a key of an administrator may use every twin', async () => {
  await open({ id, remote: true }, { id });
  fixture.engines[0]?.setScript([answer('busy', 'text/plain', '503 Busy')]);
  const key = fixture.addKey({ scopes: ['inference', 'engine:admin'] });
  assert.equal((await send({}, key)).status, 200);
  assert.deepEqual(asked(), [1, 1]);
});

test('of twins with other contexts, the one gets the request for which it is no hazard', async () => {
  await open({ id, contextLength: 4096 }, { id, contextLength: 8192 });
  assert.equal((await send({ options: { num_ctx: 8192 } })).status, 200);
  assert.deepEqual(asked(), [0, 1]);
});

test('what is a hazard on every twin is refused as the hazard of the first', async () => {
  await open({ id, contextLength: 4096, remote: true }, { id, contextLength: 8192 });
  const refused = await send({ options: { num_ctx: 1 } });
  assert.equal(refused.status, 403);
  assert.match(refused.body.toString(), /send the prompt to/);
  assert.deepEqual(asked(), [0, 0]);
});
