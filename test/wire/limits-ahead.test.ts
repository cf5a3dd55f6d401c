/** What a limiter on another machine grants ahead, with the first question of a request. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type ApiKey, unrestricted } from '../../src/core/security/api-key.ts';
import type { RateLimiter } from '../../src/core/security/rate-limiter.ts';
import { answer, type RawEngine, startRawEngine } from '../helpers/raw-engine.ts';
import { openTestGateway, post, type TestGateway } from '../helpers/test-gateway.ts';

let engine: RawEngine;
let gateway: TestGateway;
/** Requests in progress that were granted ahead, and are not taken back. */
let held = 0;
/** Questions beside the first one of a request. */
let further = 0;
let grants = true;

const release = (): void => {
  held -= 1;
};

const limiter: RateLimiter = {
  take: async ([tightest], _nowMs, ahead) => {
    if (ahead !== undefined) {
      if (grants) held += 1;
      const refused = { code: 'CONCURRENCY_LIMITED', params: { limit: 1 }, rule: 'x' } as never;
      ahead.grantConcurrency(
        grants ? { denial: undefined, release } : { denial: refused, release: undefined },
      );
      ahead.answerTokens({ reading: undefined, denial: undefined }, performance.now());
    }
    return { granted: true, tightest, remaining: 1, resetMs: 0 };
  },
  reading: () => ({ remaining: 1, resetMs: 0 }),
};

before(async () => {
  engine = await startRawEngine([answer('{}')]);
  gateway = await openTestGateway({
    engines: [{ id: 'e', port: engine.port, models: ['m'] }],
    limiter,
    remoteLimits: true,
    concurrency: {
      takeRequest: (_key, _holding, ahead) => {
        const granted = ahead?.takeConcurrency();
        if (granted === undefined) further += 1;
        return granted?.denial;
      },
      giveBackRequest: () => {
        held -= 1;
      },
    },
    tokens: {
      check: (_key, ahead) => {
        const check = ahead?.tokens(performance.now());
        if (check === undefined) further += 1;
        return check ?? { reading: undefined, denial: undefined };
      },
      settle: () => {},
    },
  });
});
beforeEach(() => {
  held = 0;
  further = 0;
  grants = true;
});
after(async () => {
  await gateway.close();
  await engine.close();
});

const limited = (parts: Partial<ApiKey> = {}): string =>
  gateway.addKey({ limits: { ...unrestricted.limits, requestsPerMinute: 60, concurrency: 1 }, ...parts });

async function status(request: string): Promise<number> {
  const recorded = gateway.nextLine();
  const wire = await gateway.dial();
  const response = await wire.send(request).response();
  await recorded;
  wire.close();
  return response.status;
}
const chat = (key: string, body = '{"model":"m"}'): string => post('/v1/chat/completions', key, body);

test('a request that generates asks once, and gives back what it had', async () => {
  assert.equal(await status(chat(limited())), 200);
  assert.deepEqual([held, further], [0, 0]);
});

test('a refusal that came ahead is the refusal of the request', async () => {
  grants = false;
  assert.equal(await status(chat(limited())), 429);
  assert.deepEqual([held, further], [0, 0]);
});

test('a request that is refused after its first question releases what it was granted ahead', async () => {
  assert.equal(await status(chat(limited(), '{"model":')), 400);
  assert.equal(await status(chat(limited(), '{"model":"unknown"}')), 404);
  assert.equal(held, 0);
});

test('a request of a route or key that will not generate is granted nothing ahead', async () => {
  const reads = limited({ scopes: ['engine:read'] });
  assert.equal(await status(chat(reads)), 403);
  const list = `GET /v1/models HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${limited()}\r\n\r\n`;
  assert.equal(await status(list), 200);
  assert.equal(held, 0);
});
