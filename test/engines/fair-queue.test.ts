/**
 * Two people before a llama.cpp with one slot, each with an SDK: one floods it, the other asks now and then. With more
 * slots than it has, flm hands everything on at once and llama.cpp queues by itself, first come first served.
 */
import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import OpenAI7 from 'openai';
import OpenAI6 from 'openai-6';
import { eventually } from '../helpers/eventually.ts';
import { assertNoLeaks, takeStock } from '../helpers/leaks.ts';
import { loopTrigger } from '../helpers/tiny-gguf.ts';
import { llamaServer, needsLlama, startTestedProxy } from './tested-proxy.ts';

const before = takeStock();
after(() => assertNoLeaks(before));

const flood = 12;
const asks = 5;
const tokens = 300;

interface Wait {
  readonly ms: number;
  /** Answers that the heavy user got meanwhile. */
  readonly answers: number;
}

async function waits(t: TestContext, url: string, flags: readonly string[]): Promise<readonly Wait[]> {
  const flm = await startTestedProxy(t, []);
  const added = await flm.cli.run('engine', 'add', url, ...flags);
  assert.equal(added.code, 0, added.stderr);
  await eventually(
    () => flm.status(),
    (view) => view.engines.some((engine) => engine.state === 'running'),
  );
  const baseURL = `${flm.proxy.url}/v1`;
  const heavy = new OpenAI7({ baseURL, apiKey: await flm.newKey('heavy'), maxRetries: 0 });
  const light = new OpenAI6({ baseURL, apiKey: await flm.newKey('light'), maxRetries: 0 });
  let answers = 0;
  let stopped = false;
  const floods = Array.from({ length: flood }, async () => {
    while (!stopped) {
      const messages = [{ role: 'user' as const, content: loopTrigger }];
      await heavy.chat.completions.create({ model: 'tiny', messages, max_tokens: tokens });
      answers += 1;
    }
  });
  await eventually(
    () => flm.status(),
    (view) => view.inFlight === flood,
  );
  const measured: Wait[] = [];
  while (measured.length < asks) {
    const [atMs, already] = [performance.now(), answers];
    await light.chat.completions.create({ model: 'tiny', messages: [{ role: 'user', content: 'hi' }] });
    measured.push({ ms: Math.round(performance.now() - atMs), answers: answers - already });
  }
  stopped = true;
  await Promise.all(floods);
  return measured;
}

test('who floods llama.cpp makes others wait for one answer and not for all', needsLlama, async (t) => {
  const engine = await llamaServer(t, { args: ['--parallel', '1'] });
  const off = await waits(t, engine.url, ['--slots', '1000']);
  const on = await waits(t, engine.url, []);
  t.diagnostic(`each request of the light user, while the heavy one has ${flood} in progress`);
  for (const [name, list] of [
    ['queue off', off],
    ['queue on ', on],
  ] as const)
    t.diagnostic(
      `${name}  ${list.map((w) => `${String(w.ms).padStart(5)} ms (${w.answers} answers to the other)`).join(' ')}`,
    );
  const sum = (list: readonly Wait[]): number => list.reduce((total, { answers }) => total + answers, 0);
  // One that runs, and one more where an answer ends while the request is on its way.
  const mostWhenFair = asks * 3;
  assert.ok(sum(on) <= mostWhenFair, `on: ${sum(on)}`);
  // llama.cpp reads only some of the waiting requests, fewer on a machine with few cores.
  assert.ok(sum(off) > mostWhenFair, `off: ${sum(off)}`);
});
