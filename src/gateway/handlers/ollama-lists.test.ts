/** Ollama's lists at the root: its own bytes where all may be seen, else cut down to what the key may use. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { Backstage } from '../../../test/helpers/backstage.ts';
import { assertNoLeaks, type Stock, takeStock } from '../../../test/helpers/leaks.ts';
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

let stock: Stock;
let stage: Backstage;
before(() => {
  stock = takeStock();
});
beforeEach(async () => {
  stage = await Backstage.openReal([
    { id: 'one', kind: 'ollama', models: [{ id: 'a:latest' }, { id: 'b:1' }] },
    { id: 'two', kind: 'ollama', models: [{ id: 'c:latest' }] },
    { id: 'rig', kind: 'vllm', models: [{ id: 'v' }] },
  ]);
});
afterEach(async () => {
  try {
    await stage.settle();
  } finally {
    await stage.close();
  }
});
after(() => assertNoLeaks(stock));

const first = '{"models" : [{"name":"a:latest","size":1.0e2,"unknown":null},{"name":"b:1"}]}';
const second = '{"models":[{"name":"c:latest"}]}';

const two = (): RawEngine => stage.engines[1] as RawEngine;

async function ask(key: string, path = '/api/tags') {
  const response = await (await stage.send(get(path, key))).response();
  return { status: response.status, text: response.body.toString() };
}

function names(text: string): readonly string[] {
  return JSON.parse(text).models.map((m: { name: string }) => m.name);
}

test('of the only Ollama that a key may use it sees the bytes', async () => {
  stage.engine.setScript([answer(first)]);
  for (const path of ['/api/tags', '/api/ps']) {
    const { status, text } = await ask(stage.addKey({ engines: ['one'] }), path);
    assert.equal(status, 200);
    assert.equal(text, first);
    assert.equal(stage.engine.requests.at(-1)?.target, path);
  }
});

test('the lists of several are put together', async () => {
  stage.engine.setScript([answer(first)]);
  two().setScript([answer(second)]);
  assert.deepEqual(names((await ask(stage.door.key)).text), ['a:latest', 'b:1', 'c:latest']);
});

test('a key sees only the models that it may use, each entry as the engine wrote it', async () => {
  stage.engine.setScript([answer(first)]);
  two().setScript([answer(second)]);
  const { text } = await ask(stage.addKey({ models: ['a:*'] }));
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
    stage.engine.setScript(steps);
    assert.deepEqual(names((await ask(stage.door.key)).text), ['c:latest']);
  }
});

test('where no engine gives a list it is a 502', async () => {
  stage.engine.setScript([close]);
  two().setScript([answer('nonsense')]);
  const { status, text } = await ask(stage.door.key);
  assert.equal(status, 502);
  assert.equal(typeof JSON.parse(text).error, 'string');
});

test('a list above one megabyte is none', async () => {
  stage.engine.setScript([answer(`{"models":[],"x":"${'x'.repeat(5_000_000)}"}`)]);
  two().setScript([answer(second)]);
  assert.deepEqual(names((await ask(stage.door.key)).text), ['c:latest']);
});

test('a list in chunks of one byte is a list like any other', async () => {
  const chunks = [...Buffer.from(first)].map((byte) => chunk(Buffer.from([byte])));
  const head = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n';
  stage.engine.setScript([head, Buffer.concat(chunks), lastChunk]);
  two().setScript([answer(second)]);
  assert.deepEqual(names((await ask(stage.door.key)).text), ['a:latest', 'b:1', 'c:latest']);
});

test('a client that leaves takes its questions back', async () => {
  stage.engine.setScript([hold(new Promise(() => {}))]);
  two().setScript([hold(new Promise(() => {}))]);
  const wire = await stage.send(get('/api/tags', stage.door.key));
  await Promise.all([stage.engine.arrived(1), two().arrived(1)]);
  wire.close();
  await Promise.all([stage.engine.deserted(), two().deserted()]);
});

test('a key that is revoked while lists are merged gets its refusal, and the engines their requests back', async () => {
  const key = stage.addKey({});
  stage.engine.setScript([answer(first)]);
  two().setScript([hold(new Promise(() => {}))]);
  const wire = await stage.send(get('/api/tags', key));
  await Promise.all([stage.engine.arrived(1), two().arrived(1)]);
  stage.door.revoke(key);
  const response = await wire.response();
  assert.equal(response.status, 401);
  assert.match(JSON.parse(response.body.toString()).error, /was revoked/);
  await two().deserted();
});

test('where the key may use no Ollama the route is not served', async () => {
  const { status, text } = await ask(stage.addKey({ engines: ['rig'] }));
  assert.equal(status, 404);
  assert.match(JSON.parse(text).error, /no Ollama runs here/);
});
