import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProxyError } from '../errors.ts';
import { parseProxyConfig } from './proxy-config.ts';

function faultyFields(input: unknown): readonly string[] {
  try {
    parseProxyConfig(input);
    return [];
  } catch (error) {
    assert.ok(error instanceof ProxyError && error.code === 'PROXY_INVALID_CONFIG');
    return error.faults.map((f) => f.field).sort();
  }
}

test('every fault is told at once, also what only shows beside other fields', () => {
  const input = {
    port: 'x',
    bind: ['10.0.0.1', 'nowhere'],
    engines: [
      { url: 'http://a', id: 'a' },
      { url: 'ftp://b', id: 'a' },
    ],
    limits: { maxStreams: 0 },
    colour: 'red',
  };
  assert.deepEqual(faultyFields(input), [
    'bind.0',
    'bind.1',
    'colour',
    'engines.1.id',
    'engines.1.url',
    'limits.maxStreams',
    'port',
  ]);
});

test('a network address needs a word of its own in plain HTTP', () => {
  assert.deepEqual(faultyFields({ bind: ['127.0.0.1', '::1', '::ffff:127.0.0.2'] }), []);
  assert.deepEqual(faultyFields({ bind: ['0.0.0.0', '::'] }), ['bind.0', 'bind.1']);
  assert.deepEqual(faultyFields({ bind: ['0.0.0.0'], allowInsecureBind: true }), []);
});

test('what is no configuration at all is one fault', () => {
  for (const input of [null, 'x', []]) assert.deepEqual(faultyFields(input), [''], JSON.stringify(input));
  assert.deepEqual(faultyFields({ bind: 'all', engines: [3] }), ['bind', 'engines.0']);
});
