import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ollamaNameKey } from './ollama-names.ts';

test('all spellings under which Ollama finds a model have one key', () => {
  for (const name of [
    'mybig',
    'mybig:latest',
    'MyBig',
    'MYBIG:LATEST',
    'mybig:Latest',
    'library/mybig',
    'Library/MyBig',
    'registry.ollama.ai/library/mybig',
    'Registry.Ollama.AI/library/mybig:latest',
    'http://registry.ollama.ai/library/mybig',
    'https://registry.ollama.ai/library/mybig:latest',
    '://registry.ollama.ai/library/mybig',
    'https:///library/mybig',
    'ftp/x://registry.ollama.ai/library/mybig',
  ]) {
    assert.equal(ollamaNameKey(name), 'registry.ollama.ai/library/mybig:latest', name);
  }
});

test('another tag, namespace, host or port is another model', () => {
  const keys = [
    'mybig',
    'mybig:7b',
    'ns/mybig',
    'ollama.com/library/mybig',
    'hf.co/library/mybig',
    'registry.ollama.ai:443/library/mybig',
    'my-big',
  ].map(ollamaNameKey);
  assert.ok(!keys.includes(undefined));
  assert.equal(new Set(keys).size, keys.length);
});

test('what Ollama refuses as a name has no key', () => {
  for (const name of [
    '',
    ':latest',
    'mybig:',
    'mybig:latest:latest',
    'mybig:latest/',
    'mybig/',
    '/mybig',
    '//mybig',
    '/library/mybig',
    'http://mybig',
    'http://library/mybig',
    'a/b/c/d',
    'library//mybig',
    'ns.x/mybig',
    ' mybig',
    'mybig ',
    'my big',
    'mybig@sha256:abc',
    'mybig@sha256-abc',
    'mybig%3Alatest',
    'library\\mybig',
    '../mybig',
    'm\u212aybig',
    'mybig\u017f',
    '-mybig',
  ]) {
    assert.equal(ollamaNameKey(name), undefined, JSON.stringify(name));
  }
});
