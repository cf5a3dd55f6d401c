import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JsonScanner } from '../../../gateway/body/json-scanner.ts';
import { scanPlan } from '../../../gateway/body/scan-plan.ts';
import { nativeScan, routes } from '../../../gateway/routes.ts';
import type { EngineKindName } from '../kinds.ts';
import { engineKind } from '../kinds.ts';
import type { EngineModel } from '../probe.ts';
import type { RouteId } from '../routes.ts';
import { judgeKeepAlive } from './ollama-hazards.ts';

/** What this body would do there, as the real scanner reads it. */
function does(
  kind: EngineKindName,
  route: RouteId,
  body: object,
  model?: Partial<EngineModel>,
): string | undefined {
  const paths = route === 'engine.native' ? nativeScan : routes.find((r) => r.id === route)?.scan;
  const scanner = new JsonScanner(scanPlan(paths ?? []));
  const bytes = Buffer.from(JSON.stringify(body));
  assert.equal(scanner.write(bytes, 0, bytes.length), undefined);
  assert.equal(scanner.end(), undefined);
  const known = model === undefined ? undefined : { id: 'm', ...model };
  return engineKind(kind).hazard(route, scanner.facts(), known)?.does;
}

const hi = { model: 'm', messages: [{ role: 'user', content: 'hi' }] };
const prompt = { model: 'm', prompt: 'hi' };

test('an Ollama request without a question loads or unloads the model', () => {
  for (const empty of [{}, { prompt: '' }, { prompt: null }]) {
    assert.equal(
      does('ollama', 'ollama.generate', { model: 'm', ...empty }),
      'load the model without a question',
    );
    assert.equal(
      does('ollama', 'ollama.generate', { model: 'm', ...empty, keep_alive: 0 }),
      'unload the model',
    );
  }
  for (const empty of [{}, { messages: [] }, { messages: null }]) {
    assert.equal(
      does('ollama', 'ollama.chat', { model: 'm', ...empty }),
      'load the model without a question',
    );
    assert.equal(
      does('ollama', 'ollama.chat', { model: 'm', ...empty, keep_alive: '0s' }),
      'unload the model',
    );
  }
  assert.equal(
    does('ollama', 'ollama.chat', { model: 'm', prompt: 'hi' }),
    'load the model without a question',
  );
});

test('an ordinary Ollama request does nothing but answer', () => {
  assert.equal(does('ollama', 'ollama.chat', hi), undefined);
  assert.equal(does('ollama', 'ollama.generate', prompt), undefined);
  assert.equal(
    does('ollama', 'ollama.generate', {
      model: 'm',
      prompt: 'x'.repeat(5000),
      keep_alive: '5m',
      options: { temperature: 0 },
    }),
    undefined,
  );
  assert.equal(does('ollama', 'ollama.embed', { model: 'm', input: 'hi' }), undefined);
  assert.equal(does('ollama', 'ollama.show', { model: 'm' }), undefined);
  assert.equal(does('ollama', 'chat.completions', hi), undefined);
});

test('keep_alive that unloads or pins is a hazard, wherever it stands', () => {
  assert.equal(does('ollama', 'ollama.chat', { ...hi, keep_alive: 0 }), 'unload the model after the answer');
  assert.equal(
    does('ollama', 'ollama.embed', { model: 'm', input: 'x', keep_alive: -1 }),
    'keep the model in memory for longer than an hour',
  );
  assert.equal(
    does('ollama', 'ollama.generate', { ...prompt, keep_alive: '-1m' }),
    'keep the model in memory for longer than an hour',
  );
  assert.equal(does('ollama', 'ollama.chat', { ...hi, keep_alive: null }), undefined);
});

test('durations are read as Go reads them, and what cannot be read is a hazard', () => {
  const table: readonly (readonly [string, string])[] = [
    ['0', 'unloads'],
    ['0.0', 'unloads'],
    ['1e-9', 'unloads'],
    ['"0"', 'unloads'],
    ['"0s"', 'unloads'],
    ['"0h0m"', 'unloads'],
    ['"1ns"', 'unloads'],
    ['"-0"', 'unloads'],
    ['9', 'unloads'],
    ['10', 'as-is'],
    ['300', 'as-is'],
    ['3600', 'as-is'],
    ['"5m"', 'as-is'],
    ['"1h"', 'as-is'],
    ['"59m59.5s"', 'as-is'],
    ['"+5m"', 'as-is'],
    ['"1800000ms"', 'as-is'],
    ['-1', 'pins'],
    ['-0.5', 'pins'],
    ['"-1"', 'pins'],
    ['"-5m"', 'pins'],
    ['3601', 'pins'],
    ['"1h1s"', 'pins'],
    ['"24h"', 'pins'],
    ['1e300', 'pins'],
    ['"forever"', 'pins'],
    ['""', 'pins'],
    ['"5"m', 'pins'],
    ['"5 m"', 'pins'],
    ['true', 'pins'],
    ['{...}', 'pins'],
    ['[...]', 'pins'],
    ['"\\u0030"', 'pins'],
  ];
  for (const [json, expected] of table) assert.equal(judgeKeepAlive(json), expected, json);
});

