/**
 * A client that leaves: the engine stops working for it at once, streamed or not, also before the first token. Every
 * prompt here is one that would be answered without end, so an engine that is free again was told.
 */
import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { eventually } from '../helpers/eventually.ts';
import { assertNoLeaks, takeStock } from '../helpers/leaks.ts';
import { Wire } from '../helpers/test-gateway.ts';
import { loopTrigger } from '../helpers/tiny-gguf.ts';
import type { RunningEngine } from './servers.ts';
import {
  askDirectly,
  llamaServer,
  needsLlama,
  needsOllama,
  ollama,
  portOf,
  startProxyFor,
  type TestedProxy,
} from './tested-proxy.ts';

const before = takeStock();
after(() => assertNoLeaks(before));

/** How much later than for a client of its own an engine may be free again. */
const allowedMs = 1_000;

const endless = { messages: [{ role: 'user', content: loopTrigger }], cache_prompt: false };

interface LlamaLoad {
  readonly processing: number;
  readonly deferred: number;
}

async function loadOf(engine: RunningEngine): Promise<LlamaLoad> {
  const text = (await askDirectly(engine.url, '/metrics')).body.toString();
  const gauge = (name: string): number =>
    Number(new RegExp(`^llamacpp:${name} (\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN);
  return { processing: gauge('requests_processing'), deferred: gauge('requests_deferred') };
}

const counted = (text: string, what: RegExp): number => text.match(what)?.length ?? 0;

/**
 * How long after its client left the engine stops. Read from its log: b11434 looks for clients that left only after a
 * second in which no request at all had a result, and each question about its load is one.
 */
async function leave(engine: RunningEngine, wire: Wire, ended = /stop processing/g): Promise<number> {
  const before = counted(engine.log(), ended);
  const leftMs = performance.now();
  wire.close();
  await eventually(
    () => Promise.resolve(counted(engine.log(), ended)),
    (now) => now > before,
  );
  return performance.now() - leftMs;
}

async function directWire(t: TestContext, url: string, path: string, body: object): Promise<Wire> {
  const text = JSON.stringify(body);
  const wire = await Wire.dial(portOf(url));
  t.after(() => wire.close());
  return wire.send(
    `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
  );
}

async function nothingInFlight(flm: TestedProxy): Promise<void> {
  const view = await flm.status();
  assert.equal(view.inFlight, 0);
  assert.equal(view.engines[0]?.inFlight, 0);
}

test('a client of llama.cpp that leaves frees its slot', needsLlama, async (t) => {
  const engine = await llamaServer(t, { args: ['--metrics'] });
  const flm = await startProxyFor(t, engine.url);

  for (const stream of [true, false]) {
    for (const [path, body] of [
      ['/v1/chat/completions', { model: 'tiny', ...endless, stream }],
      ['/v1/completions', { model: 'tiny', prompt: loopTrigger, cache_prompt: false, stream }],
      ['/v1/messages', { model: 'tiny', ...endless, max_tokens: 1_000_000, stream }],
      ['/v1/responses', { model: 'tiny', input: loopTrigger, stream }],
    ] as const) {
      await t.test(`${path}, ${stream ? 'streamed' : 'whole'}`, async (t) => {
        const busy = async (): Promise<unknown> =>
          eventually(
            () => loadOf(engine),
            (load) => load.processing === 1,
          );
        const alone = await directWire(t, engine.url, path, body);
        await busy();
        const directMs = await leave(engine, alone);

        const wire = await flm.begin(path, body);
        await busy();
        if (stream) await wire.until((bytes) => bytes.includes('and...'));
        const tookMs = await leave(engine, wire);

        t.diagnostic(`free after ${tookMs.toFixed(0)} ms; after ${directMs.toFixed(0)} ms without flm`);
        assert.ok(tookMs < directMs + allowedMs, `${tookMs} ms, without flm ${directMs} ms`);
        await nothingInFlight(flm);
      });
    }
  }

  await t.test('while it waits for a slot', async (t) => {
    // Whole answers: while others stream, b11434 does not look for clients that left.
    const body = { model: 'tiny', ...endless, stream: false };
    const holders = [
      await directWire(t, engine.url, '/v1/chat/completions', body),
      await directWire(t, engine.url, '/v1/chat/completions', body),
    ];
    await eventually(
      () => loadOf(engine),
      (load) => load.processing === 2,
    );
    for (const stream of [true, false]) {
      const wire = await flm.begin('/v1/chat/completions', { ...body, stream });
      await eventually(
        () => loadOf(engine),
        (load) => load.deferred === 1,
      );
      const tookMs = await leave(engine, wire, /cancel task/g);
      t.diagnostic(`no longer in the queue after ${tookMs.toFixed(0)} ms`);
      await eventually(
        () => loadOf(engine),
        (load) => load.deferred === 0,
      );
    }
    for (const holder of holders) await leave(engine, holder);
    await nothingInFlight(flm);
  });
});

test('a client of llama.cpp that leaves while its prompt is read frees its slot', needsLlama, async (t) => {
  const context = 65_536;
  const engine = await llamaServer(t, {
    trainedContext: context,
    args: ['--metrics', '-c', String(context), '-np', '1', '-b', '64', '-ub', '64'],
  });
  const flm = await startProxyFor(t, engine.url);
  for (const stream of [true, false]) {
    await t.test(stream ? 'streamed' : 'whole', async (t) => {
      const prompt = 'x'.repeat(context - 100) + loopTrigger;
      const wire = await flm.begin('/v1/completions', {
        model: 'tiny',
        prompt,
        stream,
        cache_prompt: false,
      });
      await eventually(
        () => loadOf(engine),
        (load) => load.processing === 1,
      );
      const tookMs = await leave(engine, wire);
      t.diagnostic(`free after ${tookMs.toFixed(0)} ms`);
      assert.doesNotMatch(wire.received.toString(), /and\.\.\./);
      await nothingInFlight(flm);
    });
  }
});

// Ollama ends an answer after ten contexts; so long a one lasts for minutes.
const longContext = { trainedContext: 65_536, env: { OLLAMA_CONTEXT_LENGTH: '65536' } };

test('a client of Ollama that leaves a stream ends it', needsOllama, async (t) => {
  const engine = await ollama(t, longContext);
  const flm = await startProxyFor(t, engine.url);
  const { model } = engine;
  for (const [path, body] of [
    ['/v1/chat/completions', { model, ...endless, stream: true }],
    ['/api/chat', { model, ...endless }],
    ['/api/generate', { model, prompt: loopTrigger }],
  ] as const) {
    await t.test(path, async (t) => {
      const wire = await flm.begin(path, body);
      await wire.until((bytes) => bytes.includes('and...'));
      // It writes a line into its log when a request is over.
      const tookMs = await leave(engine, wire, new RegExp(`POST +"${path}"`, 'g'));
      t.diagnostic(`over after ${tookMs.toFixed(0)} ms`);
      await nothingInFlight(flm);
    });
  }
});

test('a client of Ollama that leaves a whole answer lets the next one in', needsOllama, async (t) => {
  const { trainedContext, env } = longContext;
  const engine = await ollama(t, { trainedContext, env: { ...env, OLLAMA_NUM_PARALLEL: '1' } });
  const flm = await startProxyFor(t, engine.url);
  const { model } = engine;
  const short = { model, messages: [{ role: 'user', content: 'hi' }], stream: false };
  // Loaded, so that what is measured is not the loading.
  assert.equal((await flm.ask('/v1/chat/completions', short)).status, 200);
  const inFlight = (count: number): Promise<unknown> =>
    eventually(
      () => flm.status(),
      (view) => view.engines[0]?.inFlight === count,
    );

  for (const [path, body] of [
    ['/v1/chat/completions', { model, ...endless, stream: false }],
    ['/api/chat', { model, ...endless, stream: false }],
    ['/api/generate', { model, prompt: loopTrigger, stream: false }],
  ] as const) {
    await t.test(path, async (t) => {
      const wire = await flm.begin(path, body);
      await inFlight(1);
      const leftMs = performance.now();
      wire.close();
      const response = await flm.ask('/v1/chat/completions', short);
      t.diagnostic(`the next one was answered after ${(performance.now() - leftMs).toFixed(0)} ms`);
      assert.equal(response.status, 200);
      assert.match(response.body.toString(), /Hello/);
      await nothingInFlight(flm);
    });
  }

  await t.test('before its turn has come', async () => {
    const holder = await flm.begin('/api/chat', { model, ...endless, stream: false });
    await inFlight(1);
    for (const stream of [true, false]) {
      const wire = await flm.begin('/api/chat', { model, ...endless, stream });
      await inFlight(2);
      wire.close();
      await inFlight(1);
    }
    holder.close();
    // Were one of them still waiting, it would have its turn now, for minutes.
    assert.equal((await flm.ask('/v1/chat/completions', short)).status, 200);
  });
});
