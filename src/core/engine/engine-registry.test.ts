import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { openedStore, temporaryHome } from '../../../test/helpers/temporary-store.ts';
import { EngineError } from '../errors.ts';
import { EngineRegistry } from './engine-registry.ts';

function setUp(t: TestContext) {
  const store = openedStore(t, temporaryHome(t));
  let announced = 0;
  const registry = new EngineRegistry({
    repository: store.engines,
    clock: { nowMs: () => 1_000 },
    actor: 'cli:test',
    announce: async () => {
      announced += 1;
    },
  });
  return { store, registry, announced: () => announced };
}

const faultsOf = (code: string, fields: readonly string[]) => (error: unknown) => {
  assert.ok(error instanceof EngineError && error.code === code, String(error));
  assert.deepEqual(error.faults.map((f) => f.field).sort(), [...fields].sort());
  return true;
};

test('an engine is saved once, under an id of its own', async (t) => {
  const { registry, announced } = setUp(t);
  const input = { url: 'http://10.0.0.5:8000', id: 'box', kind: 'vllm' } as const;
  assert.deepEqual(await registry.add(input), { ...input, createdAtMs: 1_000 });
  await assert.rejects(registry.add(input), faultsOf('ENGINE_INVALID', ['id']));
  assert.equal((await registry.list()).length, 1);
  assert.equal(announced(), 1);
});

test('all faults of an engine are reported at once, without its secret', async (t) => {
  const { registry } = setUp(t);
  const input = { url: 'ftp://x', id: 'Box!', apiKey: { from: 'value', value: 'two words' } } as const;
  await assert.rejects(registry.add(input), (error: unknown) => {
    faultsOf('ENGINE_INVALID', ['apiKey.value', 'id', 'url'])(error);
    assert.ok(!String(error).includes('two words'));
    return true;
  });
  assert.deepEqual(await registry.list(), []);
});

test("an engine's key is in no audit entry", async (t) => {
  const { registry, store } = setUp(t);
  await registry.add({ url: 'http://x', id: 'x', apiKey: { from: 'value', value: 'sk-secret' } });
  await registry.remove('x');
  const entries = await store.audit.list(10);
  assert.deepEqual(
    entries.map((e) => e.action),
    ['engine.remove', 'engine.add'],
  );
  assert.ok(!JSON.stringify(entries).includes('sk-secret'));
});

test('what is not there cannot be removed', async (t) => {
  const { registry } = setUp(t);
  await assert.rejects(registry.remove('x'), faultsOf('ENGINE_NOT_FOUND', []));
  await assert.rejects(registry.unalias('x'), faultsOf('ALIAS_NOT_FOUND', []));
});

test('an alias stands for a model and never for another alias', async (t) => {
  const { registry } = setUp(t);
  await registry.alias('fast', 'ollama/qwen3:8b');
  await assert.rejects(registry.alias('faster', 'fast'), faultsOf('ALIAS_INVALID', ['target']));
  await assert.rejects(registry.alias('x', 'x'), faultsOf('ALIAS_INVALID', ['target']));
  await assert.rejects(registry.alias('flm://a', 'b'), faultsOf('ALIAS_INVALID', ['name']));
  await registry.alias('fast', 'other');
  assert.deepEqual(await registry.aliases(), [{ name: 'fast', target: 'other' }]);
});

test('a change saves what its check has seen, even if another program changes the engine meanwhile', async (t) => {
  const { registry } = setUp(t);
  await registry.add({ url: 'http://10.0.0.5:8000', id: 'box' });
  const others: Promise<unknown>[] = [];
  const moved = await registry.change('box', { url: 'http://10.0.0.6:8000' }, ({ apiKey }) => {
    assert.equal(apiKey, undefined);
    others.push(registry.change('box', { apiKey: { from: 'env', name: 'ENGINE_KEY' } }));
  });
  await Promise.all(others);
  // The key that was set for one address never goes to the other.
  assert.equal(moved.apiKey, undefined);
});

test('a change of an engine keeps what is not given, takes away what is null, and is validated whole', async (t) => {
  const { registry, store, announced } = setUp(t);
  const apiKey = { from: 'value', value: 's3cret' } as const;
  await registry.add({ url: 'http://10.0.0.5:8000', id: 'box', kind: 'vllm', slots: 2, apiKey });
  const changed = await registry.change('box', { slots: 4, caFile: '/ca.pem', url: 'https://10.0.0.5:8000' });
  const expected = {
    id: 'box',
    url: 'https://10.0.0.5:8000',
    kind: 'vllm',
    slots: 4,
    apiKey,
    caFile: '/ca.pem',
    createdAtMs: 1_000,
  };
  assert.deepEqual(changed, expected);
  assert.deepEqual(await registry.list(), [expected]);
  await registry.change('box', { slots: null, apiKey: null, kind: null, caFile: null });
  assert.deepEqual(await registry.list(), [{ id: 'box', url: 'https://10.0.0.5:8000', createdAtMs: 1_000 }]);
  await assert.rejects(
    registry.change('box', { slots: 0, url: 'ftp://x' }),
    faultsOf('ENGINE_INVALID', ['slots', 'url']),
  );
  await assert.rejects(registry.change('nobody', { slots: 1 }), faultsOf('ENGINE_NOT_FOUND', []));
  assert.equal(announced(), 3);
  const entries = await store.audit.list(2);
  assert.deepEqual(
    entries.map(({ action, subject }) => [action, subject]),
    [
      ['engine.set', 'box'],
      ['engine.set', 'box'],
    ],
  );
  assert.match(entries[1]?.before ?? '', /"slots":2/);
  assert.ok(!JSON.stringify(entries).includes('s3cret'));
});
