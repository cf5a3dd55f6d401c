import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import {
  dockerTable,
  type FakeEngine,
  type FakeTable,
  janLockedTable,
  janOpenTable,
  koboldTable,
  lemonadeTable,
  llamacppTable,
  llamafileTable,
  llamaSwapTable,
  lmstudioTable,
  ollamaTable,
  sglangTable,
  startFakeEngine,
  tabbyTable,
  tgiTable,
  vllmTable,
  webTable,
} from '../../test/helpers/fake-engine.ts';
import { openLine, type TestLine } from '../../test/helpers/probe-line.ts';
import { startRawEngine } from '../../test/helpers/raw-engine.ts';
import { systemClock } from '../core/clock.ts';
import type { EngineRef } from '../core/engine/engine.ts';
import type { EngineKindName } from '../core/engine/kinds.ts';
import type { ProbeResult } from '../core/engine/probe.ts';
import { parseEngineUrl } from './engine-url.ts';
import { createEngine } from './probe-request.ts';

const fakes: FakeEngine[] = [];
const lines: TestLine[] = [];
const never = new AbortController().signal;

afterEach(async () => {
  for (const line of lines.splice(0)) line.upstream.close();
  await Promise.all(fakes.splice(0).map((fake) => fake.close()));
});

function refOf(kind: EngineKindName, url: string, apiKey?: string): EngineRef {
  return {
    id: 'x',
    kind,
    ...parseEngineUrl(url),
    origin: 'flag',
    ...(apiKey === undefined ? {} : { apiKey }),
  };
}

/** What a probe of that kind makes of a server; the latency is left out. */
async function probe(kind: EngineKindName, table: FakeTable, apiKey?: string): Promise<object> {
  const fake = await startFakeEngine(table);
  fakes.push(fake);
  return withoutLatency(await createEngine(refOf(kind, fake.url, apiKey), openedLine()).probe(never));
}

function openedLine(): TestLine {
  const line = openLine();
  lines.push(line);
  return line;
}

function withoutLatency(result: ProbeResult): object {
  if (result.state === 'down') return result;
  const { latencyMs, ...rest } = result;
  assert.ok(latencyMs >= 0);
  return rest;
}

const wrong = (expected: string) => ({
  state: 'down',
  reason: 'wrong',
  detail: `answers, but not like ${expected}`,
});

test('an Ollama tells what is loaded, with which context, and what runs elsewhere', async () => {
  assert.deepEqual(await probe('ollama', ollamaTable), {
    state: 'running',
    version: '0.12.6',
    models: [
      {
        id: 'qwen3:latest',
        ownedBy: 'library',
        loaded: true,
        contextLength: 4096,
        created: Date.UTC(2026, 9, 1, 10) / 1000,
      },
      {
        id: 'nomic-embed-text:v1.5',
        ownedBy: 'library',
        loaded: false,
        created: Date.UTC(2026, 8, 1) / 1000,
      },
      { id: 'gpt-oss:120b-cloud', ownedBy: 'library', loaded: false, remote: true },
    ],
  });
});

test('an LM Studio tells what is loaded, and an old one at least what it has', async () => {
  assert.deepEqual(await probe('lmstudio', lmstudioTable), {
    state: 'running',
    models: [
      { id: 'granite-4', loaded: true, contextLength: 8192 },
      { id: 'text-embed', loaded: false },
    ],
  });
  const { '/api/v0/models': _, ...old } = lmstudioTable;
  assert.deepEqual(await probe('lmstudio', old), { state: 'running', models: [{ id: 'granite-4' }] });
});

test('a vLLM tells the context of its models, an adapter has that of its base', async () => {
  assert.deepEqual(await probe('vllm', vllmTable), {
    state: 'running',
    version: '0.11.2',
    models: [
      { id: 'Qwen/Qwen3-8B', ownedBy: 'vllm', loaded: true, contextLength: 40_960 },
      { id: 'sql-lora', ownedBy: 'vllm', loaded: true, contextLength: 40_960 },
    ],
  });
});

test('a vLLM whose engine process is dead is down, though its web server lists on', async () => {
  const result = await probe('vllm', { ...vllmTable, '/health': { status: 503, body: '' } });
  assert.deepEqual(result, {
    state: 'down',
    reason: 'unreachable',
    detail: 'answers, but the engine process behind it is dead',
  });
});

test('a llama.cpp tells its slots and what one of them holds', async () => {
  assert.deepEqual(await probe('llamacpp', llamacppTable), {
    state: 'running',
    version: 'b7100-abc',
    slots: 4,
    models: [{ id: 'tiny', ownedBy: 'llamacpp', loaded: true, contextLength: 2048 }],
  });
  assert.deepEqual(await probe('llamacpp', llamafileTable), {
    state: 'running',
    slots: 1,
    models: [{ id: 'LLaMA_CPP', ownedBy: 'llamacpp', loaded: true, contextLength: 8192 }],
  });
});

