/**
 * Tokens a minute, tokens a day and concurrency of a key, as a client meets them; and how usage comes to be known.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { noKeyLimits } from '../../src/core/security/api-key.ts';
import { GatewayFixture } from '../helpers/gateway-fixture.ts';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import { answer, chunk, hold, lastChunk, type Script, sseHead } from '../helpers/raw-engine.ts';
import { post, type WireResponse } from '../helpers/test-gateway.ts';

let stock: Stock;
let fixture: GatewayFixture;
let today = 0;
/** Whom the ledger was asked about. */
let asked: string[] = [];
before(() => {
  stock = takeStock();
});
beforeEach(async () => {
  today = 0;
  asked = [];
  fixture = await GatewayFixture.open({
    engines: [{ kind: { usageOnRequest: new Set(['chat.completions']) } }],
    ledger: {
      today(familyId) {
        asked.push(familyId);
        return today;
      },
    },
  });
});
afterEach(async () => {
  await fixture.settle();
  await fixture.close();
});
after(() => assertNoLeaks(stock));

const usage = (tokens: number): string =>
  `{"choices":[],"usage":{"prompt_tokens":${tokens - 10},"completion_tokens":10,"total_tokens":${tokens}}}`;

async function ask(key: string, script: Script, more: object = {}, path?: string): Promise<WireResponse> {
  fixture.engine.setScript(script);
  const wire = await fixture.send(
    post(path ?? '/v1/chat/completions', key, JSON.stringify({ model: 'm', ...more })),
  );
  return wire.response();
}

test('a key in debt is refused until the debt is paid, and the response says when', async () => {
  const key = fixture.addKey({ limits: { ...noKeyLimits, tokensPerMinute: 600 } });
  const first = await ask(key, [answer(usage(700))]);
  assert.equal(first.status, 200);
  assert.equal(first.field('x-ratelimit-limit-tokens'), '600');
  assert.equal(first.field('x-ratelimit-remaining-tokens'), '600');
  const refused = await ask(key, [answer(usage(700))]);
  assert.equal(refused.status, 429);
  assert.equal(refused.field('retry-after-ms'), '10100');
  assert.match(refused.body.toString(), /600 tokens a minute/);
  assert.equal(fixture.engine.requests.length, 1);
  await fixture.clock.move(10_100);
  assert.equal((await ask(key, [answer(usage(50))])).status, 200);
});

test('both secrets of a key that is being rotated have one budget of the minute and of the day', async () => {
  const limits = { ...noKeyLimits, tokensPerMinute: 600, tokensPerDay: 1000 };
  const old = fixture.addKey({ id: 'key_old', limits });
  const successor = fixture.addKey({ familyId: 'key_old', limits });
  assert.equal((await ask(old, [answer(usage(700))])).status, 200);
  assert.equal((await ask(successor, [answer(usage(700))])).status, 429);
  assert.deepEqual([...new Set(asked)], ['key_old']);
});

test('a budget of the day that is used up is told with a wait that SDKs do not shorten', async () => {
  const key = fixture.addKey({ limits: { ...noKeyLimits, tokensPerDay: 1000 } });
  today = 999;
  assert.equal((await ask(key, [answer(usage(50))])).status, 200);
  today = 1049;
  const refused = await ask(key, [answer(usage(50))]);
  assert.equal(refused.status, 429);
  assert.equal(refused.field('x-should-retry'), 'false');
  assert.ok(Number(refused.field('retry-after')) > 60);
});

test('a key may have so many requests in progress and no more', async () => {
  const key = fixture.addKey({ limits: { ...noKeyLimits, concurrency: 1 } });
  const gate = Promise.withResolvers<void>();
  fixture.engine.setScript([hold(gate.promise), answer('{}')]);
  const wire = await fixture.send(post('/v1/chat/completions', key, '{"model":"m"}'));
  await fixture.engine.arrived(1);
  const refused = await ask(key, [answer('{}')]);
  assert.equal(refused.status, 429);
  assert.match(refused.body.toString(), /1 requests? in progress/);
  gate.resolve();
  assert.equal((await wire.response()).status, 200);
  assert.equal((await ask(key, [answer('{}')])).status, 200);
});

