/**
 * Names of models on every route, as the engine reads them: no spelling of a name gets around a rule, and what the
 * engine is told is the name that the rules were held against.
 */
import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { endFixtureAfterEachTest, GatewayFixture, type RealEngine } from '../helpers/gateway-fixture.ts';
import { answer, type RawEngine } from '../helpers/raw-engine.ts';
import { get, post, type WireResponse } from '../helpers/test-gateway.ts';

let fixture: GatewayFixture;
const engines: readonly RealEngine[] = [
  {
    id: 'ol',
    kind: 'ollama',
    models: [{ id: 'om:latest' }, { id: 'mybig:latest', remote: true }, { id: 'ns/model:latest' }],
  },
  { id: 'll', kind: 'llamacpp', models: [{ id: 'tiny.gguf' }, { id: '/models/tiny.gguf' }] },
  { id: 'lm', kind: 'lmstudio', models: [{ id: 'qwen3@q4_k_m' }] },
  { id: 'rig', kind: 'vllm', models: [{ id: 'base' }, { id: 'lora-a' }] },
  { id: 'any', kind: 'openai-compatible', models: [{ id: 'thing' }] },
];
endFixtureAfterEachTest(() => fixture);
beforeEach(async () => {
  fixture = await GatewayFixture.openReal(engines, [{ name: 'small', target: 'om' }]);
});

const ollama = (): RawEngine => fixture.engines[0] as RawEngine;
const seen = (): number => fixture.engines.reduce((sum, e) => sum + e.requests.length, 0);

async function send(path: string, body: object, key = fixture.proxy.key): Promise<WireResponse> {
  for (const engine of fixture.engines) engine.setScript([answer('{"ok":true}')]);
  return (await fixture.send(Buffer.from(post(path, key, JSON.stringify(body))))).response();
}

/** Every route of an Ollama that takes a prompt, with something to answer. */
const question = {
  messages: [{ role: 'user', content: 'SECRET' }],
  prompt: 'SECRET',
  input: 'SECRET',
  max_tokens: 1,
};
const own = ['/api/chat', '/api/generate', '/api/embed', '/api/embeddings'];
const openai = ['/v1/chat/completions', '/v1/completions', '/v1/embeddings', '/v1/responses', '/v1/messages'];
const promptRoutes = [...own, ...openai].flatMap((path) => [path, `/engine/ol${path}`]);

const spellings = (name: string): readonly string[] => [
  name,
  `${name}:latest`,
  name.toUpperCase(),
  `${name}:LATEST`,
  `library/${name}`,
  `Library/${name.toUpperCase()}`,
  `registry.ollama.ai/library/${name}`,
  `REGISTRY.ollama.ai/library/${name}:latest`,
  `http://registry.ollama.ai/library/${name}`,
  `https://registry.ollama.ai/library/${name}:Latest`,
  `://registry.ollama.ai/library/${name}`,
  `https:///library/${name}`,
  `a/b://registry.ollama.ai/library/${name}`,
];

/** Names that some version of Ollama or some reader could take for the model, but that its list does not have. */
const unresolved = (name: string): readonly string[] => [
  `${name}:latest:latest`,
  `${name}@sha256:0123456789abcdef`,
  `${name}:cloud`,
  `${name}:latest:local`,
  `${name}: cloud`,
  ` ${name}`,
  `${name} `,
  `/${name}`,
  `${name}/`,
  `library//${name}`,
  `http://${name}`,
  `ollama.com/library/${name}`,
  `https://ollama.com/library/${name}`,
  `registry.ollama.ai:443/library/${name}`,
  `ns/${name}`,
  `./${name}`,
];

describe('a model of an Ollama that runs elsewhere', () => {
  test('is refused under every spelling, on every route, and the prompt stays here', async () => {
    for (const path of promptRoutes) {
      for (const model of spellings('mybig')) {
        const response = await send(path, { model, ...question });
        assert.equal(response.status, 403, `${path} ${model}`);
        assert.match(response.body.toString(), /send the prompt to ollama\.com/);
      }
    }
    assert.equal(seen(), 0);
  });

  test('is not reached by a name that does not resolve', async () => {
    for (const path of promptRoutes) {
      for (const model of unresolved('mybig')) {
        const response = await send(path, { model, ...question });
        assert.equal(response.status, 404, `${path} ${JSON.stringify(model)} ${response.body.toString()}`);
      }
    }
    assert.equal(seen(), 0);
  });

  test('passes with engine:admin', async () => {
    const key = fixture.addKey({ scopes: ['inference', 'engine:admin'] });
    for (const path of promptRoutes)
      assert.equal((await send(path, { model: 'MyBig', ...question }, key)).status, 200, path);
    assert.equal(seen(), promptRoutes.length);
  });
});

test('a model of an Ollama that runs here answers to every spelling, and Ollama is told its id', async () => {
  for (const path of promptRoutes) {
    for (const model of spellings('om').slice(2)) {
      assert.equal((await send(path, { model, ...question })).status, 200, `${path} ${model}`);
      assert.equal(JSON.parse(ollama().requests.at(-1)?.body.toString() ?? '').model, 'om:latest');
    }
  }
});

