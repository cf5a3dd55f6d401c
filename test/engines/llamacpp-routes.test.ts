/** Every route that llama.cpp's server speaks, through flm: the engine's own bytes, its errors, its models. */
import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { assertNoLeaks, takeStock } from '../helpers/leaks.ts';
import type { Tap } from '../helpers/tap.ts';
import { Wire } from '../helpers/test-gateway.ts';
import { story, storyTokens } from '../helpers/tiny-gguf.ts';
import { assertSameBytes, eventsOf, jsonOf, lasting } from './answers.ts';
import type { RunningEngine } from './servers.ts';
import {
  askDirectly,
  llamaServer,
  needsLlama,
  startProxyFor,
  type TestedProxy,
  tapOf,
} from './tested-proxy.ts';

const before = takeStock();
after(() => assertNoLeaks(before));

interface Floor extends TestedProxy {
  readonly engine: RunningEngine;
  readonly tap: Tap;
  readonly engineId: string;
}

async function openFloor(t: TestContext, args: readonly string[] = []): Promise<Floor> {
  const engine = await llamaServer(t, { args });
  const tap = await tapOf(t, engine);
  const flm = await startProxyFor(t, tap.url);
  const engineId = flm.proxy.engines[0]?.id ?? '';
  return { ...flm, engine, tap, engineId };
}

const messages = [{ role: 'user', content: 'hi' }];
// What a slot has cached shows in the usage, and depends on who asked before.
const chat = { model: 'tiny', messages, cache_prompt: false };

