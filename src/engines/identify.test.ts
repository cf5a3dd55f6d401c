import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import {
  dockerTable,
  type FakeTable,
  fastflowTable,
  flmTable,
  janLockedTable,
  janOpenTable,
  janTable,
  koboldTable,
  lemonadeTable,
  llamacppTable,
  llamafileTable,
  llamaSwapTable,
  lmstudioTable,
  localaiTable,
  mlxTable,
  ollamaTable,
  sglangTable,
  startFakeEngine,
  tabbyTable,
  tgiTable,
  vllmTable,
  webTable,
} from '../../test/helpers/fake-engine.ts';
import { openLine, type TestLine } from '../../test/helpers/probe-line.ts';
import { defineKind } from '../core/engine/engine-kind.ts';
import {
  type EngineKinds,
  engineKind,
  engineKinds,
  usualPorts,
  usualPrefixes,
  watchedFields,
} from '../core/engine/kinds.ts';
import { routeIds } from '../core/engine/routes.ts';
import { isGiven } from '../core/engine/watched-fields.ts';
import { parseEngineUrl } from './engine-url.ts';
import { addressesInEnvironment } from './engine-variables.ts';
import { identify, identifyAmong } from './identify.ts';

const never = new AbortController().signal;
const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function opened(): TestLine {
  const line = openLine();
  closers.push(() => line.upstream.close());
  return line;
}

async function ask(table: FakeTable, apiKey?: string): Promise<string> {
  const fake = await startFakeEngine(table);
  closers.push(fake.close);
  const { address } = parseEngineUrl(fake.url);
  const result = await identify(
    opened(),
    { to: address, limitMs: 5000, ...(apiKey === undefined ? {} : { apiKey }) },
    never,
  );
  if (result.answered) return `${result.kind}: ${result.product} ${result.version ?? '-'}`;
  return `${result.reason}: ${result.detail}`;
}

const cases: readonly (readonly [string, FakeTable, string])[] = [
  ['an Ollama', ollamaTable, 'ollama: Ollama 0.12.6'],
  ['an LM Studio, which answers 200 to everything,', lmstudioTable, 'lmstudio: LM Studio -'],
  ['a vLLM', vllmTable, 'vllm: vLLM 0.11.2'],
  ['a llama.cpp', llamacppTable, 'llamacpp: llama.cpp b7100-abc'],
  ['a llamafile', llamafileTable, 'llamacpp: llama.cpp -'],
  ['a KoboldCpp, which plays Ollama and has /props,', koboldTable, 'koboldcpp: KoboldCpp 1.99'],
  ['a LocalAI, which has a /version and plays Ollama,', localaiTable, 'localai: LocalAI v3.5.0'],
  ['an SGLang', sglangTable, 'sglang: SGLang -'],
  ['a TGI', tgiTable, 'openai-compatible: OpenAI-compatible -'],
  ['a Docker Model Runner', dockerTable, 'docker-model-runner: Docker Model Runner -'],
  ['a Lemonade, which plays Ollama,', lemonadeTable, 'lemonade: Lemonade 10.3.0'],
  [
    'a Lemonade without a model',
    { ...lemonadeTable, '/v1/models': { body: { object: 'list', data: [] } } },
    'lemonade: Lemonade 10.3.0',
  ],
  ['a TabbyAPI, which plays KoboldCpp,', tabbyTable, 'tabbyapi: TabbyAPI -'],
  [
    'a TabbyAPI without a model',
    { ...tabbyTable, '/v1/models': { body: { object: 'list', data: [] } } },
    'tabbyapi: TabbyAPI -',
  ],
  ['a FastFlowLM, which plays Ollama,', fastflowTable, 'fastflowlm: FastFlowLM 0.9.20'],
  ['an mlx-lm, which does not say its name,', mlxTable, 'mlx-lm: mlx-lm -'],
  ['a Jan', janOpenTable, 'jan: Jan -'],
  ['a Jan that hides its models behind a key', janLockedTable, 'jan: Jan -'],
  ['a llama-swap', llamaSwapTable, 'llama-swap: llama-swap 238'],
  ['a server that asks for its key in JSON', janTable, 'unauthorised: asks for an API key'],
  ['a web page on every path', webTable, 'wrong: answers, but not like an LLM engine'],
  ['a server that has nothing', {}, 'wrong: answers, but not like an LLM engine'],
  ['a proxy of flm', flmTable, 'wrong: is a proxy of flm itself'],
];
for (const [what, table, expected] of cases) {
  test(`${what} is recognised for what it is`, async () => {
    assert.equal(await ask(table), expected);
  });
}