describe("on an engine's own API, a model that the engine does not list", () => {
  const cases: readonly (readonly [path: string, names: readonly string[]])[] = [
    ['/engine/ol/api/show', unresolved('om')],
    ['/engine/ll/v1/chat/completions', ['gpt-4o', 'Tiny.gguf', 'tiny', 'tiny.gguf:latest', 'll/tiny.gguf']],
    ['/engine/ll/completion', ['gpt-4o', 'small']],
    ['/engine/lm/v1/chat/completions', ['qwen3', 'qwen3@q8_0', 'QWEN3@q4_k_m']],
    ['/engine/rig/v1/chat/completions', ['lora-b', 'base:lora-a', 'BASE']],
    ['/engine/rig/tokenize', ['lora-b']],
    ['/engine/any/v1/chat/completions', ['org/any-hub-model', 'thing2']],
  ];
  for (const [path, names] of cases) {
    test(`is refused without engine:admin, and passes with it: ${path}`, async () => {
      const plain = fixture.addKey({ scopes: ['inference', 'engine:read'] });
      const limited = fixture.addKey({ scopes: ['inference', 'engine:read'], models: [...names, 'x*'] });
      const admin = fixture.addKey({ scopes: ['inference', 'engine:read', 'engine:admin'] });
      for (const model of names) {
        assert.equal((await send(path, { model, ...question }, plain)).status, 404, model);
        assert.equal((await send(path, { model, ...question }, limited)).status, 403, model);
      }
      assert.equal(seen(), 0);
      for (const model of names)
        assert.equal((await send(path, { model, ...question }, admin)).status, 200, model);
      assert.deepEqual(
        fixture.engines.flatMap((e) => e.requests).map((r) => JSON.parse(r.body.toString()).model),
        names,
      );
    });
  }
});

test('a key that is limited to models gets no other one by a spelling that its rule would match', async () => {
  const key = fixture.addKey({ models: ['om', 'library/*', 'x://*', 'MYBIG*', 'NS/*'] });
  for (const path of [
    '/v1/chat/completions',
    '/api/chat',
    '/engine/ol/api/chat',
    '/engine/ol/v1/chat/completions',
  ]) {
    for (const model of [
      'library/ns/model',
      'x://registry.ollama.ai/ns/model',
      'NS/model',
      'library/mybig',
      'MYBIG',
    ]) {
      const { status } = await send(path, { model, ...question }, key);
      assert.ok(status === 403 || status === 404, `${path} ${model} ${status}`);
    }
    assert.equal(seen(), 0);
  }
  for (const path of ['/v1/chat/completions', '/engine/ol/api/chat'])
    for (const model of spellings('om'))
      assert.equal((await send(path, { model, ...question }, key)).status, 200, `${path} ${model}`);
});

test('two slashes in a row are part of a name, and of nothing else', async () => {
  for (const [path, status] of [
    ['/v1//models/om', 400],
    ['/v1/models//', 400],
    ['/v1/models/om//', 400],
    ['//v1/models/om', 400],
    ['/engine/ol/v1/models//om', 400],
    ['/v1/models//../om', 400],
    ['/v1/models//om', 404],
    ['/v1/models/flm:///om', 404],
    ['/v1/models/flm://ol//om', 404],
    ['/v1/models/x://ol/om', 404],
  ] as const) {
    const wire = await fixture.send(get(path, fixture.proxy.key));
    assert.equal((await wire.response()).status, status, path);
  }
  assert.equal(seen(), 0);
});

test('a key that is limited to models names no further ones where the engine would use them', async () => {
  const key = fixture.addKey({ models: ['qwen3@q4_k_m', 'thing'] });
  for (const [model, more] of [
    ['qwen3@q4_k_m', { draft_model: 'other' }],
    ['thing', { models: ['other'] }],
    ['thing', { fallbacks: [{ model: 'other' }] }],
  ] as const) {
    const body = { model, ...question, ...more };
    const seenBefore = seen();
    const response = await send('/v1/chat/completions', body, key);
    assert.equal(response.status, 403, JSON.stringify(more));
    assert.equal(seen(), seenBefore);
    assert.match(response.body.toString(), /use further models/);
    assert.equal((await send('/v1/chat/completions', body)).status, 200, 'a key for all models may');
    assert.equal(seen(), seenBefore + 1);
  }
});

// --- the other field for the model

