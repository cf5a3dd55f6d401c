/** Limits and counts that hang on what real engines tell: slots, usage in passing, budgets of tokens. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { EndedRequestDocument } from '../../src/core/proxy/request-document.ts';
import { eventually } from '../helpers/eventually.ts';
import { assertNoLeaks, takeStock } from '../helpers/leaks.ts';
import { loopTrigger, storyTokens } from '../helpers/tiny-gguf.ts';
import { eventsOf, jsonOf, lasting } from './answers.ts';
import {
  askDirectly,
  bothEngines,
  llamaServer,
  needsLlama,
  startProxyFor,
  type TestedProxy,
  tapOf,
} from './tested-proxy.ts';

const before = takeStock();
after(() => assertNoLeaks(before));

const messages = [{ role: 'user', content: 'hi' }];
const endless = { model: 'tiny', messages: [{ role: 'user', content: loopTrigger }], stream: true };

interface Counts {
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly estimatedRequests: number;
}

/** Of one key; what is used is written down within a second or two. */
async function usageOf(flm: TestedProxy, label: string, requests: number): Promise<Counts> {
  const ran = await eventually(
    async () =>
      (await flm.cli.run('usage', '--json')).json<{ usage: (Counts & { key: { label: string } })[] }>(),
    ({ usage }) => usage.some((u) => u.key.label === label && u.requests === requests),
  );
  const found = ran.usage.find((u) => u.key.label === label);
  assert(found !== undefined);
  return found;
}

for (const [name, needs, start] of bothEngines) {
  test(`usage that ${name} tells is counted on every route, streamed or not`, needs, async (t) => {
    const engine = await start(t);
    const flm = await startProxyFor(t, engine.url);
    const { model } = engine;
    const native: readonly [path: string, body: object][] =
      engine.kind === 'ollama'
        ? [
            ['/api/chat', { model, messages }],
            ['/api/generate', { model, prompt: 'hi' }],
          ]
        : [];
    const asks: readonly [path: string, body: object][] = [
      ['/v1/chat/completions', { model, messages, stream_options: { include_usage: true } }],
      ['/v1/completions', { model, prompt: 'hi', stream_options: { include_usage: true } }],
      ['/v1/responses', { model, input: 'hi' }],
      ['/v1/messages', { model, messages, max_tokens: 64 }],
      ...native,
    ];
    for (const [path, body] of asks) {
      for (const stream of [true, false]) {
        const label = `${path} ${stream}`;
        const key = await flm.newKey(label);
        const response = await flm.ask(path, { ...body, stream }, { key });
        assert.equal(response.status, 200, `${label} ${response.body}`);
      }
    }
    for (const [path] of asks) {
      for (const stream of [true, false]) {
        const label = `${path} ${stream}`;
        const counts = await usageOf(flm, label, 1);
        assert.equal(counts.outputTokens, storyTokens, label);
        assert.ok(counts.inputTokens > 0, label);
        assert.equal(counts.estimatedRequests, 0, label);
      }
    }
  });

  test(`a key with a budget is counted on ${name}, and its client sees nothing of it`, needs, async (t) => {
    const engine = await start(t);
    const tap = await tapOf(t, engine);
    const flm = await startProxyFor(t, tap.url);
    const { model } = engine;
    const key = await flm.newKey('counted', '--tokens-per-day', '100000');
    const asks: readonly [path: string, body: object][] = [
      ['/v1/chat/completions', { model, messages, stream: true }],
      ['/v1/completions', { model, prompt: 'hi', stream: true }],
    ];
    for (const [path, body] of asks) {
      const response = await flm.ask(path, body, { key });
      assert.equal(response.whole, true);
      const alone = await askDirectly(engine.url, path, body);
      assert.deepEqual(lasting(eventsOf(response)), lasting(eventsOf(alone)), path);
    }
    assert.match(tap.last('POST', '/v1/chat/completions').body.toString(), /include_usage/);
    const counts = await usageOf(flm, 'counted', asks.length);
    // On /v1/completions Ollama cannot be asked without showing it.
    const estimated = engine.kind === 'ollama' ? 1 : 0;
    assert.equal(counts.estimatedRequests, estimated);
    assert.ok(counts.outputTokens > storyTokens);
    if (estimated === 0) assert.equal(counts.outputTokens, asks.length * storyTokens);
  });
}