test('a vLLM that hides its models behind a key is still a vLLM', async () => {
  const uvicorn = { server: 'uvicorn' };
  const locked = {
    ...vllmTable,
    '/v1/models': { status: 401, body: { error: 'Unauthorized' }, fields: uvicorn },
  };
  assert.equal(await ask(locked), 'vllm: vLLM 0.11.2');
});

test('a llama.cpp that loads its model or hides behind a key is still a llama.cpp', async () => {
  const fields = { server: 'llama.cpp' };
  assert.equal(
    await ask({ '*': { status: 503, body: { error: { message: 'Loading model' } }, fields } }),
    'llamacpp: llama.cpp -',
  );
  assert.equal(
    await ask({ ...llamacppTable, '/props': { status: 401, body: { error: {} }, fields } }),
    'llamacpp: llama.cpp -',
  );
});

test('an llama-like list of models alone makes no Ollama, nor does its greeting', async () => {
  assert.match(await ask({ '/': { body: 'Ollama is running' } }), /^wrong/);
  assert.match(await ask({ '/api/version': { body: { version: '1' } } }), /^wrong/);
});

test('a web page that asks for a password is no engine', async () => {
  assert.match(
    await ask({
      '*': {
        status: 401,
        body: '<html>Login</html>',
        fields: { 'www-authenticate': 'Basic realm="router"' },
      },
    }),
    /^wrong/,
  );
});

test('a proxy of flm is asked for its health and nothing else, for more would count as failed logins', async () => {
  for (const status of ['up', 'draining']) {
    const fake = await startFakeEngine({
      ...flmTable,
      '/health': { body: { status }, fields: { 'x-request-id': 'r' } },
    });
    closers.push(fake.close);
    const result = await identify(opened(), { to: parseEngineUrl(fake.url).address, limitMs: 5000 }, never);
    assert.equal(!result.answered && result.flm, true);
    assert.deepEqual(
      fake.asked.map((a) => a.path),
      ['/health'],
    );
  }
});

test('nothing is ever sent but GET, and no key where none was given', async () => {
  const fake = await startFakeEngine(ollamaTable);
  closers.push(fake.close);
  await identify(opened(), { to: parseEngineUrl(fake.url).address, limitMs: 5000 }, never);
  assert.ok(fake.asked.length > 1);
  for (const { headers } of fake.asked) {
    assert.equal(headers.authorization, undefined);
    assert.equal(headers['content-length'], undefined);
  }
});

test('a kind that is only in a list of its own is asked for and recognised', async () => {
  const madeUp = defineKind({
    ...engineKind('openai-compatible'),
    name: 'made-up',
    title: 'Made Up',
    watches: [{ fields: ['made.up'] }],
    hazard: (_route, facts) => (isGiven(facts, 'made.up') ? { does: 'make something up' } : undefined),
    detection: {
      ports: [4711],
      prefix: '/made',
      variables: { address: 'MADE_UP_HOST' },
      asks: [{ path: '/made-up' }],
      imitates: ['ollama'],
      recognise: ({ json }) => (json('/made-up')?.made === 'up' ? { version: '1' } : undefined),
    },
  });
  const kinds: EngineKinds = [...engineKinds, madeUp];
  const fake = await startFakeEngine({ ...ollamaTable, '/made-up': { body: { made: 'up' } } });
  closers.push(fake.close);
  const request = { to: parseEngineUrl(fake.url).address, limitMs: 5000 };
  const found = await identifyAmong(kinds, opened(), request, never);
  assert.deepEqual(found, { answered: true, kind: 'made-up', product: 'Made Up', version: '1' });
  assert.equal(await ask(ollamaTable), 'ollama: Ollama 0.12.6');
  // All that is derived knows it.
  assert.ok(usualPorts(kinds).includes(4711));
  assert.equal(usualPrefixes(kinds).get(4711), '/made');
  assert.deepEqual(addressesInEnvironment({ MADE_UP_HOST: '127.0.0.1' }, kinds), [
    { tls: false, host: '127.0.0.1', port: 4711, path: '' },
  ]);
  for (const route of routeIds) assert.ok(watchedFields(route, kinds).includes('made.up'), route);
});
