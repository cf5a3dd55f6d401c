/**
 * Further clients before flm before real engines: the SDKs of Anthropic, Ollama and Vercel, and curl. What they ask for
 * is answered as they expect, and refusals arrive as the kind of error that belongs to them.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import Anthropic from '@anthropic-ai/sdk';
import { embedMany, generateText, streamText } from 'ai';
import { Ollama } from 'ollama';
import { assertNoLeaks, takeStock } from '../helpers/leaks.ts';
import { loopTrigger, story, storyTokens } from '../helpers/tiny-gguf.ts';
import {
  bothEngines,
  idle,
  llamaServer,
  needsLlama,
  needsOllama,
  ollama,
  startProxyFor,
} from './tested-proxy.ts';

const before = takeStock();
after(() => assertNoLeaks(before));

const messages = [{ role: 'user' as const, content: 'hi' }];
const endless = [{ role: 'user' as const, content: loopTrigger }];

test('the SDK of Anthropic on llama.cpp', needsLlama, async (t) => {
  const engine = await llamaServer(t);
  const flm = await startProxyFor(t, engine.url);
  const client = new Anthropic({ baseURL: flm.proxy.url, apiKey: flm.key });
  const asked = { model: engine.model, messages, max_tokens: 64 };

  await t.test('messages', async () => {
    const answer = await client.messages.create(asked);
    const [block] = answer.content;
    assert(block?.type === 'text');
    assert.equal(block.text.trim(), story);
    assert.equal(answer.stop_reason, 'end_turn');
    assert.equal(answer.usage.output_tokens, storyTokens);
  });

  await t.test('streamed messages', async () => {
    const stream = client.messages.stream(asked);
    assert.equal((await stream.finalText()).trim(), story);
    assert.equal((await stream.finalMessage()).stop_reason, 'end_turn');
  });

  await t.test('count of tokens, and models', async () => {
    const { max_tokens: _, ...counted } = asked;
    assert.ok((await client.messages.countTokens(counted)).input_tokens > 0);
    const ids: string[] = [];
    for await (const one of client.models.list()) ids.push(one.id);
    assert.deepEqual(ids, [engine.model]);
  });

  await t.test('a bearer token does as well', async () => {
    const bearer = new Anthropic({ baseURL: flm.proxy.url, apiKey: null, authToken: flm.key });
    assert.equal((await bearer.messages.create(asked)).role, 'assistant');
  });

  await t.test('abort', async () => {
    const stream = client.messages.stream({ ...asked, messages: endless, max_tokens: 1_000_000 });
    for await (const event of stream) if (event.type === 'content_block_delta') break;
    await idle(flm);
  });

  await t.test('refusals, and an engine that dies, are of the class that belongs to them', async () => {
    const ask = (apiKey: string, model = engine.model): Promise<unknown> =>
      new Anthropic({ baseURL: flm.proxy.url, apiKey, maxRetries: 0 }).messages.create({ ...asked, model });
    await assert.rejects(ask('flm_wrong'), Anthropic.AuthenticationError);
    await assert.rejects(
      ask(await flm.newKey('reader', '--scope', 'engine:read')),
      Anthropic.PermissionDeniedError,
    );
    await assert.rejects(ask(flm.key, 'nobody'), Anthropic.NotFoundError);
    const slow = await flm.newKey('slow', '--rpm', '1', '--burst', '1');
    await ask(slow);
    await assert.rejects(ask(slow), Anthropic.RateLimitError);

    const stream = client.messages.stream({ ...asked, messages: endless, max_tokens: 1_000_000 });
    await assert.rejects(async () => {
      for await (const event of stream) if (event.type === 'content_block_delta') engine.kill();
    }, Anthropic.APIError);
    await engine.stop();
    await assert.rejects(ask(flm.key), Anthropic.InternalServerError);
  });
});

test('the SDK of Ollama on Ollama', needsOllama, async (t) => {
  const engine = await ollama(t);
  const flm = await startProxyFor(t, engine.url);
  const { model } = engine;
  const client = new Ollama({ host: flm.proxy.url, headers: { authorization: `Bearer ${flm.key}` } });

  await t.test('chat and generate, streamed and not', async () => {
    assert.equal((await client.chat({ model, messages })).message.content.trim(), story);
    let said = '';
    for await (const part of await client.chat({ model, messages, stream: true }))
      said += part.message.content;
    assert.equal(said.trim(), story);
    const generated = await client.generate({ model, prompt: 'hi' });
    assert.equal(generated.response?.trim(), story);
    assert.equal(generated.eval_count, storyTokens);
    said = '';
    for await (const part of await client.generate({ model, prompt: 'hi', stream: true }))
      said += part.response;
    assert.equal(said.trim(), story);
  });

  await t.test('embed, list, ps, show, version', async () => {
    const { embeddings } = await client.embed({ model, input: ['hi', story] });
    assert.deepEqual(
      embeddings.map((e) => e.length),
      [64, 64],
    );
    assert.deepEqual(
      (await client.list()).models.map((m) => m.name),
      [model],
    );
    assert.deepEqual(
      (await client.ps()).models.map((m) => m.name),
      [model],
    );
    assert.equal((await client.show({ model })).details.family, 'llama');
    assert.match((await client.version()).version, /^\d/);
  });

  await t.test('abort', async () => {
    const stream = await client.chat({ model, messages: endless, stream: true });
    await assert.rejects(async () => {
      for await (const part of stream) if (part.message.content.includes('and')) stream.abort();
    }, /abort/i);
    await idle(flm);
  });

  await t.test('refusals have a message and a status', async () => {
    await assert.rejects(client.chat({ model: 'nobody', messages }), { status_code: 404, message: /nobody/ });
    await assert.rejects(client.pull({ model: 'nobody' }), { status_code: 404 });
    await assert.rejects(client.delete({ model }), { status_code: 404 });
    await assert.rejects(client.generate({ model, prompt: '', keep_alive: 0 }), { status_code: 403 });
    const locked = new Ollama({ host: flm.proxy.url });
    await assert.rejects(locked.list(), { status_code: 401 });
  });
});

for (const [kind, needs, start] of bothEngines) {
  test(`the SDK of Vercel on ${kind}`, needs, async (t) => {
    const engine = await start(t);
    const flm = await startProxyFor(t, engine.url);
    const provider = createOpenAICompatible({
      name: 'flm',
      baseURL: flm.proxy.baseUrl,
      apiKey: flm.key,
      includeUsage: true,
    });
    const model = provider.chatModel(engine.model);
    const answer = await generateText({ model, prompt: 'hi' });
    assert.equal(answer.text.trim(), story);
    const stream = streamText({ model, prompt: 'hi' });
    let said = '';
    for await (const part of stream.textStream) said += part;
    assert.equal(said.trim(), story);
    assert.equal((await stream.usage).outputTokens, storyTokens);
    const { embeddings } = await embedMany({
      model: provider.embeddingModel(engine.model),
      values: ['hi', story],
    });
    assert.deepEqual(
      embeddings.map((e) => e.length),
      [64, 64],
    );
    const missing = generateText({ model: provider.chatModel('nobody'), prompt: 'hi', maxRetries: 0 });
    await assert.rejects(missing, { statusCode: 404, message: /nobody/ });
  });
}

test('curl on llama.cpp', needsLlama, async (t) => {
  const engine = await llamaServer(t);
  const flm = await startProxyFor(t, engine.url);
  const url = `${flm.proxy.baseUrl}/chat/completions`;
  const body = JSON.stringify({ model: engine.model, messages, stream: true });
  const answer = await curl('-N', url, '-H', `Authorization: Bearer ${flm.key}`, '--json', body);
  assert.match(answer, /"Hello|" Hello/);
  assert.match(answer, /data: \[DONE\]\n\n$/);
  const refused = await curl('-o', '/dev/null', '-w', '%{http_code}', url, '--json', body);
  assert.equal(refused, '401');
});

async function curl(...args: readonly string[]): Promise<string> {
  const child = spawn('curl', ['-sS', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  return text(child.stdout);
}
