import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProxyError } from '../errors.ts';
import { bindAddresses, configuredPort, parseProxyConfig } from './proxy-config.ts';

function faultyFields(input: unknown): readonly string[] {
  try {
    parseProxyConfig(input);
    return [];
  } catch (error) {
    assert.ok(error instanceof ProxyError && error.code === 'PROXY_INVALID_CONFIG');
    return error.faults.map((f) => f.field).sort();
  }
}

test('all faults are reported at once, also those that depend on other fields', () => {
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

test('a configuration that says nothing listens on both loopbacks, at the port of its mode', () => {
  const config = parseProxyConfig({});
  assert.deepEqual(bindAddresses(config), ['127.0.0.1', '::1']);
  assert.equal(configuredPort(config), 8484);
  assert.equal(configuredPort(parseProxyConfig({ port: 0 })), 0);
  assert.deepEqual(bindAddresses(parseProxyConfig({ bind: ['127.0.0.2'] })), ['127.0.0.2']);
});

test('numbers have bounds, and both bounds are allowed', () => {
  const good = [{ port: 0 }, { port: 65_535 }, { graceMs: 0 }, { graceMs: 3_600_000 }];
  for (const config of [...good, { heartbeatMs: 0 }, { heartbeatMs: 1000 }, { heartbeatMs: 300_000 }])
    assert.ok(parseProxyConfig(config));
  const bad = [{ port: -1 }, { port: 65_536 }, { port: 1.5 }, { port: '80' }, { graceMs: 3_600_001 }];
  for (const config of [
    ...bad,
    { heartbeatMs: 999 },
    { heartbeatMs: 300_001 },
    { limits: { maxHeadFields: 0 } },
  ])
    assert.throws(() => parseProxyConfig(config), ProxyError, JSON.stringify(config));
});

test('a public host is a name and nothing else, in lower case', () => {
  assert.deepEqual(parseProxyConfig({ publicHosts: ['LLM.example.org'] }).publicHosts, ['llm.example.org']);
  const bad = [
    '',
    '*',
    'a.b:80',
    'http://a.b',
    'a/b',
    'a..b',
    '-a',
    'a-',
    'a_b',
    'a b',
    '[::1]',
    `${'a'.repeat(64)}.b`,
  ];
  for (const name of bad) assert.throws(() => parseProxyConfig({ publicHosts: [name] }), ProxyError, name);
});

test('the URL of an engine is a base: no user, no query, no other scheme', () => {
  for (const url of [
    'http://localhost:11434',
    'https://10.0.0.1/prefix/',
    'http://[::1]:8080',
    'HTTP://host',
  ])
    assert.ok(parseProxyConfig({ engines: [{ url }] }), url);
  const bad = [
    '',
    'localhost:port',
    'ftp://host',
    'file:///x',
    'http://',
    'http://a@b',
    'http://a:b@c',
    'http:/x',
  ];
  for (const url of [
    ...bad,
    'http://host?x',
    'http://host#x',
    'http://ho st',
    'javascript:alert(1)',
    '//host',
  ])
    assert.throws(() => parseProxyConfig({ engines: [{ url }] }), ProxyError, url);
});
