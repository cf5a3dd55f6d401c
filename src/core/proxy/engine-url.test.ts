import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEngineUrl } from '../../engines/engine-url.ts';
import { understandEngineUrl } from './engine-url.ts';
import { parseProxyConfig } from './proxy-config.ts';

const server = (text: string): string | undefined => {
  const url = understandEngineUrl(text)?.url;
  return url === undefined ? undefined : parseEngineUrl(url).url;
};

test('an address is understood without a scheme', () => {
  for (const [text, url] of [
    ['localhost:11434', 'http://localhost:11434'],
    ['127.0.0.1:8003', 'http://127.0.0.1:8003'],
    ['[::1]:8000', 'http://[::1]:8000'],
    ['my-host:1234', 'http://my-host:1234'],
    ['my_host.lan:1234/', 'http://my_host.lan:1234'],
    ['gpu-box.example.org:8000/v1', 'http://gpu-box.example.org:8000'],
    ['llm.example.org:443', 'https://llm.example.org:443'],
    [' localhost:11434 \n', 'http://localhost:11434'],
    [':11434', 'http://127.0.0.1:11434'],
    ['11434', 'http://127.0.0.1:11434'],
    ['0.0.0.0:8000', 'http://127.0.0.1:8000'],
    ['http://0.0.0.0:8000', 'http://127.0.0.1:8000'],
    ['[::]:8000', 'http://[::1]:8000'],
    ['192.168.1.7', 'http://192.168.1.7:80'],
    ['localhost', 'http://localhost:80'],
    ['[fd00::1]', 'http://[fd00::1]:80'],
    ['LOCALHOST:1234', 'http://localhost:1234'],
  ] as const)
    assert.equal(server(text), url, text);
});

test('what belongs to the API is no part of the address', () => {
  for (const path of [
    '',
    '/',
    '/v1',
    '/v1/',
    '//v1',
    '/v1/chat/completions',
    '/v1/completions/',
    '/v1/embeddings',
    '/v1/responses',
    '/v1/messages',
    '/v1/models',
    '/v1/audio/transcriptions',
    '/v2/rerank',
    '/chat/completions',
    '/api',
    '/api/',
    '/api/chat',
    '/api/generate',
    '/api/tags',
    '/api/version',
    '/api/v0',
    '/api/v0/models',
    '/api/v0/chat/completions',
  ]) {
    assert.equal(server(`http://127.0.0.1:8003${path}`), 'http://127.0.0.1:8003', path);
    assert.equal(server(`127.0.0.1:8003${path}`), 'http://127.0.0.1:8003', path);
    assert.equal(server(`https://h.example.org/llm${path}`), 'https://h.example.org:443/llm', path);
  }
  assert.equal(server('http://localhost:12434/engines/v1'), 'http://localhost:12434/engines');
  assert.equal(
    server('http://localhost:12434/engines/llama.cpp/v1/chat/completions'),
    'http://localhost:12434/engines/llama.cpp',
  );
});

test('where /api/v1 may be a prefix or the root, both are offered', () => {
  assert.deepEqual(understandEngineUrl('http://localhost:13305/api/v1'), {
    url: 'http://localhost:13305/api/v1',
    others: ['http://localhost:13305'],
  });
  assert.equal(server('https://openrouter.ai/api/v1'), 'https://openrouter.ai:443/api');
  assert.deepEqual(understandEngineUrl('localhost:1234/api/v1/models'), {
    url: 'http://localhost:1234/api',
    others: ['http://localhost:1234'],
  });
});

test('an address that could be read before keeps its meaning and its spelling', () => {
  for (const text of [
    'http://127.0.0.1:11434',
    'http://127.0.0.1:11434/',
    'http://127.0.0.1:11434/v1',
    'HTTP://LocalHost:8000/v1/',
    'http://[::1]:8080/v1',
    'https://llm.example.org/openai/v1',
    'http://h/v1/v1',
    'http://h/v1/account/gateway',
  ]) {
    const understood = understandEngineUrl(text)?.url ?? '';
    assert.equal(parseEngineUrl(understood).url, parseEngineUrl(text).url, text);
    assert.equal(understandEngineUrl(understood)?.url, understood, 'understood again it is the same');
  }
  assert.equal(understandEngineUrl('http://gpu-box:8000/v1')?.url, 'http://gpu-box:8000/v1');
});

test('what is no address is none', () => {
  for (const text of [
    '',
    ' ',
    'ollama',
    'gpu-box',
    'llm.example.org',
    '::1:8000',
    'fd00::1',
    'localhost:',
    'localhost:http',
    'localhost:99999',
    'ftp://h:1',
    'file:///x',
    'http://',
    'http://user:pw@h:1',
    'user@h:1',
    'http://h:1/?q',
    'http://h:1/#x',
    'h:1?q=1',
    'a b:1',
    'javascript:1',
    '-h:1',
    '999999',
  ]) {
    const understood = understandEngineUrl(text);
    if (text === 'javascript:1') assert.equal(understood?.url, 'http://javascript:1');
    else assert.equal(understood, undefined, JSON.stringify(text));
  }
});

test('flags and profiles understand the same', () => {
  const { engines } = parseProxyConfig({
    engines: [{ url: 'localhost:11434/api/chat' }, { url: '[::1]:8000' }],
  });
  assert.deepEqual(
    engines.map((e) => e.url),
    ['http://localhost:11434', 'http://[::1]:8000'],
  );
  assert.throws(() => parseProxyConfig({ engines: [{ url: 'ollama' }] }), /not valid|invalid|HOST:PORT/i);
});
