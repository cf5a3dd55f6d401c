/** The admin API: engines, models and aliases, over real services and servers that answer like engines. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readingCaller, startedAdmin } from '../helpers/admin-fixture.ts';
import { type FakeTable, janTable, ollamaTable, startFakeEngine } from '../helpers/fake-engine.ts';
import { startProxy } from '../helpers/start-proxy.ts';

async function engine(t: TestContext, table: FakeTable) {
  const started = await startFakeEngine(table);
  t.after(() => started.close());
  return started;
}

test('an engine is added, listed, tested, changed and removed, with the caller in the audit', async (t) => {
  const [first, second] = [await engine(t, ollamaTable), await engine(t, ollamaTable)];
  const { call, flm } = await startedAdmin(t);
  const added = await call('POST', '/engines', { body: { url: `${first.url}/v1`, slots: 2 } });
  assert.equal(added.status, 201, added.body);
  const { id } = added.document;
  assert.deepEqual(
    [added.document.url, added.document.slots, added.document.examined.product],
    [`${first.url}/v1`, 2, 'Ollama'],
  );
  const listed = (await call('GET', '/engines')).document.items;
  assert.deepEqual(
    listed.map((e: { id: string; state: string; proxy: string | null }) => [e.id, e.state, e.proxy]),
    [[id, 'running', null]],
  );
  const { etag = '' } = (await call('GET', `/engines/${id}`)).headers;
  const ifMatch = { 'if-match': etag };
  const changed = await call('PATCH', `/engines/${id}`, {
    body: { url: second.url, slots: null },
    headers: ifMatch,
  });
  assert.deepEqual([changed.document.url, changed.document.slots], [second.url, null]);
  const stale = await call('PATCH', `/engines/${id}`, { body: { slots: 3 }, headers: ifMatch });
  assert.equal(stale.document.error.code, 'ADMIN_CHANGED_MEANWHILE');
  assert.equal((await call('POST', `/engines/${id}/test`, { body: {} })).document.state, 'running');
  const address = { url: second.url };
  assert.equal((await call('POST', '/engines/test', { body: address })).document.product, 'Ollama');
  assert.equal((await call('POST', '/engines', { body: address })).document.error.code, 'ENGINE_INVALID');
  assert.equal((await call('DELETE', `/engines/${id}`)).status, 204);
  assert.equal((await call('GET', `/engines/${id}`)).status, 404);
  const entries = await flm.audit.list(10);
  assert.deepEqual(
    entries.map(({ actor, action }) => `${actor} ${action}`),
    ['ui:test engine.remove', 'ui:test engine.set', 'ui:test engine.add'],
  );
});

test('the engines of a running proxy are listed with the state that the proxy reports', async (t) => {
  const ollama = await engine(t, ollamaTable);
  const { call, cli } = await startedAdmin(t);
  await call('POST', '/engines', { body: { url: ollama.url, id: 'box' } });
  const { id } = await startProxy(cli);
  const [listed] = (await call('GET', '/engines')).document.items;
  assert.deepEqual([listed.id, listed.proxy, listed.state], ['box', id, 'running']);
});

test('running engines are detected, and servers that ask for a key are named', async (t) => {
  const [ollama, jan] = [await engine(t, ollamaTable), await engine(t, janTable)];
  const { call } = await startedAdmin(t, { FLM_DETECT_PORTS: `${ollama.port},${jan.port}` });
  const { document } = await call('POST', '/engines/detect');
  assert.deepEqual(
    document.engines.map((e: { product: string; origin: string }) => [e.product, e.origin]),
    [['Ollama', 'detected']],
  );
  assert.deepEqual(
    document.locked.map((server: { url: string }) => server.url),
    [jan.url],
  );
});

test('no file, environment variable or CA of an engine is set or changed over the API', async (t) => {
  const [ollama, thief] = [await engine(t, ollamaTable), await engine(t, ollamaTable)];
  const { call, cli, flm } = await startedAdmin(t, { BOX_KEY: 'sk-of-environment' });
  const keyFile = join(cli.folder, 'key');
  writeFileSync(keyFile, 'sk-of-file');
  const references = [
    { apiKey: { from: 'env', name: 'BOX_KEY' } },
    { apiKey: { from: 'file', path: keyFile } },
    { caFile: keyFile },
  ];
  const isRefused = async (method: string, path: string, body: unknown): Promise<void> => {
    const refused = await call(method, path, { body });
    assert.deepEqual([refused.status, refused.document.error.code], [403, 'LOCAL_ONLY'], refused.body);
    assert.match(refused.document.error.hint, /flm engine (add|set|test) /);
  };
  for (const reference of references) await isRefused('POST', '/engines', { url: thief.url, ...reference });
  for (const { apiKey } of references.slice(0, 2))
    await isRefused('POST', '/engines/test', { url: thief.url, apiKey });
  await call('POST', '/engines', { body: { url: ollama.url, id: 'open' } });
  for (const reference of references) await isRefused('PATCH', '/engines/open', reference);
  for (const [name, flags] of [
    ['env', ['--key-env', 'BOX_KEY']],
    ['file', ['--key-file', keyFile]],
  ] as const) {
    const set = await cli.run('engine', 'set', 'open', ...flags);
    assert.equal(set.code, 0, set.stderr);
    // A changed address would receive the key.
    await isRefused('PATCH', '/engines/open', { url: thief.url });
    await isRefused('PATCH', '/engines/open', { url: thief.url, apiKey: null });
    await isRefused('PATCH', '/engines/open', { apiKey: { from: 'value', value: 'other' } });
    const same = (await call('GET', '/engines/open')).document.apiKey;
    assert.equal(same.from, name);
    assert.equal((await call('PATCH', '/engines/open', { body: { slots: 3, apiKey: same } })).status, 200);
  }
  assert.equal(thief.asked.length, 0);
  const [saved] = await flm.engines.list();
  assert.deepEqual([saved?.url, saved?.apiKey?.from], [ollama.url, 'file']);
});

test('a stored key of an engine is never shown, and is not sent to another address', async (t) => {
  const [ollama, thief] = [await engine(t, ollamaTable), await engine(t, ollamaTable)];
  const { call } = await startedAdmin(t);
  const apiKey = { from: 'value', value: 'sk-stored-secret' };
  const bodies = [(await call('POST', '/engines', { body: { url: ollama.url, id: 'box', apiKey } })).body];
  const moved = await call('PATCH', '/engines/box', { body: { url: thief.url } });
  assert.equal(moved.document.error.code, 'ENGINE_INVALID');
  assert.equal(thief.asked.length, 0);
  const withKey = { url: thief.url, apiKey: { from: 'value', value: 'sk-new-secret' } };
  assert.equal((await call('PATCH', '/engines/box', { body: withKey })).status, 200);
  assert(thief.asked.every(({ headers }) => !headers.authorization?.includes('stored')));
  for (const path of ['/engines', '/engines/box', '/audit']) bodies.push((await call('GET', path)).body);
  assert.doesNotMatch(bodies.join(), /-secret/);
});

test('models are listed in pages and searched, and aliases are set, changed and removed', async (t) => {
  const ollama = await engine(t, ollamaTable);
  const { call } = await startedAdmin(t);
  await call('POST', '/engines', { body: { url: ollama.url, id: 'box' } });
  const { items } = (await call('GET', '/models')).document;
  const [model] = items;
  assert.equal(model.owner, 'box');
  const made = await call('PUT', '/aliases/team%2Ffast', { body: { target: model.id } });
  assert.deepEqual(made.document, { name: 'team/fast', target: model.id });
  const found = (await call('GET', '/models?search=TEAM&limit=1')).document;
  assert.deepEqual([found.total, found.items[0].aliasOf], [1, model.id]);
  const stale = await call('PUT', '/aliases/team%2Ffast', {
    body: { target: 'x' },
    headers: { 'if-match': '"old"' },
  });
  assert.equal(stale.status, 412);
  assert.equal(
    (await call('PUT', '/aliases/a', { body: { target: 'team/fast' } })).document.error.code,
    'ALIAS_INVALID',
  );
  assert.equal((await call('GET', '/aliases')).document.total, 1);
  assert.equal((await call('DELETE', '/aliases/team%2Ffast')).status, 204);
  assert.equal((await call('GET', '/aliases/team%2Ffast')).status, 404);
  assert.equal((await call('GET', '/models?proxy=nobody')).document.error.code, 'PROXY_NOT_RUNNING');
});

test('a caller with admin:read sees engines and changes none', async (t) => {
  const ollama = await engine(t, ollamaTable);
  const { call } = await startedAdmin(t);
  await call('POST', '/engines', { body: { url: ollama.url, id: 'box' } });
  const caller = readingCaller;
  for (const path of ['/engines', '/engines/box', '/models', '/aliases'])
    assert.equal((await call('GET', path, { caller })).status, 200, path);
  for (const [method, path, body] of [
    ['POST', '/engines', { url: ollama.url }],
    ['PATCH', '/engines/box', { slots: 1 }],
    ['DELETE', '/engines/box', undefined],
    ['POST', '/engines/detect', undefined],
    ['POST', '/engines/box/test', {}],
    ['PUT', '/aliases/x', { target: 'y' }],
  ] as const)
    assert([404, 405].includes((await call(method, path, { body, caller })).status), `${method} ${path}`);
});

test('of two changes with one If-Match at the same time only one succeeds', async (t) => {
  const ollama = await engine(t, ollamaTable);
  const { call } = await startedAdmin(t);
  await call('POST', '/engines', { body: { url: ollama.url, id: 'box' } });
  await call('PUT', '/aliases/fast', { body: { target: 'a' } });
  await call('PUT', '/profiles/lab', { body: {} });
  for (const [method, path, bodies] of [
    ['PATCH', '/engines/box', [{ slots: 1 }, { slots: 2 }]],
    ['PUT', '/aliases/fast', [{ target: 'b' }, { target: 'c' }]],
    ['PUT', '/profiles/lab', [{ graceMs: 1 }, { graceMs: 2 }]],
    ['PUT', '/policy', [{ denyIps: ['192.0.2.1'] }, { denyIps: ['192.0.2.2'] }]],
  ] as const) {
    const { etag = '' } = (await call('GET', path)).headers;
    const answers = await Promise.all(
      bodies.map((body) => call(method, path, { body, headers: { 'if-match': etag } })),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 412], path);
  }
});