test('llama.cpp behind flm', needsLlama, async (t) => {
  const floor = await openFloor(t);
  const { ask, tap, engine } = floor;

  const asks: readonly [name: string, path: string, body: object][] = [
    ['a chat', '/v1/chat/completions', chat],
    [
      'a streamed chat with usage',
      '/v1/chat/completions',
      { ...chat, stream: true, stream_options: { include_usage: true } },
    ],
    ['a completion', '/v1/completions', { model: 'tiny', prompt: 'hi', cache_prompt: false }],
    [
      'a streamed completion',
      '/v1/completions',
      { model: 'tiny', prompt: 'hi', cache_prompt: false, stream: true },
    ],
    ['a response', '/v1/responses', { model: 'tiny', input: 'hi', cache_prompt: false }],
    [
      'a streamed response',
      '/v1/responses',
      { model: 'tiny', input: 'hi', cache_prompt: false, stream: true },
    ],
    ['a message', '/v1/messages', { ...chat, max_tokens: 64 }],
    ['a streamed message', '/v1/messages', { ...chat, max_tokens: 64, stream: true }],
    ['a count of tokens', '/v1/messages/count_tokens', { model: 'tiny', messages }],
    ['a chat with logprobs', '/v1/chat/completions', { ...chat, logprobs: true, top_logprobs: 2 }],
    ['a chat with several answers', '/v1/chat/completions', { ...chat, n: 2 }],
    [
      'a chat whose grammar allows one word',
      '/v1/chat/completions',
      { ...chat, grammar: 'root ::= "yes"', max_tokens: 8 },
    ],
    [
      'a chat in JSON mode',
      '/v1/chat/completions',
      { ...chat, response_format: { type: 'json_object' }, temperature: 0, max_tokens: 8 },
    ],
  ];
  for (const [name, path, body] of asks) {
    await t.test(`${name} is answered with the engine's own bytes`, async () => {
      const response = await ask(path, body);
      const sent = tap.last('POST', path);
      const direct = await askDirectly(engine.url, path, body);

      assert.equal(response.status, 200, response.body.toString());
      assert.equal(response.whole, true);
      assertSameBytes(response.body, sent.response?.body);
      assert.equal(sent.body.toString(), JSON.stringify(body));
      assert.equal(response.field('content-type'), direct.field('content-type'));
      assert.deepEqual(lasting(eventsOf(response)), lasting(eventsOf(direct)));
      if (path !== '/v1/messages/count_tokens' && !('max_tokens' in body && body.max_tokens === 8))
        assert.match(response.body.toString(), /fixed/);
    });
  }

  await t.test('usage is exact, and streams end with their own mark', async () => {
    const response = await ask('/v1/chat/completions', {
      ...chat,
      stream: true,
      stream_options: { include_usage: true },
    });
    const events = eventsOf(response);
    const usage = events.at(-2) as { usage: { completion_tokens: number } };
    assert.equal(usage.usage.completion_tokens, storyTokens);
    assert.equal(events.at(-1), '[DONE]');
    const said = (events.slice(0, -1) as { choices: { delta: { content?: string } }[] }[])
      .map((e) => e.choices[0]?.delta.content ?? '')
      .join('');
    assert.equal(said.trim(), story);
  });

  await t.test('the body reaches the engine as it was written, unknown fields and all', async () => {
    const body =
      '{ "messages":[{"role":"user","content":"caf\\u00e9 \u{1F600}"}],\r\n\t"model" : "tiny", "tools":[{"type":"function","function":{"name":"now","parameters":{"type":"object","properties":{}}}}], "tool_choice":"none","parallel_tool_calls":false, "chat_template_kwargs":{"enable_thinking":false}, "x-next-year":{"a":[1e400,-0.0,null]}, "max_tokens":3}';
    const response = await ask('/v1/chat/completions', body);
    const sent = tap.last('POST', '/v1/chat/completions');
    assertSameBytes(sent.body, Buffer.from(body));
    assert.equal(sent.field('content-type'), 'application/json');
    assertSameBytes(response.body, sent.response?.body);
    assert.equal(response.status, sent.response?.status);
  });

  await t.test('the engine sees neither the key nor where its client came from', async () => {
    await ask('/v1/chat/completions', chat, {
      fields: ['x-conversation-id: abc', 'cookie: a=b', 'x-forwarded-for: 192.0.2.1', 'referer: http://a/'],
    });
    const { head } = tap.last('POST', '/v1/chat/completions');
    assert.doesNotMatch(head, /^(authorization|cookie|x-conversation-id|x-forwarded-for|referer):/im);
    assert.doesNotMatch(head, /flm_/);
  });

  await t.test('a model has the context of a slot', async () => {
    const list = jsonOf<{ data: { id: string; context_length: number }[] }>(await ask('/v1/models'));
    assert.deepEqual(
      list.data.map((m) => [m.id, m.context_length]),
      [['tiny', 512]],
    );
    const one = await ask('/v1/models/tiny');
    assert.deepEqual(jsonOf(one), list.data[0]);
  });

  await t.test('a prompt that is too long is refused in the words of the engine', async () => {
    for (const stream of [false, true]) {
      const body = { ...chat, messages: [{ role: 'user', content: 'x'.repeat(4000) }], stream };
      const response = await ask('/v1/chat/completions', body);
      assert.equal(response.status, 400);
      assertSameBytes(response.body, tap.last('POST', '/v1/chat/completions').response?.body);
      const { error } = jsonOf<{ error: { type: string; n_ctx: number } }>(response);
      assert.equal(error.type, 'exceed_context_size_error');
      assert.equal(error.n_ctx, 512);
    }
  });

  await t.test('an error of the engine passes with its status and its bytes', async () => {
    for (const body of [
      { ...chat, messages: 'no list' },
      { ...chat, grammar: 'root ::= (' },
      { ...chat, max_tokens: 'many' },
    ]) {
      const response = await ask('/v1/chat/completions', body);
      const direct = await askDirectly(engine.url, '/v1/chat/completions', body);
      assert.ok(response.status >= 400);
      assert.equal(response.status, direct.status);
      assertSameBytes(response.body, direct.body);
    }
  });

  await t.test('an unknown model is not sent to the engine', async () => {
    const asked = tap.exchanges().length;
    const response = await ask('/v1/chat/completions', { ...chat, model: 'tinny' });
    assert.equal(response.status, 404);
    const { error } = jsonOf<{ error: { code: string; message: string } }>(response);
    assert.equal(error.code, 'model_not_found');
    assert.match(error.message, /tiny/);
    assert.deepEqual(
      tap
        .exchanges()
        .slice(asked)
        .filter((x) => x.method === 'POST'),
      [],
    );
  });

  await t.test('what this engine does not serve is a 404 that says so', async () => {
    for (const path of ['/v1/score', '/v1/audio/speech', '/v1/images/generations', '/api/chat']) {
      const response = await ask(path, { model: 'tiny', messages, input: 'hi', prompt: 'hi' });
      assert.equal(response.status, 404, path);
      assert.match(response.body.toString(), /no engine here does|these do/, path);
    }
  });

  await t.test('reranking without a reranker fails in the words of the engine', async () => {
    const response = await ask('/v1/rerank', { model: 'tiny', query: 'q', documents: ['d'] });
    assert.equal(response.status, 501);
    assertSameBytes(response.body, tap.last('POST', '/v1/rerank').response?.body);
  });

  await t.test(
    'the tokenizer is open to a key of scope inference, the state of the engine is not',
    async () => {
      const { engineId } = floor;
      const tokens = await ask(`/engine/${engineId}/tokenize`, { content: story });
      assert.equal(tokens.status, 200);
      assertSameBytes(tokens.body, tap.last('POST', '/tokenize').response?.body);
      const text = await ask(`/engine/${engineId}/detokenize`, jsonOf(tokens));
      assert.match(jsonOf<{ content: string }>(text).content, /Hello from/);
      const prompt = await ask(`/engine/${engineId}/apply-template`, { messages });
      assert.deepEqual(jsonOf(prompt), { prompt: 'hi' });
      for (const path of ['props', 'metrics', 'slots', 'lora-adapters'])
        assert.equal((await ask(`/engine/${engineId}/${path}`)).status, 403, path);
    },
  );

  await t.test('inference by its own API is as open, and as exact', async () => {
    const at = (path: string): string => `/engine/${floor.engineId}${path}`;
    for (const [path, body] of [
      ['/completion', { prompt: 'hi', cache_prompt: false }],
      ['/completion', { prompt: 'hi', cache_prompt: false, stream: true }],
      ['/v1/chat/completions', { ...chat, stream: true }],
      ['/v1/messages', { ...chat, max_tokens: 64 }],
    ] as const) {
      const response = await ask(at(path), body);
      assert.equal(response.status, 200, response.body.toString());
      assert.equal(response.whole, true);
      assertSameBytes(response.body, tap.last('POST', path).response?.body);
      assert.match(response.body.toString(), /fixed/);
    }
  });

  await t.test('a form reaches the engine as it was written, and its refusal the client', async () => {
    const part = (name: string, more: string, content: string): string =>
      `--b0\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${content}\r\n`;
    const form = `${part('file', '; filename="a.wav"\r\nContent-Type: audio/wav', 'RIFF\0\u00ff')}${part('model', '', 'tiny')}--b0--\r\n`;
    const wire = await Wire.dial(floor.proxy.port);
    wire.send(
      `POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${floor.key}\r\ncontent-type: multipart/form-data; boundary=b0\r\ncontent-length: ${form.length}\r\n\r\n${form}`,
    );
    const response = await wire.response();
    wire.close();
    const sent = tap.last('POST', '/v1/audio/transcriptions');
    assertSameBytes(sent.body, Buffer.from(form, 'latin1'));
    assert.equal(sent.field('content-type'), 'multipart/form-data; boundary=b0');
    assert.ok(response.status >= 400);
    assert.equal(response.status, sent.response?.status);
    assertSameBytes(response.body, sent.response?.body);
  });

  await t.test("the engine's own API follows its list, by scope", async () => {
    const { engineId, newKey } = floor;
    const reader = await newKey('reader', '--scope', 'engine:read');
    const admin = await newKey('admin', '--scope', 'engine:admin');
    const at = (path: string): string => `/engine/${engineId}/${path}`;
    const props = await ask(at('props'), undefined, { key: reader });
    assert.equal(props.status, 200);
    assertSameBytes(props.body, tap.last('GET', '/props').response?.body);
    for (const [path, body] of [
      ['props', { n: 1 }],
      ['slots', undefined],
      ['slots/0?action=erase', {}],
      ['lora-adapters', []],
      ['models/load', { model: 'tiny' }],
      ['models/unload', { model: 'tiny' }],
      ['tools', {}],
      ['cors-proxy', undefined],
      ['v1/streams', undefined],
    ] as const) {
      assert.equal((await ask(at(path), body, { key: reader })).status, 403, path);
      assert.equal((await ask(at(path), body)).status, 403, path);
    }
    // What an administrator asks for reaches the engine, and is its own answer.
    const slots = await ask(at('slots'), undefined, { key: admin });
    assert.equal(slots.status, 200);
    assert.equal(jsonOf<unknown[]>(slots).length, 2);
    const denied = await ask(at('props'), { n: 1 }, { key: admin });
    assertSameBytes(denied.body, tap.last('POST', '/props').response?.body);
  });
});

test('llama.cpp with embeddings behind flm', needsLlama, async (t) => {
  const { ask, tap, engine } = await openFloor(t, ['--embeddings', '--pooling', 'mean']);
  for (const [name, body] of [
    ['floats', { input: ['hi', story] }],
    ['base64', { input: ['hi', story], encoding_format: 'base64' }],
    ['tokens', { input: [1, 260, 261] }],
  ] as const) {
    await t.test(`embeddings of or in ${name} are the engine's own bytes`, async () => {
      const full = { model: 'tiny', ...body };
      const response = await ask('/v1/embeddings', full);
      const direct = await askDirectly(engine.url, '/v1/embeddings', full);
      assert.equal(response.status, 200, response.body.toString());
      assertSameBytes(response.body, tap.last('POST', '/v1/embeddings').response?.body);
      assert.deepEqual(jsonOf(response), jsonOf(direct));
    });
  }

  await t.test('a text that is too long is refused in the words of the engine', async () => {
    const response = await ask('/v1/embeddings', { model: 'tiny', input: 'x'.repeat(4000) });
    assert.ok(response.status >= 400);
    assertSameBytes(response.body, tap.last('POST', '/v1/embeddings').response?.body);
  });
});
