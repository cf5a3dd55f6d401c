/** Limits stay exact over restarts of the built proxy: the engine counts, and old connections ask the new process. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { controlClient } from '../../src/process/control-client.ts';
import { openStore } from '../../src/store/sqlite/open-store.ts';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';

/** An engine that answers when it is told to. */
class HeldEngine {
  readonly #server = createServer();
  readonly #held: { readonly content: string; readonly response: ServerResponse }[] = [];
  readonly #waiting: (() => void)[] = [];
  peak = 0;
  total = 0;

  async start(t: TestContext): Promise<string> {
    this.#server.on('request', (asked, response) => void this.#serve(asked, response));
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    t.after(() => {
      this.#server.closeAllConnections();
      this.#server.close();
    });
    const address = this.#server.address();
    assert(typeof address === 'object' && address !== null);
    return `http://127.0.0.1:${address.port}`;
  }

  async #serve(asked: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const piece of asked) body += piece;
    response.setHeader('content-type', 'application/json');
    if (asked.method === 'GET') {
      response.statusCode = asked.url === '/v1/models' ? 200 : 404;
      return void response.end('{"object":"list","data":[{"id":"m","object":"model"}]}');
    }
    const content = String(JSON.parse(body).messages[0].content);
    this.#held.push({ content, response });
    this.total += 1;
    this.peak = Math.max(this.peak, this.#held.length);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Resolves with what the oldest held request asks, as soon as there is one. */
  async next(): Promise<string> {
    while (this.#held.length === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.#held[0]?.content ?? '';
  }

  answer(tokens = 2): void {
    const held = this.#held.shift();
    assert(held !== undefined, 'a request is held');
    const usage = { prompt_tokens: 1, completion_tokens: tokens - 1, total_tokens: tokens };
    const message = { role: 'assistant', content: 'ok' };
    held.response.end(
      JSON.stringify({ id: 'c', object: 'chat.completion', choices: [{ index: 0, message }], usage }),
    );
  }
}

interface Scene {
  readonly cli: TestCli;
  readonly engine: HeldEngine;
  /** Sends a chat, over a new connection or that of an agent. */
  chat(key: string, content: string, agent?: Agent): Promise<number>;
  restart(): Promise<void>;
}

async function started(t: TestContext, slots?: number): Promise<Scene> {
  const cli = makeCli(t);
  const engine = new HeldEngine();
  const url = await engine.start(t);
  const set = slots === undefined ? [] : ['--slots', String(slots)];
  assert.equal((await cli.run('engine', 'add', url, ...set)).code, 0);
  const { port } = await startProxy(cli);
  return {
    cli,
    engine,
    chat: (key, content, agent) =>
      new Promise((resolve, reject) => {
        const sent = request(
          {
            port,
            host: '127.0.0.1',
            agent: agent ?? false,
            method: 'POST',
            path: '/v1/chat/completions',
            headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
          },
          (response) => {
            response.resume();
            response.on('end', () => resolve(response.statusCode ?? 0));
          },
        );
        sent.on('error', reject);
        sent.end(JSON.stringify({ model: 'm', messages: [{ role: 'user', content }] }));
      }),
    async restart() {
      const ran = await cli.run('proxy', 'restart', '--json');
      assert.equal(ran.code, 0, ran.stderr);
    },
  };
}

/** Resolves when the newest process has so many waiting requests. */
async function queued(cli: TestCli, count: number): Promise<void> {
  for (;;) {
    const { proxies } = (await cli.run('proxy', 'status', '--json')).json<{
      proxies: readonly { readonly queued?: number }[];
    }>();
    if (proxies.some(({ queued: waiting }) => waiting === count)) return;
  }
}

test('a key with a concurrency of 1 has one request at a time, over two restarts', async (t) => {
  const { cli, engine, chat, restart } = await started(t);
  const { key } = await createKey(cli, 'one', '--concurrency', '1');
  const running = chat(key, 'first');
  assert.equal(await engine.next(), 'first');
  for (let n = 0; n < 2; n++) {
    await restart();
    assert.equal(await chat(key, 'too many'), 429);
  }
  engine.answer();
  assert.equal(await running, 200);
  // Without a pause: the client has seen the end of the response.
  const next = chat(key, 'second');
  assert.equal(await engine.next(), 'second');
  engine.answer();
  assert.equal(await next, 200);
  assert.deepEqual([engine.total, engine.peak], [2, 1]);
});

test('a rate goes on, also for a connection that the old process keeps open', async (t) => {
  const { cli, engine, chat, restart } = await started(t);
  const { key } = await createKey(cli, 'slow', '--rpm', '1', '--burst', '4');
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const ask = async (through?: Agent): Promise<number> => {
    const status = chat(key, 'x', through);
    await engine.next();
    engine.answer();
    return status;
  };
  assert.equal(await ask(agent), 200);
  await restart();
  assert.equal(await ask(), 200);
  assert.equal(await ask(agent), 200);
  assert.equal(await ask(), 200);
  assert.deepEqual([await chat(key, 'x'), await chat(key, 'x', agent)], [429, 429]);
  assert.equal(engine.total, 4);
});

test('requests that wait for a slot at a restart keep their place', async (t) => {
  const { cli, engine, chat, restart } = await started(t, 1);
  const [a, b, c] = [await createKey(cli, 'a'), await createKey(cli, 'b'), await createKey(cli, 'c')];
  const order: string[] = [];
  const all = [chat(a.key, 'a1')];
  await engine.next();
  for (const [n, [key, name]] of [[a.key, 'a2'] as const, [b.key, 'b1'] as const].entries()) {
    all.push(chat(key, name));
    await queued(cli, n + 1);
  }
  await restart();
  all.push(chat(c.key, 'c1'));
  await queued(cli, 3);
  for (let n = 0; n < 4; n++) {
    order.push(await engine.next());
    engine.answer();
  }
  assert.deepEqual(await Promise.all(all), [200, 200, 200, 200]);
  // The key that waits and was served the longest ago comes first.
  assert.deepEqual(order, ['a1', 'b1', 'c1', 'a2']);
  assert.equal(engine.peak, 1);
});

test('the tokens of a day are counted once, whichever process a request ends in', async (t) => {
  const { cli, engine, chat, restart } = await started(t);
  const { key } = await createKey(cli, 'daily', '--tokens-per-day', '100');
  const running = chat(key, 'old');
  await engine.next();
  await restart();
  engine.answer(60);
  assert.equal(await running, 200);
  const second = chat(key, 'new');
  await engine.next();
  await restart();
  engine.answer(40);
  assert.equal(await second, 200);
  // Without a pause: the client has seen the end of the response, so its tokens count.
  assert.equal(await chat(key, 'too many'), 429);
  assert.equal(engine.total, 2);
  await cli.run('proxy', 'stop', '--all');
  const { usage } = (await cli.run('usage', '--json')).json<{ usage: readonly Record<string, unknown>[] }>();
  // The refused request counts as one too, without tokens.
  assert.deepEqual(
    usage.map(({ requests, inputTokens, outputTokens }) => [requests, inputTokens, outputTokens]),
    [[3, 2, 98]],
  );
});

test('failed logins and temporary keys pass to the new process', async (t) => {
  const { cli, engine, chat, restart } = await started(t);
  const store = openStore({ home: cli.home, clock: systemClock, liveness: async () => true });
  const [handle] = await store.proxies.listHandles();
  store.close();
  assert(handle !== undefined);
  const temporary = await controlClient(handle).temporaryKey(600_000);
  assert(temporary !== 'gone');
  for (let n = 0; n < 20; n++) assert.equal(await chat('flm_wrong', 'x'), 401);
  await restart();
  assert.equal(await chat('flm_wrong', 'x'), 429);
  const answer = chat(temporary.key, 'still valid');
  assert.equal(await engine.next(), 'still valid');
  engine.answer();
  assert.equal(await answer, 200);
});

test('a successor migrates an older database as its last step, and serves', async (t) => {
  const { cli, engine, chat } = await started(t);
  const { key } = await createKey(cli, 'a');
  const store = openStore({ home: cli.home, clock: systemClock, liveness: async () => true });
  const [handle] = await store.proxies.listHandles();
  store.close();
  assert(handle !== undefined);
  const file = new DatabaseSync(join(cli.home, 'flm.db'));
  t.after(() => file.close());
  const versionNow = (): unknown => file.prepare('PRAGMA user_version').get()?.user_version;
  const version = versionNow();
  // As the version before had it.
  file.exec(
    'DROP TABLE audit_chain; DROP INDEX audit_by_seq; DROP INDEX audit_without_seq; ALTER TABLE audit DROP COLUMN source; ALTER TABLE audit DROP COLUMN seq; ALTER TABLE audit DROP COLUMN hash;',
  );
  file.exec(
    'DROP TABLE applied; DROP TABLE share; DROP INDEX api_key_by_label; ALTER TABLE api_key DROP COLUMN owner; ALTER TABLE api_key DROP COLUMN note; ALTER TABLE api_key DROP COLUMN paused_at; PRAGMA user_version = 4; DROP TABLE schema_reader',
  );
  const client = controlClient(handle);
  const status = await client.status();
  assert(status !== 'gone');
  const options = {
    config: { ...status.config, port: handle.port },
    overrides: status.overrides,
    profile: handle.profile,
  };
  const next = await client.handOver({ options }, 30_000);
  assert(typeof next === 'object');
  assert.notEqual(next.id, handle.id);
  assert.equal(versionNow(), version);
  const answer = chat(key, 'after');
  assert.equal(await engine.next(), 'after');
  engine.answer();
  assert.equal(await answer, 200);
});