test('a llama.cpp whose properties cannot be read is up, and its answer is partial', async () => {
  const result = await probe('llamacpp', {
    ...llamacppTable,
    '/health': { body: { status: 'ok' }, fields: { server: 'llama.cpp' } },
    '/props': { body: 'x'.repeat(1_100_000) },
  });
  assert.deepEqual(result, {
    state: 'running',
    models: [{ id: 'tiny', ownedBy: 'llamacpp', loaded: true, contextLength: 8192 }],
    partial: true,
  });
});

test('a llama.cpp that loads its model is degraded and says why', async () => {
  const loading = {
    status: 503,
    body: { error: { message: 'Loading model', code: 503 } },
    fields: { server: 'llama.cpp' },
  };
  const result = await probe('llamacpp', { '*': loading });
  assert.deepEqual(result, { state: 'degraded', models: [], note: 'is loading its model' });
});

test('a llama.cpp router tells which of its models are loaded', async () => {
  const result = await probe('llamacpp', {
    ...llamacppTable,
    '/props': { body: { role: 'router', default_generation_settings: { params: {}, n_ctx: 0 } } },
    '/v1/models': {
      body: {
        data: [
          { id: 'a', status: { value: 'loaded' } },
          { id: 'b', status: { value: 'unloaded' } },
        ],
      },
    },
  });
  assert.deepEqual(result, {
    state: 'running',
    models: [
      { id: 'a', ownedBy: 'llamacpp', loaded: true },
      { id: 'b', ownedBy: 'llamacpp', loaded: false },
    ],
  });
});

test('other servers list what they have, with a context where they tell one', async () => {
  assert.deepEqual(await probe('openai-compatible', sglangTable), {
    state: 'running',
    models: [{ id: 'm', ownedBy: 'sglang', contextLength: 32_768 }],
  });
  assert.deepEqual(await probe('openai-compatible', tgiTable), {
    state: 'running',
    models: [{ id: 'm', ownedBy: 'm' }],
  });
});

test('a server of another kind at the same place is wrong, whatever status it answers', async () => {
  assert.deepEqual(await probe('ollama', lmstudioTable), wrong('Ollama'));
  assert.deepEqual(await probe('ollama', webTable), wrong('Ollama'));
  assert.deepEqual(await probe('lmstudio', ollamaTable), wrong('LM Studio'));
  assert.deepEqual(await probe('vllm', lmstudioTable), wrong('vLLM'));
  assert.deepEqual(await probe('vllm', sglangTable), wrong('vLLM'));
  assert.deepEqual(await probe('llamacpp', ollamaTable), wrong('llama.cpp'));
  assert.deepEqual(await probe('openai-compatible', webTable), wrong('an OpenAI-compatible server'));
});

test('entries that cannot be read are left out, and do not fell the rest', async () => {
  const data = [
    null,
    7,
    {},
    { id: '' },
    { id: 5 },
    { id: 'a\nb' },
    { id: 'x'.repeat(1000) },
    { id: 'ok', max_model_len: 'much' },
  ];
  assert.deepEqual(await probe('openai-compatible', { '/v1/models': { body: { data } } }), {
    state: 'running',
    models: [{ id: 'ok' }],
  });
  assert.deepEqual(await probe('ollama', { '/api/tags': { body: { models: [null, { name: 'ok' }] } } }), {
    state: 'running',
    models: [{ id: 'ok', ownedBy: 'library' }],
  });
  assert.deepEqual(
    await probe('openai-compatible', { '/v1/models': { body: { data: 'none' } } }),
    wrong('an OpenAI-compatible server'),
  );
});

test('the key of an engine goes with each question, and a refusal is reported as one', async () => {
  const fake = await startFakeEngine(vllmTable);
  fakes.push(fake);
  await createEngine(refOf('vllm', fake.url, 'secret'), openedLine()).probe(never);
  assert.deepEqual([...new Set(fake.asked.map((a) => a.headers.authorization))], ['Bearer secret']);
  assert.equal(fake.asked[0]?.headers.host, `127.0.0.1:${fake.port}`);
  for (const kind of ['ollama', 'lmstudio', 'vllm', 'llamacpp', 'openai-compatible'] as const) {
    const locked = { '*': { status: 401, body: { error: 'Unauthorized' }, fields: { server: 'llama.cpp' } } };
    const result = await probe(kind, locked);
    assert.equal('reason' in result && result.reason, 'unauthorised', kind);
  }
});

test('a busy answer counts as a time-out, a failing one does not', async () => {
  for (const [status, reason] of [
    [503, 'timeout'],
    [429, 'timeout'],
    [500, 'unreachable'],
    [502, 'unreachable'],
  ] as const) {
    const result = await probe('openai-compatible', { '*': { status, body: {} } });
    assert.equal('reason' in result && result.reason, reason);
  }
});

test('a port without a listener is refused, as is a missing socket', async () => {
  // Nobody listens at port 1, and the system gives it to nobody.
  const url = 'http://127.0.0.1:1';
  const refused = { state: 'down', reason: 'refused', detail: 'refuses connections' };
  for (const kind of ['ollama', 'lmstudio', 'vllm', 'llamacpp', 'openai-compatible', 'demo'] as const) {
    assert.deepEqual(await createEngine(refOf(kind, url), openedLine()).probe(never), refused, kind);
  }
  const gone: EngineRef = {
    ...refOf('demo', url),
    address: { tls: false, host: '', port: 0, socketPath: `${import.meta.dirname}/none.sock`, path: '' },
  };
  assert.deepEqual(await createEngine(gone, openedLine()).probe(never), refused);
});

