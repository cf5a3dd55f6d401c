/** The lists of models that flm itself answers, with the real catalogue, over real sockets. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { GatewayFixture } from '../../../test/helpers/gateway-fixture.ts';
import { assertNoLeaks, type Stock, takeStock } from '../../../test/helpers/leaks.ts';
import { get } from '../../../test/helpers/test-gateway.ts';

let stock: Stock;
let fixture: GatewayFixture;
before(async () => {
  stock = takeStock();
  fixture = await GatewayFixture.openReal(
    [
      {
        id: 'box',
        kind: 'ollama',
        models: [{ id: 'qwen3:latest', created: 1_700_000_000, contextLength: 4096 }],
      },
      { id: 'rig', kind: 'vllm', models: [{ id: 'Qwen/Qwen3-8B', created: 1_700_000_001 }] },
    ],
    [{ name: 'small', target: 'qwen3:latest' }],
  );
});
afterEach(() => fixture.settle());
after(async () => {
  await fixture.close();
  await assertNoLeaks(stock);
});

async function ask(path: string, more = '', key = fixture.proxy.key) {
  const response = await (await fixture.send(get(path, key, more))).response();
  return { status: response.status, body: JSON.parse(response.body.toString()), response };
}

const anthropic = 'anthropic-version: 2023-06-01\r\n';

test("OpenAI's list has the models of engines and aliases, each with its owner", async () => {
  const { status, body } = await ask('/v1/models');
  assert.equal(status, 200);
  assert.equal(body.object, 'list');
  assert.deepEqual(
    body.data.map((m: { id: string; owned_by: string; object: string }) => [m.id, m.owned_by, m.object]),
    [
      ['Qwen/Qwen3-8B', 'rig', 'model'],
      ['qwen3:latest', 'box', 'model'],
      ['small', 'box', 'model'],
    ],
  );
  assert.equal(body.data[1].created, 1_700_000_000);
  assert.equal(body.data[1].context_length, 4096);
});

test("a client that says so gets Anthropic's list", async () => {
  const { body } = await ask('/v1/models', anthropic);
  assert.deepEqual(body.data[0], {
    type: 'model',
    id: 'Qwen/Qwen3-8B',
    display_name: 'Qwen/Qwen3-8B',
    created_at: '2023-11-14T22:13:21.000Z',
  });
  assert.deepEqual([body.has_more, body.first_id, body.last_id], [false, 'Qwen/Qwen3-8B', 'small']);
});

test('one model is found by its id, with slashes as they are or escaped', async () => {
  for (const path of [
    '/v1/models/Qwen/Qwen3-8B',
    '/v1/models/Qwen%2FQwen3-8B',
    '/v1/models/qwen3:latest',
    '/v1/models/small',
  ])
    assert.equal((await ask(path)).status, 200, path);
  assert.equal((await ask('/v1/models/Qwen/Qwen3-8B')).body.id, 'Qwen/Qwen3-8B');
  assert.equal((await ask('/v1/models/small', anthropic)).body.type, 'model');
});

test('one that is not there, or that the key may not use, is the same 404 in the dialect', async () => {
  const key = fixture.addKey({ models: ['small'] });
  for (const [path, with_] of [
    ['/v1/models/nobody', fixture.proxy.key],
    ['/v1/models/Qwen/Qwen3-8B', key],
  ] as const) {
    const { status, body } = await ask(path, '', with_);
    assert.equal(status, 404);
    assert.equal(body.error.code, 'model_not_found');
  }
  assert.equal((await ask('/v1/models/nobody', anthropic)).body.error.type, 'not_found_error');
});

test('a key that may use none sees an empty list', async () => {
  const key = fixture.addKey({ models: ['none'] });
  const { status, body } = await ask('/v1/models', '', key);
  assert.equal(status, 200);
  assert.deepEqual(body.data, []);
  assert.deepEqual((await ask('/v1/models', anthropic, key)).body.first_id, null);
});

test('HEAD has the head of the list alone', async () => {
  const wire = await fixture.send(get('/v1/models', fixture.proxy.key).replace('GET', 'HEAD'));
  const head = await wire.until((bytes) => bytes.includes('\r\n\r\n'));
  assert.match(head.toString(), /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(head.toString(), /^content-length: [1-9]/im);
  assert.equal(head.indexOf('\r\n\r\n') + 4, head.length);
});

test('no engine is asked', () => {
  const asked = fixture.engines.flatMap((e) => e.requests).filter((r) => r.method === 'GET');
  assert.equal(asked.length, 0);
});
