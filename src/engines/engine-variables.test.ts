import assert from 'node:assert/strict';
import { test } from 'node:test';
import { urlOf } from './engine-url.ts';
import { addressesInEnvironment } from './engine-variables.ts';

const table: readonly (readonly [string | undefined, readonly string[]])[] = [
  [undefined, []],
  ['', []],
  ['0.0.0.0', ['http://127.0.0.1:11434']],
  ['0.0.0.0:8000', ['http://127.0.0.1:8000']],
  ['::', ['http://127.0.0.1:11434', 'http://[::1]:11434']],
  ['[::]:12000', ['http://127.0.0.1:12000', 'http://[::1]:12000']],
  ['::1', ['http://[::1]:11434']],
  ['[::1]:9', ['http://[::1]:9']],
  ['localhost', ['http://127.0.0.1:11434', 'http://[::1]:11434']],
  [':11435', ['http://127.0.0.1:11435']],
  ['gpu-box', ['http://gpu-box:11434']],
  ['gpu-box:99', ['http://gpu-box:99']],
  ['http://gpu-box', ['http://gpu-box:80']],
  ['http://gpu-box:11434/', ['http://gpu-box:11434']],
  ['https://llm.example.org', ['https://llm.example.org:443']],
  ['https://llm.example.org/ollama/', ['https://llm.example.org:443/ollama']],
  [' "127.0.0.1:1" ', ['http://127.0.0.1:1']],
  ['127.0.0.1:66000', ['http://127.0.0.1:11434']],
  ['127.0.0.1:x', ['http://127.0.0.1:11434']],
  ['unix:///x', []],
];

test('OLLAMA_HOST is read as Ollama reads it, and as somebody who dials', () => {
  for (const [value, expected] of table)
    assert.deepEqual(addressesInEnvironment({ OLLAMA_HOST: value }).map(urlOf), expected, value ?? 'unset');
});

test('the variables of llama.cpp are read, a socket too', () => {
  const urls = (environment: Record<string, string>) => addressesInEnvironment(environment).map(urlOf);
  assert.deepEqual(urls({ LLAMA_ARG_PORT: '9000' }), ['http://127.0.0.1:9000']);
  assert.deepEqual(
    urls({ LLAMA_ARG_HOST: '0.0.0.0', LLAMA_ARG_PORT: '9000', LLAMA_ARG_API_PREFIX: '/llm/' }),
    ['http://127.0.0.1:9000/llm'],
  );
  assert.deepEqual(urls({ LLAMA_ARG_HOST: '10.0.0.1' }), ['http://10.0.0.1:8080', 'http://10.0.0.1:9931']);
  assert.deepEqual(urls({ LLAMA_ARG_HOST: '/run/llama.sock' }), ['unix:/run/llama.sock']);
});

test("vLLM's inner port and everybody's keys are not looked at", () => {
  assert.deepEqual(
    addressesInEnvironment({
      VLLM_PORT: '5',
      VLLM_HOST_IP: '1.2.3.4',
      VLLM_API_KEY: 'x',
      OLLAMA_API_KEY: 'y',
    }),
    [],
  );
});