test('what only looks something up is not held against budgets', async () => {
  const key = fixture.addKey({ limits: { ...noKeyLimits, tokensPerMinute: 10, concurrency: 1 } });
  await ask(key, [answer(usage(500))]);
  assert.equal((await ask(key, [answer(usage(5))])).status, 429);
  assert.equal((await ask(key, [answer('{"input_tokens":3}')], {}, '/v1/messages/count_tokens')).status, 200);
});

const text = 'data: {"choices":[{"index":0,"delta":{"content":"\\"choices\\":[] \\"usage\\":{"}}]}\n\n';
const done = 'data: [DONE]\n\n';
const stream = (...events: readonly string[]): Script => [sseHead, ...events.map((e) => chunk(e)), lastChunk];

test('for a key with a budget the usage is asked for, counted and taken out again, and nothing else', async () => {
  const key = fixture.addKey({ limits: { ...noKeyLimits, tokensPerMinute: 600 } });
  const events = [text, `data: ${usage(800)}\n\n`, done];
  for (const cut of [events, [events.join('')], [...events.join('')]]) {
    await fixture.clock.move(120_000);
    const response = await ask(key, stream(...cut), { stream: true });
    assert.equal(response.body.toString(), text + done);
    assert.deepEqual(JSON.parse(fixture.lastRequest?.body.toString() ?? ''), {
      stream_options: { include_usage: true },
      model: 'm',
      stream: true,
    });
    assert.equal((await ask(key, stream(done), { stream: true })).status, 429);
  }
});

test('a client that asks for the usage itself gets it, and its request is sent as it is', async () => {
  const key = fixture.addKey({ limits: { ...noKeyLimits, tokensPerMinute: 600 } });
  const all = `${text}data: ${usage(800)}\n\n${done}`;
  const body = { stream: true, stream_options: { include_usage: true } };
  const response = await ask(key, stream(all), body);
  assert.equal(response.body.toString(), all);
  assert.equal(fixture.lastRequest?.body.toString(), JSON.stringify({ model: 'm', ...body }));
});

test('where asking for the usage would show in other chunks, it is not asked for', async () => {
  const key = fixture.addKey({ limits: { ...noKeyLimits, tokensPerMinute: 600 } });
  const response = await ask(key, stream(text, done), { prompt: 'hi', stream: true }, '/v1/completions');
  assert.equal(response.body.toString(), text + done);
  assert.equal(fixture.lastRequest?.body.toString(), '{"model":"m","prompt":"hi","stream":true}');
});

test('without a budget no byte is touched', async () => {
  const all = `${text}data: ${usage(800)}\n\n${done}`;
  const response = await ask(fixture.proxy.key, stream(all), { stream: true });
  assert.equal(response.body.toString(), all);
  assert.equal(fixture.lastRequest?.body.toString(), '{"model":"m","stream":true}');
});

test('an answer without usage is paid for by an estimate', async () => {
  const key = fixture.addKey({ limits: { ...noKeyLimits, tokensPerMinute: 100 } });
  assert.equal((await ask(key, [answer(`{"text":"${'x'.repeat(4_000)}"}`)])).status, 200);
  assert.equal((await ask(key, [answer('{}')])).status, 429);
});

test("an engine's refusal costs nothing", async () => {
  const key = fixture.addKey({ limits: { ...noKeyLimits, tokensPerMinute: 100 } });
  const fault = answer(`{"error":"${'x'.repeat(4_000)}"}`, 'application/json', '400 Bad Request');
  assert.equal((await ask(key, [fault])).status, 400);
  assert.equal((await ask(key, [answer('{}')])).status, 200);
});