test('a probe that is called off ends at once and closes what it opened', async () => {
  const fake = await startFakeEngine({ '*': { hangs: true } });
  fakes.push(fake);
  const own = openedLine();
  const aborter = new AbortController();
  const result = createEngine(refOf('vllm', fake.url), own).probe(aborter.signal);
  aborter.abort();
  assert.equal((await result).state, 'down');
  assert.equal(own.upstream.stats().flights, 0);
});

test('a server that cannot end is given up at 1 MB', async () => {
  const raw = await startRawEngine((socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n');
    const fill = (): void => {
      while (!socket.destroyed && socket.write(Buffer.alloc(65_536, 0x20)));
    };
    socket.on('drain', fill);
    fill();
  });
  const result = await createEngine(refOf('openai-compatible', raw.url), openedLine()).probe(never);
  assert.deepEqual(result, {
    state: 'down',
    reason: 'wrong',
    detail: 'answers with more than any list of models',
  });
  await raw.deserted();
  await raw.close();
});

test('what is no HTTP is wrong, and a connection that is closed without an answer is unreachable', async () => {
  const raw = await startRawEngine((socket) => void socket.end('SSH-2.0-OpenSSH_9.6\r\n'));
  assert.deepEqual(await createEngine(refOf('vllm', raw.url), openedLine()).probe(never), {
    state: 'down',
    reason: 'wrong',
    detail: 'does not speak HTTP/1.1',
  });
  raw.setScript((socket) => void socket.destroy());
  const closed = await createEngine(refOf('vllm', raw.url), openedLine()).probe(never);
  assert.equal('reason' in closed && closed.reason, 'unreachable');
  await raw.close();
});

test('a silent engine times out, by the clock', async () => {
  const fake = await startFakeEngine({ '*': { hangs: true } });
  fakes.push(fake);
  const timers: (() => void)[] = [];
  const own = openedLine();
  const clock = { ...systemClock, after: (_ms: number, f: () => void) => collect(timers, f) };
  const result = createEngine(refOf('openai-compatible', fake.url), { ...own, clock }).probe(never);
  timers[0]?.();
  assert.deepEqual(await result, {
    state: 'down',
    reason: 'timeout',
    detail: 'gave no answer within 4000 ms',
  });
});

test('a list that comes with each byte in a chunk of its own is read', async () => {
  const list = JSON.stringify({ data: Array.from({ length: 500 }, (_, i) => ({ id: `m${i}` })) });
  const engine = await startRawEngine([
    'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
    `${[...list].map((byte) => `1\r\n${byte}\r\n`).join('')}0\r\n\r\n`,
  ]);
  const result = await createEngine(refOf('openai-compatible', engine.url), openedLine()).probe(never);
  await engine.close();
  assert.equal(result.state === 'running' && result.models.length, 500);
});

test('KoboldCpp under another name still lists its models', async () => {
  assert.deepEqual(await probe('openai-compatible', koboldTable), {
    state: 'running',
    models: [{ id: 'koboldcpp/x', ownedBy: 'koboldcpp' }],
  });
});

/** A timer that only the test runs. */
function collect(timers: (() => void)[], f: () => void): () => void {
  timers.push(f);
  return () => {};
}

test('new kinds tell their context, and which models they hand on to other machines', async () => {
  const models = async (kind: EngineKindName, table: FakeTable) =>
    ((await probe(kind, table)) as { models?: unknown }).models;
  assert.deepEqual(await models('docker-model-runner', dockerTable), [
    { id: 'ai/smollm2', ownedBy: 'docker', contextLength: 8192 },
  ]);
  assert.deepEqual(await models('lemonade', lemonadeTable), [
    { id: 'Qwen3-0.6B-GGUF', ownedBy: 'lemonade', contextLength: 4096 },
    { id: 'fireworks.big', ownedBy: 'lemonade', remote: true },
  ]);
  assert.deepEqual(await models('tabbyapi', tabbyTable), [
    { id: 'exl3-model', ownedBy: 'tabbyAPI', contextLength: 16_384 },
  ]);
  assert.deepEqual(await models('jan', janOpenTable), [
    { id: 'qwen3', ownedBy: 'user' },
    { id: 'gpt-5', ownedBy: 'openai', remote: true },
  ]);
  assert.deepEqual(await models('llama-swap', llamaSwapTable), [
    { id: 'qwen', ownedBy: 'llama-swap' },
    { id: 'far', ownedBy: 'llama-swap', remote: true },
  ]);
  const kobold = { ...koboldTable, '/api/extra/true_max_context_length': { body: { value: 4096 } } };
  assert.deepEqual(await models('koboldcpp', kobold), [
    { id: 'koboldcpp/x', ownedBy: 'koboldcpp', contextLength: 4096 },
  ]);
  assert.match(JSON.stringify(await probe('jan', janLockedTable)), /unauthorised/);
});
