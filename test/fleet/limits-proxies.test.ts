/** Two built proxies with the same keys share limits over a real server, over restarts and outages. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { Redis } from 'iovalkey';
import { scriptText } from '../../src/valkey/scripts.ts';
import { chatAnswer, startChatEngine } from '../helpers/chat-engine.ts';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import { eventually } from '../helpers/eventually.ts';
import { hold, type RawEngine } from '../helpers/raw-engine.ts';
import { noRedis, type RedisServer, startRedis } from '../helpers/redis-server.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';

interface Limiter {
  readonly state: string;
  readonly nodes: number;
  readonly outages: number;
}
interface View {
  readonly id: string;
  readonly url: string;
  readonly limiter?: Limiter;
  readonly warnings: readonly string[];
}

interface Fleet {
  readonly server: RedisServer;
  readonly engine: RawEngine;
  readonly clis: readonly [TestCli, TestCli];
  readonly urls: readonly [string, string];
  readonly keyId: string;
  /** A request; the status, and the response. */
  ask(node: 0 | 1): Promise<Response>;
  /** From now on engines answer only after `open`. */
  hang(): { readonly open: () => void };
  view(node: 0 | 1): Promise<View>;
}

async function openFleet(
  t: TestContext,
  rules: readonly string[],
  env: Record<string, string> = {},
): Promise<Fleet> {
  const server = await startRedis({ durable: true });
  t.after(() => server.close());
  let until = Promise.resolve();
  const engine = await startChatEngine(['m'], () => [hold(until), ...chatAnswer('hi')]);
  t.after(() => engine.close());
  const made = (): TestCli => makeCli(t, { FLM_VALKEY_URL: server.url, ...env });
  const clis = [made(), made()] as const;
  await clis[0].run('engine', 'add', `http://127.0.0.1:${engine.port}`, '--slots', '4');
  const { id, key } = await createKey(clis[0], 'shared', ...rules);
  cpSync(clis[0].home, clis[1].home, { recursive: true });
  const first = await startProxy<View>(clis[0]);
  const second = await startProxy<View>(clis[1]);
  const fleet: Fleet = {
    server,
    engine,
    clis,
    urls: [first.url, second.url],
    keyId: id,
    ask: (node) =>
      fetch(`${fleet.urls[node]}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'hi' }] }),
      }),
    hang() {
      const { promise, resolve } = Promise.withResolvers<void>();
      until = promise;
      return { open: resolve };
    },
    async view(node) {
      const ran = await clis[node].run('proxy', 'status', '--json');
      const views = ran.json<{ readonly proxies: readonly View[] }>().proxies;
      const newest = views.find(({ url }) => url === fleet.urls[node]);
      assert.ok(newest !== undefined, ran.stdout);
      return newest;
    },
  };
  await eventually(
    async () => (await Promise.all([fleet.view(0), fleet.view(1)])).map(({ limiter }) => limiter?.nodes),
    (nodes) => nodes.every((n) => n === 2),
    200,
  );
  return fleet;
}

const statusOf = async (response: Promise<Response>): Promise<number> => {
  const { status, body } = await response;
  await body?.cancel();
  return status;
};

test('a request that runs on one node counts on the other, also over a restart of its node', {
  skip: noRedis,
}, async (t) => {
  const fleet = await openFleet(t, ['--concurrency', '1']);
  const { open } = fleet.hang();
  const first = fleet.ask(0);
  await eventually(
    () => fleet.engine.requests.filter(({ target }) => target === '/v1/chat/completions').length,
    (count) => count === 1,
  );
  assert.equal(await statusOf(fleet.ask(1)), 429);
  const restarted = await fleet.clis[0].run('proxy', 'restart');
  assert.equal(restarted.code, 0, restarted.stderr);
  assert.deepEqual([await statusOf(fleet.ask(0)), await statusOf(fleet.ask(1))], [429, 429]);
  open();
  const response = await first;
  assert.equal(response.status, 200);
  await response.text();
  await eventually(
    () => statusOf(fleet.ask(1)),
    (status) => status === 200,
  );
});

test('a rate is shared by two nodes, and a request waits for one answer of the server', {
  skip: noRedis,
}, async (t) => {
  const rules = ['--rpm', '1', '--burst', '6', '--concurrency', '5', '--tpm', '100000'];
  const fleet = await openFleet(t, rules);
  assert.equal(await statusOf(fleet.ask(0)), 200);
  assert.equal(await statusOf(fleet.ask(1)), 200);
  const client = new Redis(fleet.server.port, '127.0.0.1');
  const monitor = await client.monitor();
  t.after(() => {
    client.disconnect();
    monitor.disconnect();
  });
  monitor.on('error', () => {});
  client.on('error', () => {});
  const digest = createHash('sha1').update(scriptText('ask')).digest('hex');
  let asked = 0;
  monitor.on('monitor', (_time: string, args: readonly string[]) => {
    if (args.includes(digest)) asked += 1;
  });
  for (const node of [0, 0, 1, 1] as const) {
    const response = await fleet.ask(node);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('x-flm-limits'), null);
    await response.text();
  }
  assert.deepEqual([await statusOf(fleet.ask(0)), await statusOf(fleet.ask(1))], [429, 429]);
  await eventually(
    () => asked,
    (n) => n >= 6,
  );
  assert.equal(asked, 6);
});

test('without the server nodes go on with their part, say so everywhere, and return', {
  skip: noRedis,
}, async (t) => {
  const fleet = await openFleet(t, ['--rpm', '60', '--burst', '10']);
  const first = await fleet.ask(0);
  assert.equal(first.headers.get('x-ratelimit-remaining-requests'), '9');
  await first.text();
  await fleet.server.kill();
  const alone = await eventually(
    () => fleet.ask(0),
    (response) => response.headers.get('x-flm-limits') === 'node',
  );
  assert.ok(Number(alone.headers.get('x-ratelimit-remaining-requests')) <= 4, 'half of what was left');
  const { limiter, warnings } = await fleet.view(0);
  assert.equal(limiter?.state, 'away');
  assert.equal(limiter.nodes, 2);
  assert.match(warnings.join('\n'), /FLM_VALKEY_URL does not count limits .* with 1\/2 of each limit/);
  await fleet.server.start();
  await eventually(
    () => fleet.view(0),
    (view) => view.limiter?.state === 'shared',
    200,
  );
  const { stdout } = await fleet.clis[0].run('proxy', 'status', (await fleet.view(0)).id);
  assert.match(stdout, /limits +counted for all nodes \(2\)/);
});

test('where the owner wants it, requests with limits are refused without the server', {
  skip: noRedis,
}, async (t) => {
  const fleet = await openFleet(t, ['--rpm', '60'], { FLM_VALKEY_OUTAGE: 'refuse' });
  await fleet.server.kill();
  const refused = await eventually(
    () => fleet.ask(0),
    (response) => response.status === 503,
  );
  assert.match(await refused.text(), /counts limits for all nodes does not answer/);
  assert.equal(refused.headers.get('retry-after'), '1');
});
