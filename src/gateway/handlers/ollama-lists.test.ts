/** Ollama's lists at the root: its own bytes where all may be seen, else cut down to what the key may use. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { endFixtureAfterEachTest, GatewayFixture } from '../../../test/helpers/gateway-fixture.ts';
import {
  answer,
  chunk,
  close,
  hold,
  lastChunk,
  type RawEngine,
  reset,
} from '../../../test/helpers/raw-engine.ts';
import { get } from '../../../test/helpers/test-gateway.ts';

let fixture: GatewayFixture;
endFixtureAfterEachTest(() => fixture);
beforeEach(async () => {
  fixture = await GatewayFixture.openReal([
    { id: 'one', kind: 'ollama', models: [{ id: 'a:latest' }, { id: 'b:1' }] },
    { id: 'two', kind: 'ollama', models: [{ id: 'c:latest' }] },
    { id: 'rig', kind: 'vllm', models: [{ id: 'v' }] },
  ]);
});

const first = '{"models" : [{"name":"a:latest","size":1.0e2,"unknown":null},{"name":"b:1"}]}';
const second = '{"models":[{"name":"c:latest"}]}';

const two = (): RawEngine => fixture.engines[1] as RawEngine;

async function ask(key: string, path = '/api/tags') {
  const response = await (await fixture.send(get(path, key))).response();
  return { status: response.status, text: response.body.toString() };
}

function names(text: string): readonly string[] {
  return JSON.parse(text).models.map((m: { name: string }) => m.name);
}

test('of the only Ollama that a key may use it sees the bytes', async () => {
  fixture.engine.setScript([answer(first)]);
  for (const path of ['/api/tags', '/api/ps']) {
    const { status, text } = await ask(fixture.addKey({ engines: ['one'] }), path);
    assert.equal(status, 200);
    assert.equal(text, first);
    assert.equal(fixture.engine.requests.at(-1)?.target, path);
  }
});

test('the lists of several are put together', async () => {
  fixture.engine.setScript([answer(first)]);
  two().setScript([answer(second)]);
  assert.deepEqual(names((await ask(fixture.proxy.key)).text), ['a:latest', 'b:1', 'c:latest']);
});

test('a key sees only the models that it may use, each entry as the engine wrote it', async () => {
  fixture.engine.setScript([answer(first)]);
  two().setScript([answer(second)]);
  const { text } = await ask(fixture.addKey({ models: ['a:*'] }));
  assert.deepEqual(JSON.parse(text), { models: [{ name: 'a:latest', size: 100, unknown: null }] });
});

test('an engine that gives no list, or nonsense, takes nothing from the others', async () => {
  two().setScript([answer(second)]);
  for (const steps of [
    [close],
    [reset],
    [answer('[]')],
    [answer('{"models":7}')],
    [answer('no', 'text/html')],
    [answer(first, 'application/json', '500 Oops')],
  ]) {
    fixture.engine.setScript(steps);
    assert.deepEqual(names((await ask(fixture.proxy.key)).text), ['c:latest']);
  }
});

test('where no engine gives a list it is a 502', async () => {
  fixture.engine.setScript([close]);
  two().setScript([answer('nonsense')]);
  const { status, text } = await ask(fixture.proxy.key);
  assert.equal(status, 502);
  assert.equal(typeof JSON.parse(text).error, 'string');
});

test('a list above one megabyte is none', async () => {
  fixture.engine.setScript([answer(`{"models":[],"x":"${'x'.repeat(5_000_000)}"}`)]);
  two().setScript([answer(second)]);
  assert.deepEqual(names((await ask(fixture.proxy.key)).text), ['c:latest']);
});

test('a list in chunks of one byte is a list like any other', async () => {
  const chunks = [...Buffer.from(first)].map((byte) => chunk(Buffer.from([byte])));
  const head = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n';
  fixture.engine.setScript([head, Buffer.concat(chunks), lastChunk]);
  two().setScript([answer(second)]);
  assert.deepEqual(names((await ask(fixture.proxy.key)).text), ['a:latest', 'b:1', 'c:latest']);
});

test('a client that leaves takes its questions back', async () => {
  fixture.engine.setScript([hold(new Promise(() => {}))]);
  two().setScript([hold(new Promise(() => {}))]);
  const wire = await fixture.send(get('/api/tags', fixture.proxy.key));
  await Promise.all([fixture.engine.arrived(1), two().arrived(1)]);
  wire.close();
  await Promise.all([fixture.engine.deserted(), two().deserted()]);
});

test('a key that is revoked while lists are merged gets its refusal, and the engines their requests back', async () => {
  const key = fixture.addKey({});
  fixture.engine.setScript([answer(first)]);
  two().setScript([hold(new Promise(() => {}))]);
  const wire = await fixture.send(get('/api/tags', key));
  await Promise.all([fixture.engine.arrived(1), two().arrived(1)]);
  fixture.proxy.revoke(key);
  const response = await wire.response();
  assert.equal(response.status, 401);
  assert.match(JSON.parse(response.body.toString()).error, /was revoked/);
  await two().deserted();
});

test('where the key may use no Ollama the route is not served', async () => {
  const { status, text } = await ask(fixture.addKey({ engines: ['rig'] }));
  assert.equal(status, 404);
  assert.match(JSON.parse(text).error, /no Ollama runs here/);
});