test(
  'prompt tokens that llama.cpp takes from its cache are told on every route, streamed or not',
  needsLlama,
  async (t) => {
    const { url, model } = await llamaServer(t);
    const flm = await startProxyFor(t, url);
    // Long enough that the engine keeps it, and different for each route.
    const prompt = (route: string): string => `${route} ${'lighthouse '.repeat(40)}hi`;
    const bodies: readonly (readonly [path: string, bodyOf: (text: string) => object])[] = [
      ['/v1/chat/completions', (content) => ({ messages: [{ role: 'user', content }] })],
      ['/v1/responses', (input) => ({ input })],
      ['/v1/messages', (content) => ({ messages: [{ role: 'user', content }], max_tokens: 64 })],
    ];
    for (const [path, bodyOf] of bodies) {
      for (const stream of [true, false]) {
        const label = `${path} ${stream}`;
        const key = await flm.newKey(label);
        for (let i = 0; i < 2; i++) {
          const response = await flm.ask(path, { model, stream, ...bodyOf(prompt(label)) }, { key });
          assert.equal(response.status, 200, `${label} ${response.body}`);
        }
        const ran = await flm.cli.run('requests', 'recent', '--key', label, '--json');
        const [second, first] = ran.json<{ requests: readonly EndedRequestDocument[] }>().requests;
        const told = `${label}: ${JSON.stringify([first, second])}`;
        assert.ok(first?.cachedTokens !== null && (first?.promptTokens ?? 0) >= 40, told);
        assert.ok((second?.cachedTokens ?? 0) >= 40, told);
        assert.ok((second?.promptTokens ?? 0) >= (second?.cachedTokens ?? 0), told);
        assert.equal(second?.promptTokens, first?.promptTokens, told);
      }
    }
  },
);

test('a budget of tokens that a real engine used up is a refusal', needsLlama, async (t) => {
  const engine = await llamaServer(t);
  const flm = await startProxyFor(t, engine.url);
  const key = await flm.newKey('poor', '--tokens-per-day', '40');
  const chat = { model: 'tiny', messages, max_tokens: 20 };
  const first = await flm.ask('/v1/chat/completions', chat, { key });
  assert.equal(first.status, 200, first.body.toString());
  const { usage } = jsonOf<{ usage: { total_tokens: number } }>(first);
  assert.ok(usage.total_tokens < 40);
  let last = first;
  for (let i = 0; i < 3 && last.status === 200; i++)
    last = await flm.ask('/v1/chat/completions', chat, { key });
  assert.equal(last.status, 429, last.body.toString());
  assert.match(last.field('retry-after') ?? '', /^\d+$/);
});

test('a request beyond the slots of llama.cpp waits in flm, and has its turn', needsLlama, async (t) => {
  const engine = await llamaServer(t);
  const tap = await tapOf(t, engine);
  const flm = await startProxyFor(t, tap.url);
  const running = [];
  for (let i = 0; i < 2; i++) {
    const wire = await flm.begin('/v1/chat/completions', endless);
    await wire.until((bytes) => bytes.includes('and...'));
    running.push(wire);
  }
  const sent = (): number => tap.exchanges().filter((x) => x.method === 'POST').length;
  const leaver = await flm.begin('/v1/chat/completions', { model: 'tiny', messages });
  const waiter = await flm.begin('/v1/chat/completions', { model: 'tiny', messages });
  await eventually(
    () => flm.status(),
    (view) => view.inFlight === 4,
  );
  assert.equal(sent(), 2);
  leaver.close();
  await eventually(
    () => flm.status(),
    (view) => view.inFlight === 3,
  );
  running[0]?.close();
  const answered = await waiter.response();
  assert.equal(answered.status, 200);
  assert.match(answered.body.toString(), /Hello/);
  assert.equal(sent(), 3);
});
