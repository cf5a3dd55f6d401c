/** Probes, recognition and detection before the real engines, where they are installed. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { EngineRef } from '../../src/core/engine/engine.ts';
import type { EngineKindName } from '../../src/core/engine/kinds.ts';
import type { ProbeResult } from '../../src/core/engine/probe.ts';
import { Detector } from '../../src/engines/detect.ts';
import { parseEngineUrl } from '../../src/engines/engine-url.ts';
import { identify } from '../../src/engines/identify.ts';
import { createEngine } from '../../src/engines/probe-request.ts';
import { openLine } from '../helpers/probe-line.ts';
import { type RunningEngine, startLlamaServer, startOllama } from './servers.ts';
import { needsLlama, needsOllama } from './tested-proxy.ts';

const line = openLine();
after(() => line.upstream.close());
const never = new AbortController().signal;

function refOf(kind: EngineKindName, url: string): EngineRef {
  return { id: 'real', kind, ...parseEngineUrl(url), origin: 'flag' };
}

async function probe(kind: EngineKindName, engine: RunningEngine): Promise<ProbeResult> {
  return createEngine(refOf(kind, engine.url), line).probe(never);
}

async function recognise(engine: RunningEngine): Promise<string> {
  const found = await identify(line, { to: parseEngineUrl(engine.url).address, limitMs: 5000 }, never);
  return found.answered ? found.kind : found.detail;
}

async function generate(engine: RunningEngine): Promise<void> {
  const body = JSON.stringify({ model: engine.model, messages: [{ role: 'user', content: 'hi' }] });
  const answer = await fetch(`${engine.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body,
  });
  assert.equal(answer.status, 200, await answer.text());
}

test('a real llama.cpp is recognised, and tells its slots and their context', needsLlama, async () => {
  const engine = await startLlamaServer();
  try {
    assert.equal(await recognise(engine), 'llamacpp');
    const result = await probe('llamacpp', engine);
    assert.equal(result.state, 'running');
    assert.equal(result.slots, 2);
    assert.match(result.version ?? '', /\d/);
    assert.deepEqual(result.models, [{ id: 'tiny', ownedBy: 'llamacpp', loaded: true, contextLength: 512 }]);
    for (const kind of ['ollama', 'lmstudio', 'vllm'] as const) {
      const other = await probe(kind, engine);
      assert.equal(other.state === 'down' && other.reason, 'wrong', kind);
    }
  } finally {
    await engine.stop();
  }
  const gone = await probe('llamacpp', engine);
  assert.equal(gone.state === 'down' && gone.reason, 'refused');
});

test('a real llama.cpp with a key is recognised without it, and probed with it', needsLlama, async () => {
  const engine = await startLlamaServer({ args: ['--api-key', 'sesame'] });
  try {
    assert.equal(await recognise(engine), 'llamacpp');
    const locked = await probe('llamacpp', engine);
    assert.equal(locked.state === 'down' && locked.reason, 'unauthorised');
    const open = await createEngine({ ...refOf('llamacpp', engine.url), apiKey: 'sesame' }, line).probe(
      never,
    );
    assert.equal(open.state, 'running');
  } finally {
    await engine.stop();
  }
});

test(
  'a real Ollama is recognised, and lists a model before and after it is loaded',
  needsOllama,
  async () => {
    const engine = await startOllama();
    try {
      assert.equal(await recognise(engine), 'ollama');
      const before = await probe('ollama', engine);
      assert.equal(before.state, 'running');
      assert.match(before.version ?? '', /^\d+\.\d+/);
      assert.deepEqual(
        before.models.map((m) => [m.id, m.loaded, m.contextLength, m.remote]),
        [['tiny:latest', false, undefined, undefined]],
      );
      await generate(engine);
      const loaded = await probe('ollama', engine);
      assert.equal(loaded.state, 'running');
      assert.equal(loaded.models[0]?.loaded, true);
      assert.ok((loaded.models[0]?.contextLength ?? 0) > 0);
      assert.equal(loaded.models[0]?.created, before.models[0]?.created);
    } finally {
      await engine.stop();
    }
  },
);

test('real engines are found by port and by variable, each once', {
  skip: needsLlama.skip || needsOllama.skip,
}, async () => {
  const [llama, ollama] = await Promise.all([startLlamaServer(), startOllama()]);
  try {
    const detector = new Detector({
      line,
      environment: { OLLAMA_HOST: new URL(ollama.url).host },
      machineAddresses: () => [],
      findProgram: () => Promise.resolve(undefined),
      ports: [Number(new URL(llama.url).port), Number(new URL(ollama.url).port)],
    });
    const found = await detector.look({ known: [], exclude: new Set() }, never);
    assert.deepEqual(
      found.engines.map((e) => [e.ref.kind, e.ref.url]),
      [
        ['llamacpp', llama.url],
        ['ollama', ollama.url],
      ],
    );
  } finally {
    await Promise.all([llama.stop(), ollama.stop()]);
  }
});
