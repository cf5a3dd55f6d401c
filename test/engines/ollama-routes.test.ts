/** Every route that Ollama speaks, through flm: the engine's own bytes, its errors, its models; and what it hides. */
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { after, test } from 'node:test';
import { eventually } from '../helpers/eventually.ts';
import { assertNoLeaks, takeStock } from '../helpers/leaks.ts';
import { story, storyTokens } from '../helpers/tiny-gguf.ts';
import { assertSameBytes, eventsOf, jsonOf, lasting } from './answers.ts';
import { askDirectly, needsOllama, ollama, startProxyFor, tapOf } from './tested-proxy.ts';

const before = takeStock();
after(() => assertNoLeaks(before));

const messages = [{ role: 'user', content: 'hi' }];

test('Ollama behind flm', needsOllama, async (t) => {
  const engine = await ollama(t, { env: { OLLAMA_CONTEXT_LENGTH: '512' } });
  const tap = await tapOf(t, engine);
  const { ask, proxy, newKey } = await startProxyFor(t, tap.url);
  const engineId = proxy.engines[0]?.id ?? '';
  const model = 'tiny:latest';

  const asks: readonly [name: string, path: string, body: object][] = [
    ['a chat', '/v1/chat/completions', { model, messages }],
    [
      'a streamed chat with usage',
      '/v1/chat/completions',
      { model, messages, stream: true, stream_options: { include_usage: true } },
    ],
    ['a completion', '/v1/completions', { model, prompt: 'hi' }],
    ['a streamed completion', '/v1/completions', { model, prompt: 'hi', stream: true }],
    ['a response', '/v1/responses', { model, input: 'hi' }],
    ['a streamed response', '/v1/responses', { model, input: 'hi', stream: true }],
    ['a message', '/v1/messages', { model, messages, max_tokens: 64 }],
    ['a streamed message', '/v1/messages', { model, messages, max_tokens: 64, stream: true }],
    ['a native chat', '/api/chat', { model, messages }],
    ['a native chat in one piece', '/api/chat', { model, messages, stream: false }],
    ['a native generation', '/api/generate', { model, prompt: 'hi' }],
    ['a native generation in one piece', '/api/generate', { model, prompt: 'hi', stream: false }],
    ['embeddings as floats', '/v1/embeddings', { model, input: ['hi', story] }],
    ['embeddings as base64', '/v1/embeddings', { model, input: story, encoding_format: 'base64' }],
    ['native embeddings', '/api/embed', { model, input: ['hi', story] }],
    ['native embeddings of old', '/api/embeddings', { model, prompt: 'hi' }],
    ['what a model is', '/api/show', { model }],
  ];
  for (const [name, path, body] of asks) {
    await t.test(`${name}: the engine's own bytes`, async () => {
      const response = await ask(path, body);
      const sent = tap.last('POST', path);
      const direct = await askDirectly(engine.url, path, body);
      assert.equal(response.status, 200, response.body.toString());
      assert.equal(response.whole, true);
      assertSameBytes(response.body, sent.response?.body);
      assert.equal(sent.body.toString(), JSON.stringify(body));
      assert.equal(response.field('content-type'), direct.field('content-type'));
      assert.deepEqual(lasting(eventsOf(response)), lasting(eventsOf(direct)));
    });
  }

  await t.test('a native stream is lines that end with done, and counts exactly', async () => {
    const response = await ask('/api/chat', { model, messages });
    assert.equal(response.field('content-type'), 'application/x-ndjson');
    const lines = eventsOf(response) as {
      message: { content: string };
      done: boolean;
      eval_count?: number;
    }[];
    assert.equal(
      lines
        .map((l) => l.message.content)
        .join('')
        .trim(),
      story,
    );
    assert.equal(lines.at(-1)?.done, true);
    assert.equal(lines.at(-1)?.eval_count, storyTokens);
  });

  await t.test('a model may be called by its short name, and has its context once it runs', async () => {
    assert.equal((await ask('/api/chat', { model: 'tiny', messages, stream: false })).status, 200);
    // Its context shows as soon as the next probe has seen it run.
    const { data } = await eventually(
      async () => jsonOf<{ data: { id: string; context_length?: number }[] }>(await ask('/v1/models')),
      (list) => list.data[0]?.context_length !== undefined,
    );
    assert.deepEqual(
      data.map((m) => [m.id, m.context_length]),
      [[model, 512]],
    );
  });

  await t.test("lists are the engine's own bytes, for a key that may use every model", async () => {
    for (const path of ['/api/tags', '/api/ps', '/api/version']) {
      const response = await ask(path);
      assert.equal(response.status, 200, path);
      assertSameBytes(response.body, tap.last('GET', path).response?.body);
    }
    const narrow = await newKey('narrow', '--model', 'other*');
    for (const path of ['/api/tags', '/api/ps'])
      assert.deepEqual(jsonOf(await ask(path, undefined, { key: narrow })), { models: [] }, path);
    assert.equal((await ask('/api/chat', { model, messages }, { key: narrow })).status, 403);
  });

  await t.test(
    'a model is found under the spellings that Ollama itself takes, and under no other',
    async () => {
      const taken = [
        'tiny',
        'TINY',
        'Tiny:Latest',
        'library/tiny',
        'registry.ollama.ai/Library/tiny:latest',
        'https://registry.ollama.ai/library/tiny',
        'a/b://registry.ollama.ai/library/tiny',
        'https:///library/tiny',
      ];
      const refused = [
        'tiny:latest:latest',
        'tiny@sha256:0123',
        '/tiny',
        'tiny/',
        'http://tiny',
        'ollama.com/library/tiny',
        'registry.ollama.ai:443/library/tiny',
        'other/tiny',
      ];
      const reader = await newKey('reader', '--scope', 'inference', '--scope', 'engine:read');
      for (const name of [...taken, ...refused]) {
        const direct = await askDirectly(engine.url, '/api/show', { model: name });
        assert.equal(direct.status === 200, taken.includes(name), `Ollama alone: ${name}`);
        for (const path of ['/api/show', `/engine/${engineId}/api/show`]) {
          const response = await ask(path, { model: name }, { key: reader });
          assert.equal(response.status === 200, taken.includes(name), `${path} ${name}`);
        }
      }
      // `name` is the other field for the model, and counts only where there is no `model`.
      for (const body of [{ name: 'TINY' }, { model: '', name: 'tiny' }])
        assert.equal((await ask('/api/show', body)).status, 200);
    },
  );

  await t.test('errors pass with their status and their bytes', async () => {
    for (const [path, body] of [
      ['/api/chat', { model, messages: 'none' }],
      ['/v1/chat/completions', { model, messages: 'none' }],
      ['/v1/embeddings', { model, input: 7 }],
      ['/api/embed', { model, input: 'x'.repeat(4000), truncate: false }],
      [
        '/v1/chat/completions',
        { model, messages, response_format: { type: 'json_schema', json_schema: { schema: 7 } } },
      ],
    ] as const) {
      const response = await ask(path, body);
      const direct = await askDirectly(engine.url, path, body);
      assert.ok(response.status >= 400, `${path} ${response.status}`);
      assert.equal(response.status, direct.status);
      assertSameBytes(response.body, tap.last('POST', path).response?.body);
    }
  });

  await t.test('a prompt that is too long is answered as the engine alone would', async () => {
    for (const [path, extra] of [
      ['/v1/chat/completions', {}],
      ['/api/chat', { stream: false, truncate: false }],
      ['/api/chat', { stream: true, truncate: false }],
    ] as const) {
      const body = { model, messages: [{ role: 'user', content: 'x'.repeat(4000) }], ...extra };
      const response = await ask(path, body);
      const direct = await askDirectly(engine.url, path, body);
      assert.equal(response.status, direct.status, path);
      assertSameBytes(response.body, tap.last('POST', path).response?.body);
      assert.deepEqual(lasting(eventsOf(response)), lasting(eventsOf(direct)));
    }
  });

  await t.test('errors of flm on its routes have the shape of Ollama', async () => {
    const unknown = await ask('/api/chat', { model: 'nobody', messages });
    assert.equal(unknown.status, 404);
    assert.equal(typeof jsonOf<{ error: unknown }>(unknown).error, 'string');
    const locked = await ask('/api/tags', undefined, { key: 'flm_wrong' });
    assert.equal(locked.status, 401);
    assert.equal(typeof jsonOf<{ error: unknown }>(locked).error, 'string');
  });

  await t.test('what is not served is a 404 that says so', async () => {
    for (const path of ['/v1/messages/count_tokens', '/v1/rerank', '/v1/score']) {
      const response = await ask(path, { model, messages, query: 'q', documents: ['d'] });
      assert.equal(response.status, 404, path);
      assert.match(response.body.toString(), /no engine here does|these do/, path);
    }
  });

  const loaded = async (): Promise<readonly string[]> =>
    jsonOf<{ models: { name: string }[] }>(await askDirectly(engine.url, '/api/ps')).models.map(
      (m) => m.name,
    );

  await t.test('what would load, unload, pin or load again is refused, and the model stays', async () => {
    assert.equal((await ask('/api/chat', { model, messages, stream: false })).status, 200);
    assert.deepEqual(await loaded(), [model]);
    const hazards: readonly [path: string, body: object][] = [
      ['/api/generate', { model, keep_alive: 0 }],
      ['/api/generate', { model, prompt: '', keep_alive: 0 }],
      ['/api/generate', { model }],
      ['/api/chat', { model, messages: [], keep_alive: 0 }],
      ['/api/chat', { model, messages, keep_alive: 0 }],
      ['/api/chat', { model, messages, keep_alive: '0s' }],
      ['/api/chat', { model, messages, keep_alive: -1 }],
      ['/api/chat', { model, messages, options: { num_ctx: 1024 } }],
      ['/api/embed', { model, input: 'hi', keep_alive: 0 }],
      ['/api/embeddings', { model, prompt: 'hi', keep_alive: 0 }],
    ];
    for (const [path, body] of hazards) {
      const asked = tap.exchanges().filter((x) => x.method === 'POST').length;
      for (const at of [path, `/engine/${engineId}${path}`]) {
        const response = await ask(at, body);
        assert.equal(response.status, 403, `${at} ${JSON.stringify(body)} ${response.body}`);
      }
      assert.equal(tap.exchanges().filter((x) => x.method === 'POST').length, asked);
    }
    for (const [path, body] of [
      ['/api/generate', '{"model":"tiny:latest","prompt":"hi","Keep_Alive":0}'],
      ['/api/generate', '{"model":"tiny:latest","prompt":"hi","keep_alive":"5m","keep_alive":0}'],
      ['/api/generate', '{"model":"tiny:latest","prompt":"hi","keep_\\u0061live":0}'],
    ] as const) {
      const response = await ask(path, body);
      assert.ok(response.status === 400 || response.status === 403, `${response.status} ${body}`);
    }
    assert.deepEqual(await loaded(), [model]);
  });

  await t.test('options that are not of the runner pass', async () => {
    const body = {
      model,
      messages,
      stream: false,
      keep_alive: '5m',
      options: { temperature: 0, num_predict: 2 },
    };
    const response = await ask('/api/chat', body);
    assert.equal(response.status, 200);
    assert.equal(jsonOf<{ done_reason: string }>(response).done_reason, 'length');
  });

  const dangers: readonly [method: string, path: string, body: object | undefined][] = [
    ['POST', '/api/pull', { model: 'nobody', stream: false }],
    ['POST', '/api/push', { model: 'tiny', stream: false }],
    ['POST', '/api/create', { model: 'copy', from: 'tiny', stream: false }],
    ['POST', '/api/copy', { source: 'tiny', destination: 'twin' }],
    ['DELETE', '/api/delete', { model: 'tiny' }],
    ['POST', `/api/blobs/sha256:${hash('sha256', 'x')}`, {}],
    ['POST', '/api/me', undefined],
    ['POST', '/api/signout', undefined],
    ['POST', '/api/experimental/web_search', { query: 'x' }],
  ];
  await t.test(
    'what changes the engine is not served at the root, and only for administrators below it',
    async () => {
      for (const [method, path, body] of dangers) {
        assert.equal((await ask(path, body, { method })).status, 404, path);
        const refused = await ask(`/engine/${engineId}${path}`, body, { method });
        assert.equal(refused.status, 403, path);
        assert.match(refused.body.toString(), /engine:admin/);
      }
      const tags = jsonOf<{ models: { name: string }[] }>(await askDirectly(engine.url, '/api/tags'));
      assert.deepEqual(
        tags.models.map((m) => m.name),
        [model],
      );
    },
  );

  await t.test('an administrator may: copy, create, delete, unload', async () => {
    const key = await newKey('admin', '--scope', 'inference', '--scope', 'engine:admin');
    const at = (path: string): string => `/engine/${engineId}${path}`;
    const names = async (): Promise<readonly string[]> =>
      jsonOf<{ models: { name: string }[] }>(await askDirectly(engine.url, '/api/tags'))
        .models.map((m) => m.name)
        .sort();
    assert.equal((await ask(at('/api/copy'), { source: 'tiny', destination: 'twin' }, { key })).status, 200);
    assert.deepEqual(await names(), [model, 'twin:latest']);
    const created = await ask(at('/api/create'), { model: 'child', from: 'tiny' }, { key });
    assert.equal(created.status, 200);
    assertSameBytes(created.body, tap.last('POST', '/api/create').response?.body);
    assert.deepEqual(await names(), ['child:latest', model, 'twin:latest']);
    for (const name of ['twin', 'child'])
      assert.equal((await ask(at('/api/delete'), { model: name }, { key, method: 'DELETE' })).status, 200);
    assert.deepEqual(await names(), [model]);
    const missing = await ask(at('/api/delete'), { model: 'twin' }, { key, method: 'DELETE' });
    assert.equal(missing.status, 404);
    assertSameBytes(missing.body, tap.last('DELETE', '/api/delete').response?.body);
    assert.equal((await ask('/api/generate', { model, keep_alive: 0, stream: false }, { key })).status, 200);
    // It unloads after it has answered.
    assert.deepEqual(await eventually(loaded, (names) => names.length === 0), []);
  });
});
