/** Limits that are counted on another machine: requests wait for the answer, and hold nothing when they end before it. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type ApiKey, unrestricted } from '../../src/core/security/api-key.ts';
import { KeyHoldings } from '../../src/core/security/key-holdings.ts';
import { GcraLimiter } from '../../src/core/security/rate-limiter.ts';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import {
  answer,
  chunk,
  type RawEngine,
  type Script,
  sseHead,
  startRawEngine,
} from '../helpers/raw-engine.ts';
import { RemoteConcurrency, RemoteLink, RemoteRateLimiter } from '../helpers/remote-limits.ts';
import { openTestGateway, post, type TestGateway } from '../helpers/test-gateway.ts';

let stock: Stock;
let engine: RawEngine;
let gateway: TestGateway;
let rates: RemoteLink;
let slots: RemoteLink;
let concurrency: RemoteConcurrency;
const mistakes: unknown[] = [];

before(async () => {
  stock = takeStock();
  engine = await startRawEngine([answer('{}')]);
  rates = new RemoteLink();
  slots = new RemoteLink();
  const counts = new KeyHoldings({ maxStreams: 100, maxBufferedBytes: 1_000, maxBodyBytes: 100 });
  concurrency = new RemoteConcurrency(slots, counts);
  const limiter = new RemoteRateLimiter(rates, new GcraLimiter(), new GcraLimiter());
  gateway = await openTestGateway({
    engines: [{ id: 'e', port: engine.port, models: ['m'] }],
    limiter: {
      take: async (asks, nowMs) => {
        if (asks.some(({ perMinute }) => perMinute === 7)) throw new TypeError('no such bucket');
        return limiter.take(asks, nowMs);
      },
      reading: (...asked) => limiter.reading(...asked),
    },
    concurrency,
    onError: (error) => mistakes.push(error),
  });
});
beforeEach(() => engine.setScript([answer('{}')]));
after(async () => {
  await gateway.close();
  await engine.close();
  await assertNoLeaks(stock);
});

const limited = (limits: Partial<ApiKey['limits']>): string =>
  gateway.addKey({ limits: { ...unrestricted.limits, ...limits } });
const chat = (key: string): string => post('/v1/chat/completions', key, '{"model":"m"}');

async function status(key: string): Promise<number> {
  const wire = await gateway.dial();
  const response = await wire.send(chat(key)).response();
  wire.close();
  return response.status;
}

test('a rate and a concurrency on another machine hold as local ones do', async () => {
  const key = limited({ requestsPerMinute: 2, burst: 2, concurrency: 1 });
  assert.deepEqual([await status(key), await status(key), await status(key)], [200, 200, 429]);
});

test('a client that leaves while the rate is asked holds nothing', async () => {
  const key = limited({ requestsPerMinute: 100 });
  const hung = rates.hang();
  const wire = await gateway.dial();
  const recorded = gateway.nextLine();
  wire.send(chat(key));
  await hung.asked;
  wire.close();
  assert.equal((await recorded).ending, 'client-left');
  hung.open();
  assert.equal(await status(key), 200);
  assert.equal(gateway.gateway.inFlight, 0);
});

test('a request that ends while the concurrency is asked gives back what is granted later', async () => {
  const key = limited({ concurrency: 1 });
  const hung = slots.hang();
  const wire = await gateway.dial();
  const recorded = gateway.nextLine();
  wire.send(chat(key));
  await hung.asked;
  wire.close();
  assert.equal((await recorded).ending, 'client-left');
  hung.open();
  assert.equal(await status(key), 200, 'the only place is free again');
});

test('a key that is revoked while the concurrency is asked gets its refusal at once', async () => {
  const key = limited({ concurrency: 1 });
  const hung = slots.hang();
  const wire = await gateway.dial();
  const response = wire.send(chat(key)).response();
  await hung.asked;
  gateway.revoke(key);
  assert.equal((await response).status, 401);
  wire.close();
  hung.open();
});

test('a limiter that throws is a 500 for that request alone', async () => {
  mistakes.length = 0;
  assert.equal(await status(limited({ requestsPerMinute: 7 })), 500);
  assert.equal(mistakes.length, 1);
  assert.equal(await status(gateway.key), 200);
});

test('however a request ends, its tokens are told before the request is given back', async (t) => {
  const order: string[] = [];
  const told = await openTestGateway({
    engines: [{ id: 'e', port: engine.port, models: ['m'] }],
    concurrency: {
      takeRequest: () => undefined,
      giveBackRequest: () => order.push(`given back after ${told.lines.length} records`),
    },
    tokens: {
      check: () => ({ reading: undefined, denial: undefined }),
      settle: (_key, tokens) => order.push(`${tokens} tokens`),
    },
  });
  t.after(() => told.close());
  const usage = '"usage":{"prompt_tokens":3,"completion_tokens":4}';
  const begun = [sseHead, chunk(`data: {"choices":[],${usage}}\n\n`)];
  const endings: readonly [ending: string, script: Script, tokens: number][] = [
    ['done', [answer(`{${usage}}`)], 7],
    ['engine-broke', [...begun, (socket) => void socket.destroy()], 7],
    // The prompt is estimated.
    ['client-left', begun, 8],
  ];
  for (const [ending, script, tokens] of endings) {
    order.length = 0;
    engine.setScript(script);
    const records = told.lines.length;
    const recorded = told.nextLine();
    const wire = await told.dial();
    wire.send(chat(told.key));
    await wire.until((received) => received.includes('usage'));
    if (ending === 'client-left') wire.close();
    assert.equal((await recorded).ending, ending);
    wire.close();
    assert.deepEqual(order, [`${tokens} tokens`, `given back after ${records + 1} records`]);
  }
});
