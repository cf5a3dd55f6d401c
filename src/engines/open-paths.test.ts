import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type FakeTable, startFakeEngine } from '../../test/helpers/fake-engine.ts';
import { openLine } from '../../test/helpers/probe-line.ts';
import type { EngineRef } from '../core/engine/engine.ts';
import { findOpenPaths } from './open-paths.ts';

const wholeLoopback = { skip: process.platform === 'linux' ? false : 'needs all of 127.0.0.0/8' };
const never = new AbortController().signal;

const models = { body: { object: 'list', data: [{ id: 'm', object: 'model' }] } };
const locked = { status: 401, body: { error: 'Unauthorized' } };

/** An engine as flm knows it, on loopback or on another machine. */
async function serve(t: TestContext, table: FakeTable, host: string): Promise<EngineRef> {
  const engine = await startFakeEngine(table, host);
  t.after(() => engine.close());
  const address = { tls: false, host, port: engine.port, path: '' };
  return { id: 'a', kind: 'openai-compatible', url: engine.url, address, origin: 'saved' };
}

function line(t: TestContext) {
  const made = openLine();
  t.after(() => made.upstream.close());
  return made;
}

test('an engine on all addresses is open where it answers without a key', wholeLoopback, async (t) => {
  const table = { '/health': {}, '/v1/models': models, '/metrics': { body: '# TYPE a counter\na 1\n' } };
  const ref = await serve(t, table, '0.0.0.0');
  const local = { ...ref, address: { ...ref.address, host: '127.0.0.1' } };

  const found = await findOpenPaths(line(t), local, ['127.0.0.2', '127.0.0.3'], never);

  assert.deepEqual(found, {
    isOwn: true,
    addresses: ['127.0.0.2', '127.0.0.3'],
    paths: ['/v1/models', '/metrics'],
    isAnyOrigin: false,
  });
});

test(
  'an engine on loopback alone is closed, and so is another program on its port',
  wholeLoopback,
  async (t) => {
    const ref = await serve(t, { '/health': {}, '/v1/models': models }, '127.0.0.1');
    const other = await startFakeEngine({ '*': { body: '<html>' } }, '127.0.0.2', ref.address.port);
    t.after(() => other.close());

    assert.equal(await findOpenPaths(line(t), ref, ['127.0.0.2', '127.0.0.3'], never), undefined);
  },
);

test('the paths that an engine with a key answers without it are named', wholeLoopback, async (t) => {
  const table = {
    '/health': {},
    '/v1/models': locked,
    '/invocations': { status: 405, body: {} },
    '*': locked,
  };
  const ref = await serve(t, table, '0.0.0.0');
  const local = { ...ref, address: { ...ref.address, host: '127.0.0.1' }, apiKey: 'secret' };

  const found = await findOpenPaths(line(t), local, ['127.0.0.2'], never);

  assert.deepEqual([found?.addresses, found?.paths], [['127.0.0.2'], ['/invocations']]);
});

test(
  'an engine of another machine is asked at its own address, never with its key',
  wholeLoopback,
  async (t) => {
    const engine = await startFakeEngine({ '/v1/models': models }, '127.0.0.1');
    t.after(() => engine.close());
    const address = { tls: false, host: '0.0.0.0', port: engine.port, path: '' };
    const ref: EngineRef = {
      id: 'a',
      kind: 'vllm',
      url: engine.url,
      address,
      origin: 'saved',
      apiKey: 'secret',
    };

    const found = await findOpenPaths(line(t), ref, ['127.0.0.3'], never);

    assert.deepEqual([found?.isOwn, found?.addresses, found?.paths], [false, ['0.0.0.0'], ['/v1/models']]);
    assert.ok(engine.asked.every(({ headers }) => headers.authorization === undefined));
  },
);

test('an error with status 200 and a web page are not open', wholeLoopback, async (t) => {
  const table = { '/props': { body: '<html>' }, '*': { body: { error: 'Unexpected endpoint' } } };
  const engine = await startFakeEngine(table, '127.0.0.1');
  t.after(() => engine.close());
  const address = { tls: false, host: '0.0.0.0', port: engine.port, path: '' };
  const ref: EngineRef = { id: 'a', kind: 'lmstudio', url: engine.url, address, origin: 'saved' };

  assert.equal(await findOpenPaths(line(t), ref, [], never), undefined);
});

test('an engine that lets web pages of every origin read is found on loopback too', async (t) => {
  const fields = { 'access-control-allow-origin': '*' };
  const ref = await serve(t, { '/health': {}, '/v1/models': { ...models, fields } }, '127.0.0.1');

  const found = await findOpenPaths(line(t), ref, [], never);

  assert.deepEqual([found?.isAnyOrigin, found?.addresses], [true, []]);
});
