/**
 * Every kind of attack at once against the built proxy, beside a client that behaves: each of its requests is answered, and
 * its lines stay in the log. How much slower it got is reported, not asserted.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { chatDelta, startChatEngine } from '../helpers/chat-engine.ts';
import { makeCli } from '../helpers/cli.ts';
import { moreRuns } from '../helpers/more-runs.ts';
import { answer, chunk, sseHead } from '../helpers/raw-engine.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';
import { post, Wire } from '../helpers/test-gateway.ts';

const requests = 400 * moreRuns;

test('while every attack runs at once, a client that behaves gets every answer, and the log keeps its lines', {
  timeout: 240_000 * moreRuns,
}, async (t) => {
  const engine = await startChatEngine(['m'], (request) =>
    request.body.includes('endless')
      ? [sseHead, chunk(chatDelta({ content: 'hi' })), () => new Promise(() => {})]
      : [answer('{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}')],
  );
  t.after(() => engine.close());
  const cli = makeCli(t);
  const keyOf = async (label: string): Promise<string> => (await createKey(cli, label)).key;
  const [good, greedyKey] = [await keyOf('good'), await keyOf('greedy')];
  const { port } = await startProxy(cli, '--engine', engine.url);

  /** Latencies in milliseconds, sorted. */
  const behave = async (): Promise<readonly number[]> => {
    const latencies: number[] = [];
    let wire = await Wire.dial(port);
    for (let i = 0; i < requests; i++) {
      // A connection of its own each tenth time: also new ones must come in.
      if (i % 10 === 9) {
        wire.close();
        wire = await Wire.dial(port);
      }
      const begunMs = performance.now();
      wire.send(post('/v1/chat/completions', good, '{"model":"m"}'));
      const { status } = await wire.response();
      latencies.push(performance.now() - begunMs);
      assert.equal(status, 200, `request ${i}`);
      await setTimeout(5);
    }
    wire.close();
    return latencies.sort((a, b) => a - b);
  };
  const p = (of: readonly number[], part: number): string =>
    (of[Math.floor(of.length * part)] ?? 0).toFixed(1);

  const idle = await behave();
  const attackers = new Worker(new URL('./attackers.ts', import.meta.url), {
    workerData: { port, greedyKey },
  });
  const attacked = await behave();
  attackers.postMessage('stop');
  const counts = await new Promise<Record<string, number>>((resolve, reject) => {
    attackers.once('message', resolve);
    attackers.once('error', reject);
  });

  t.diagnostic(`p50 ${p(idle, 0.5)} ms idle, ${p(attacked, 0.5)} ms attacked`);
  t.diagnostic(`p99 ${p(idle, 0.99)} ms idle, ${p(attacked, 0.99)} ms attacked`);
  t.diagnostic(JSON.stringify(counts));
  for (const [name, count] of Object.entries(counts)) assert.ok(count > 0, name);

  await cli.run('proxy', 'stop', '--grace', '0');
  const lines = readFileSync(join(cli.home, 'logs/default.log'), 'utf8').split('\n');
  assert.ok(
    lines.some((line) => line.includes('"msg":"started"')),
    'the first line is still there',
  );
  assert.equal(
    lines.filter((line) => line.includes('"keyLabel":"good"') && line.includes('"status":200')).length,
    2 * requests,
  );
  assert.ok(
    lines.some((line) => line.includes('more refused')),
    'refusals are summed up',
  );
});
