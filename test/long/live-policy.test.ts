/**
 * Policies that change all the time under a proxy that is in use: a client that both the old and the new one allow notices
 * nothing. The changes go through the real store, as those of `flm policy set` do.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { openFlm } from '../../src/app/flm.ts';
import { startChatEngine } from '../helpers/chat-engine.ts';
import { flmEntry, makeCli } from '../helpers/cli.ts';
import { assertNoLeaks, takeStock } from '../helpers/leaks.ts';
import { answer } from '../helpers/raw-engine.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';

const stock = takeStock();
after(() => assertNoLeaks(stock));

const changes = 200;
const budgetMs = 30_000;
const clients = 4;

/** Both let in this client and the origin that it says it comes from; answers tell them apart by the rate. */
const policies = [
  { allowOrigins: ['https://app.example.org'] },
  {
    allowOrigins: ['https://*.example.org'],
    allowIps: ['127.0.0.0/8', '::1'],
    denyIps: ['10.0.0.0/8', '192.0.2.1-192.0.2.99'],
    requestsPerMinutePerKey: 1_000_000,
  },
] as const;

test('two hundred changes of a policy within half a minute fail no request that all of them allow', {
  timeout: 90_000,
}, async (t) => {
  const cli = makeCli(t);
  const engine = await startChatEngine(['m'], () => [answer('{"object":"chat.completion","choices":[]}')]);
  t.after(() => engine.close());
  const { baseUrl } = await startProxy(cli, '--engine', engine.url);
  const { key } = await createKey(cli, 'busy');
  const flm = await openFlm({
    environment: { FLM_HOME: cli.home, HOME: cli.folder },
    entry: flmEntry,
  });
  t.after(() => flm.close());

  let over = false;
  let requests = 0;
  const seen = new Set<string>();
  const client = async (): Promise<void> => {
    while (!over) {
      const response = await fetch(`${baseUrl}/chat/completions`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${key}`,
          origin: 'https://app.example.org',
          'content-type': 'application/json',
        },
        body: '{"model":"m"}',
      });
      await response.text();
      assert.equal(response.headers.get('access-control-allow-origin'), 'https://app.example.org');
      requests += 1;
      seen.add(`${response.status}, rate ${response.headers.get('x-ratelimit-limit-requests')}`);
    }
  };
  await flm.security.setPolicy(policies[0], true);
  const running = Promise.all(Array.from({ length: clients }, client));
  const begunMs = performance.now();
  let made = 0;
  try {
    for (; made < changes && performance.now() - begunMs < budgetMs; made++) {
      await flm.security.setPolicy(policies[(made + 1) % 2], true);
      // Steady: spread over some of the time rather than all at once.
      await setTimeout(20);
    }
  } finally {
    over = true;
  }
  await running;

  t.diagnostic(`${made} changes and ${requests} requests in ${Math.round(performance.now() - begunMs)} ms`);
  assert.deepEqual([...seen].sort(), ['200, rate 1000000', '200, rate null']);
  assert.equal(made, changes);
});
