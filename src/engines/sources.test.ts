import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../core/errors.ts';
import { engineConfigSchema, engineIdPattern } from '../core/proxy/proxy-config.ts';
import { parseEngineUrl } from './engine-url.ts';
import { sourceOfRecord, sourcesOfConfig } from './sources.ts';

const noSecrets = (): undefined => undefined;
const config = (url: string, more: object = {}) => engineConfigSchema.parse({ url, ...more });

test('an address has one spelling, and the /v1 of its API is not part of it', () => {
  const table: readonly (readonly [string, string])[] = [
    ['http://127.0.0.1:11434', 'http://127.0.0.1:11434'],
    ['http://127.0.0.1:11434/v1/', 'http://127.0.0.1:11434'],
    ['HTTP://LocalHost:8000/', 'http://localhost:8000'],
    ['http://[::1]:8080/v1', 'http://[::1]:8080'],
    ['https://llm.example.org', 'https://llm.example.org:443'],
    ['https://llm.example.org/openai/v1', 'https://llm.example.org:443/openai'],
    ['http://h/v1/v1', 'http://h:80/v1'],
  ];
  for (const [text, url] of table) assert.equal(parseEngineUrl(text).url, url, text);
  assert.deepEqual(parseEngineUrl('http://[::1]:8080').address, {
    tls: false,
    host: '::1',
    port: 8080,
    path: '',
  });
});

test('a saved engine of unknown kind is one to ask, one of known kind is taken at its word', () => {
  const record = { id: 'box', url: 'http://box:11434', createdAtMs: 0 };
  assert.deepEqual(sourceOfRecord(record, noSecrets), {
    kindKnown: false,
    ref: {
      id: 'box',
      kind: 'openai-compatible',
      url: 'http://box:11434',
      address: { tls: false, host: 'box', port: 11_434, path: '' },
      origin: 'saved',
    },
  });
  assert.equal(sourceOfRecord({ ...record, kind: 'ollama' }, noSecrets).kindKnown, true);
});

test('engines without an id get one that is valid, stays the same and is unique', () => {
  const engines = [
    config('http://127.0.0.1:8000'),
    config('http://127.0.0.1:8000/b'),
    config('http://[2001:db8::1]:8000'),
    config('http://a-very-long-name.of-a-machine.example.org:8000'),
    config('http://x:1', { kind: 'vllm' }),
    config('http://x:2', { kind: 'vllm' }),
    config('http://x:3', { id: 'vllm-3' }),
  ];
  const ids = sourcesOfConfig(engines, 'flag', noSecrets).map((s) => s.ref.id);
  assert.deepEqual(ids, [
    '127-0-0-1-8000',
    '127-0-0-1-8000-2',
    '2001-db8-1-8000',
    'a-very-long-name-of-a-8000',
    'vllm',
    'vllm-2',
    'vllm-3',
  ]);
  for (const id of ids) assert.match(id, engineIdPattern);
});

test('a key is read where it is said to be, and one that is missing or could end a field is refused without being shown', () => {
  const record = {
    id: 'box',
    url: 'http://box',
    createdAtMs: 0,
    apiKey: { from: 'env', name: 'BOX_KEY' },
  } as const;
  assert.equal(sourceOfRecord(record, () => 'secret\n').ref.apiKey, 'secret');
  for (const value of [undefined, '', 'a\r\nx-evil: 1', 'two words', 'ключ']) {
    assert.throws(
      () => sourceOfRecord(record, () => value),
      (error) =>
        error instanceof EngineError &&
        error.code === 'ENGINE_INVALID' &&
        error.message.includes('BOX_KEY') &&
        !(value !== undefined && value !== '' && error.message.includes(value)),
    );
  }
});
