/**
 * Two clients with the official SDK, one of which floods: before an engine with one slot the light one is served between
 * the requests of the heavy one. Without slots flm passes everything on, and the light one waits behind the flood. What is
 * counted is the order in which the engine worked, never time.
 */
import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import OpenAI from 'openai';
import { openFlm } from '../../src/app/flm.ts';
import { startChatEngine } from '../helpers/chat-engine.ts';
import { flmEntry, makeCli } from '../helpers/cli.ts';
import { eventually } from '../helpers/eventually.ts';
import { assertNoLeaks, takeStock } from '../helpers/leaks.ts';
import { answer, type RawRequest, type Step } from '../helpers/raw-engine.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';

const stock = takeStock();
after(() => assertNoLeaks(stock));

const heavyInFlight = 20;
const lightRequests = 8;
const workMs = 20;

/** Works on one request at a time, first come first served, and keeps the order in which it began them. */
class LoneWorker {
  readonly order: string[] = [];
  #last: Promise<unknown> = Promise.resolve();
  #gate = Promise.resolve();

  work(request: RawRequest): Step {
    const { user } = JSON.parse(request.body.toString()) as { readonly user: string };
    const turn = this.#last.then(async () => {
      this.order.push(user);
      await setTimeout(workMs);
      await this.#gate;
    });
    this.#last = turn;
    return () => turn;
  }

  /** It finishes nothing until it is told to go on. */
  pause(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    return resolve;
  }
}

/** How many of the heavy client were begun while a request of the light one waited, for each of these but the first. */
async function flood(t: TestContext, ...slots: readonly string[]): Promise<readonly number[]> {
  const worker = new LoneWorker();
  const body = JSON.stringify({ id: 'c', object: 'chat.completion', created: 1, model: 'm', choices: [] });
  const engine = await startChatEngine(['m'], (request) => [worker.work(request), answer(body)]);
  t.after(() => engine.close());
  const cli = makeCli(t);
  const added = await cli.run('engine', 'add', engine.url, '--id', 'e', ...slots);
  assert.equal(added.code, 0, added.stderr);
  const { baseUrl } = await startProxy(cli);
  const client = async (user: string): Promise<() => Promise<unknown>> => {
    const { key } = await createKey(cli, user);
    const openai = new OpenAI({ baseURL: baseUrl, apiKey: key, maxRetries: 0 });
    return () => openai.chat.completions.create({ model: 'm', user, messages: [] });
  };
  const heavy = await client('heavy');
  const light = await client('light');

  const flm = await openFlm({ environment: { FLM_HOME: cli.home, HOME: cli.folder }, entry: flmEntry });
  t.after(() => flm.close());
  const inFlight = async (count: number): Promise<void> => {
    await eventually(
      async () => {
        const [proxy] = await flm.proxies.status();
        return proxy !== undefined && 'status' in proxy ? proxy.status.inFlight : undefined;
      },
      (seen) => seen === count,
      5,
    );
  };

  let over = false;
  const floods = Array.from({ length: heavyInFlight }, async () => {
    while (!over) await heavy();
  });
  const between: number[] = [];
  for (let i = 0; i < lightRequests; i++) {
    const goOn = worker.pause();
    await inFlight(heavyInFlight);
    const before = worker.order.length;
    const answered = light();
    await inFlight(heavyInFlight + 1);
    goOn();
    await answered;
    between.push(worker.order.indexOf('light', before) - before);
  }
  over = true;
  await Promise.all(floods);
  assert.equal(worker.order.filter((user) => user === 'light').length, lightRequests);
  return between;
}

function tell(t: TestContext, rows: readonly (readonly [name: string, between: readonly number[]])[]): void {
  t.diagnostic('requests of the heavy client that were begun while one of the light client waited');
  for (const [name, between] of rows)
    t.diagnostic(`${name.padEnd(12)} ${between.map((n) => String(n).padStart(3)).join(' ')}`);
}

test('a light user of one slot waits for two requests at most, and for the whole flood without slots', async (t) => {
  const fair = await flood(t, '--slots', '1');
  const unfair = await flood(t);

  tell(t, [
    ['fair queue', fair],
    ['no slots', unfair],
  ]);
  for (const count of fair) assert.ok(count <= 2, `${count} were served before it`);
  for (const count of unfair) assert.ok(count >= heavyInFlight / 2, `${count} were served before it`);
});