test('options that a runner is started with load the model again, unless it runs with them', () => {
  const again = (option: string) => `reload the model with other options (${option})`;
  for (const option of ['num_ctx', 'num_batch', 'num_gpu', 'main_gpu', 'num_thread', 'use_mmap']) {
    assert.equal(does('ollama', 'ollama.chat', { ...hi, options: { [option]: 1 } }), again(option));
    assert.equal(does('ollama', 'ollama.chat', { ...hi, options: { [option]: null } }), undefined);
  }
  assert.equal(
    does('ollama', 'ollama.chat', { ...hi, options: { num_ctx: 4096 } }, { contextLength: 4096 }),
    undefined,
  );
  assert.equal(
    does('ollama', 'ollama.chat', { ...hi, options: { num_ctx: 4097 } }, { contextLength: 4096 }),
    again('num_ctx'),
  );
  assert.equal(
    does('ollama', 'ollama.chat', { ...hi, options: { temperature: 1, num_predict: 5, seed: 1 } }),
    undefined,
  );
});

test('a model that runs at ollama.com takes the prompt there, by its name or by what Ollama says about it', () => {
  for (const name of ['gpt-oss:120b-cloud', 'kimi-k2:cloud', 'x:Cloud']) {
    assert.equal(
      does('ollama', 'chat.completions', { ...hi, model: name }),
      'send the prompt to ollama.com',
      name,
    );
  }
  assert.equal(does('ollama', 'ollama.chat', hi, { remote: true }), 'send the prompt to ollama.com');
  assert.equal(does('ollama', 'chat.completions', { ...hi, model: 'cloud-thing:7b' }), undefined);
  assert.equal(does('ollama', 'ollama.show', { model: 'kimi-k2:cloud' }), undefined);
});

test('on an endpoint of Ollama that is not known, the stricter reading holds', () => {
  assert.equal(does('ollama', 'engine.native', { model: 'm' }), 'load the model without a question');
  assert.equal(
    does('ollama', 'engine.native', { ...hi, options: { anything: 1 } }),
    'reload the model with other options',
  );
  assert.equal(does('ollama', 'engine.native', hi), undefined);
  assert.equal(does('ollama', 'engine.native', { model: 'm', input: ['x'] }), undefined);
});

test('on an LM Studio ttl and MCP tools are hazards, functions are not', () => {
  assert.equal(does('lmstudio', 'chat.completions', { ...hi, ttl: 60 }), 'change when the model is unloaded');
  assert.equal(does('lmstudio', 'chat.completions', { ...hi, ttl: null }), undefined);
  const tools = [
    { type: 'function', function: { name: 'f' } },
    { type: 'mcp', server_url: 'http://x' },
  ];
  assert.equal(does('lmstudio', 'responses.create', { model: 'm', input: 'x', tools }), 'run MCP tools');
  assert.equal(
    does('lmstudio', 'responses.create', { model: 'm', input: 'x', tools: tools.slice(0, 1) }),
    undefined,
  );
  assert.equal(does('lmstudio', 'chat.completions', hi), undefined);
});

test('tools that a vLLM runs itself are a hazard on the route that runs them', () => {
  for (const type of ['mcp', 'code_interpreter', 'web_search_preview']) {
    assert.equal(
      does('vllm', 'responses.create', { model: 'm', input: 'x', tools: [{ type }] }),
      "run tools on the engine's machine",
    );
  }
  assert.equal(
    does('vllm', 'responses.create', { model: 'm', input: 'x', tools: [{ type: 'function' }] }),
    undefined,
  );
  assert.equal(does('vllm', 'chat.completions', { ...hi, tools: [{ type: 'function' }] }), undefined);
});

test('an unknown server that is asked for MCP tools is not trusted with them', () => {
  assert.equal(
    does('openai-compatible', 'responses.create', { model: 'm', input: 'x', tools: [{ type: 'mcp' }] }),
    'run MCP tools',
  );
  assert.equal(does('openai-compatible', 'chat.completions', hi), undefined);
  assert.equal(does('llamacpp', 'chat.completions', { ...hi, ttl: 5, keep_alive: 0 }), undefined);
});

test('a web search that an Ollama would run itself leaves the machine', () => {
  const tools = [{ type: 'web_search_20250305', name: 'web_search' }];
  assert.equal(does('ollama', 'messages', { ...hi, tools }), 'send searches to ollama.com');
  assert.equal(does('ollama', 'messages', { ...hi, tools: [{ name: 'web_search' }] }), undefined);
  assert.equal(does('llamacpp', 'messages', { ...hi, tools }), undefined);
});

test('a model is judged by the id that Ollama gives it, not by the word of the client', () => {
  const model = { ...hi, model: 'my-alias:cloud' };
  assert.equal(does('ollama', 'chat.completions', model, { id: 'llama3:latest' }), undefined);
  assert.equal(does('ollama', 'chat.completions', hi, { id: 'x:cloud' }), 'send the prompt to ollama.com');
});

test('code of a client, hosts to connect to, adapters and searches are hazards where an engine acts on them', () => {
  const run = { model: 'm', messages: [{}], custom_logit_processor: 'pickle' };
  assert.equal(does('sglang', 'chat.completions', run), "run the client's code in the engine");
  assert.match(does('sglang', 'completions', { model: 'm', bootstrap_host: '10.0.0.1' }) ?? '', /connect/);
  assert.match(does('mlx-lm', 'chat.completions', { model: 'm', adapters: '/x' }) ?? '', /adapter/);
  assert.match(does('mlx-lm', 'chat.completions', { model: 'm', draft_model: 'x' }) ?? '', /second model/);
  const search = { model: 'm', tools: [{ type: 'web_search_20250305' }] };
  assert.match(does('jan', 'messages', search) ?? '', /send searches/);
  for (const kind of ['jan', 'lemonade', 'llama-swap'] as const) {
    assert.match(does(kind, 'chat.completions', hi, { remote: true }) ?? '', /send the prompt to/);
    assert.equal(does(kind, 'chat.completions', hi), undefined);
  }
});