describe('where only `name` says the model', () => {
  const routes = ['/api/show', ...own].flatMap((path) => [path, `/engine/ol${path}`]);
  const key = (): string => fixture.addKey({ scopes: ['inference', 'engine:read'] });

  test('it counts on every route of Ollama, and Ollama is told it in both fields', async () => {
    const reader = key();
    for (const path of routes) {
      for (const [name, told] of [
        ['om', 'om'],
        ['OM', 'om:latest'],
      ] as const) {
        for (const empty of [{}, { model: '' }]) {
          const response = await send(path, { ...empty, ...question, name }, reader);
          assert.equal(response.status, 200, `${path} ${response.body.toString()}`);
          const got = JSON.parse(ollama().requests.at(-1)?.body.toString() ?? '');
          assert.deepEqual([got.model, got.name], [told, told], path);
        }
      }
    }
  });

  test('at the root it may be an alias, or name an engine', async () => {
    for (const name of ['small', 'ol/om', 'flm://ol/om:latest']) {
      assert.equal((await send('/api/show', { name })).status, 200, name);
      assert.match(JSON.parse(ollama().requests.at(-1)?.body.toString() ?? '').model, /^om/);
    }
  });

  test('no other model is put in its place, not even where the key sees one alone', async () => {
    const one = fixture.addKey({ scopes: ['inference', 'engine:read'], models: ['om'] });
    for (const path of routes) {
      for (const name of ['ns/model', 'nothing']) {
        const { status } = await send(path, { ...question, name }, one);
        assert.ok(status === 404 || status === 403, `${path} ${status}`);
      }
    }
    assert.equal(seen(), 0);
  });

  test('the rules hold', async () => {
    const reader = key();
    for (const path of routes.filter((path) => !path.endsWith('show')))
      assert.equal((await send(path, { ...question, name: 'MyBig' }, reader)).status, 403, path);
    assert.equal(seen(), 0);
  });

  test('and `model` says another one, it is a 400', async () => {
    const admin = fixture.addKey({ scopes: ['inference', 'engine:read', 'engine:admin'] });
    for (const path of routes) {
      for (const name of ['mybig', 'OM', 'om:latest']) {
        const response = await send(path, { model: 'om', ...question, name }, admin);
        assert.equal(response.status, 400, `${path} ${name}`);
        assert.match(response.body.toString(), /name different models/);
      }
      assert.equal((await send(path, { model: 'om', ...question, name: 'om' }, admin)).status, 200, path);
    }
  });

  test('twice, in another case, or as no text, it is a 400', async () => {
    for (const engine of fixture.engines) engine.setScript([answer('{}')]);
    for (const body of [
      '{"name":"om","name":"om"}',
      '{"Name":"om"}',
      '{"name":5}',
      '{"name":["om"]}',
      '{"name":{}}',
    ]) {
      const wire = await fixture.send(post('/api/show', fixture.proxy.key, body));
      assert.equal((await wire.response()).status, 400, body);
    }
    assert.equal(seen(), 0);
  });
});

// --- asking for a model

describe('every name that a chat may name can be asked for', () => {
  const names: readonly (readonly [name: string, id: string])[] = [
    ['om', 'om:latest'],
    ['om:latest', 'om:latest'],
    ['OM', 'om:latest'],
    ['ol/om', 'om:latest'],
    ['ol/ns/model:latest', 'ns/model:latest'],
    ['flm://ol/ns/model', 'ns/model:latest'],
    ['registry.ollama.ai/ns/model', 'ns/model:latest'],
    ['https://registry.ollama.ai/library/om', 'om:latest'],
    ['/models/tiny.gguf', '/models/tiny.gguf'],
    ['small', 'small'],
    ['rig/base', 'base'],
    ['tiny.gguf', 'tiny.gguf'],
    ['qwen3@q4_k_m', 'qwen3@q4_k_m'],
  ];
  for (const [name, id] of names) {
    test(name, async () => {
      assert.equal((await send('/v1/chat/completions', { model: name, ...question })).status, 200);
      for (const path of [name, encodeURIComponent(name), name.replaceAll('/', '%2f')]) {
        const wire = await fixture.send(get(`/v1/models/${path}`, fixture.proxy.key));
        const response = await wire.response();
        assert.equal(response.status, 200, path);
        assert.equal(JSON.parse(response.body.toString()).id, id, path);
      }
    });
  }

  test('and no name that a chat may not', async () => {
    const limited = fixture.addKey({ models: ['base'] });
    for (const [name, key] of [
      ['nothing', fixture.proxy.key],
      ['mybig', fixture.proxy.key],
      ['ol/base', fixture.proxy.key],
      ['ol/om', limited],
      ['small', limited],
      ['OM', limited],
    ] as const) {
      const wire = await fixture.send(get(`/v1/models/${name}`, key));
      assert.equal((await wire.response()).status, 404, name);
    }
  });
});

test("Ollama's lists show a limited key what it may use, by its short rule as well", async () => {
  const key = fixture.addKey({ models: ['om', 'ns/model:latest'] });
  const models = ['om:latest', 'mybig:latest', 'ns/model:latest', 'new:latest'].map((name) => ({ name }));
  ollama().setScript([answer(JSON.stringify({ models }))]);
  const wire = await fixture.send(get('/api/tags', key));
  const names = JSON.parse((await wire.response()).body.toString()).models.map(
    (m: { name: string }) => m.name,
  );
  assert.deepEqual(names, ['om:latest', 'ns/model:latest']);
});
