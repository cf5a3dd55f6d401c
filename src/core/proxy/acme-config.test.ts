import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProxyError } from '../errors.ts';
import { directoryOf } from './acme-config.ts';
import { bindAddresses, configuredPort, parseProxyConfig } from './proxy-config.ts';

function faultsOf(input: object): Readonly<Record<string, string>> {
  try {
    parseProxyConfig({ mode: 'https-acme', ...input });
    return {};
  } catch (error) {
    assert.ok(error instanceof ProxyError && error.code === 'PROXY_INVALID_CONFIG');
    return Object.fromEntries(error.faults.map((f) => [f.field, f.allowed]));
  }
}

test('https-acme listens on port 443 of every address, and asks Let’s Encrypt', () => {
  const config = parseProxyConfig({ mode: 'https-acme', domains: ['LLM.example.org'] });
  assert.deepEqual(config.domains, ['llm.example.org']);
  assert.equal(configuredPort(config), 443);
  assert.deepEqual(bindAddresses(config), ['0.0.0.0', '::']);
  assert.match(directoryOf(config.acme), /^https:\/\/acme-v02\.api\.letsencrypt\.org\//);
  assert.match(directoryOf({ ...config.acme, staging: true }), /staging/);
});

test('a domain must be one that a certificate can hold', () => {
  const good = ['example.org', 'a-b.c.example.org', 'xn--mnchen-3ya.example.org', `${'a'.repeat(63)}.org`];
  assert.deepEqual(faultsOf({ domains: good }), {});
  const bad = [
    ...[
      '',
      'localhost',
      'example',
      'a_b.example.org',
      '-a.example.org',
      'a-.example.org',
      'a..b.org',
      '.org',
    ],
    ...[
      '192.0.2.1',
      '2001:db8::1',
      'example.org.',
      'exa mple.org',
      'münchen.example.org',
      'a.*.org',
      '*.*.org',
    ],
    ...['https://example.org', 'example.org:443', `${'a'.repeat(64)}.org`, `${'a.'.repeat(126)}org`, '*.'],
  ];
  assert.deepEqual(
    Object.keys(faultsOf({ domains: bad })),
    bad.map((_, index) => `domains.${index}`),
  );
});

test('no public CA vouches for a private name, but one of your own may', () => {
  const domains = ['box.lan', 'box.local', 'box.internal', 'box.home.arpa', 'a.localhost'];
  assert.equal(Object.keys(faultsOf({ domains })).length, domains.length);
  assert.deepEqual(faultsOf({ domains, acme: { directory: 'https://ca.lan/acme' } }), {});
});

test('a wildcard needs dns-01, and dns-01 needs a hook', () => {
  const domains = ['*.example.org', 'example.org'];
  assert.match(faultsOf({ domains })['domains.0'] ?? '', /--acme-dns-hook/);
  assert.deepEqual(faultsOf({ domains, acme: { dnsHook: '/usr/bin/hook' } }), {});
  assert.deepEqual(Object.keys(faultsOf({ domains, acme: { challenge: 'dns-01' } })), ['acme.dnsHook']);
  assert.deepEqual(
    Object.keys(faultsOf({ domains, acme: { challenge: 'http-01', dnsHook: '/usr/bin/hook' } })).toSorted(),
    ['acme.dnsHook', 'domains.0'],
  );
});

test('every other fault is reported with them', () => {
  const faults = faultsOf({
    domains: ['example.org', 'example.org'],
    acme: {
      email: 'nobody',
      directory: 'http://ca.example.org/',
      caFile: 'relative.pem',
      challenge: 'dns',
      httpPort: 0,
      dnsHook: 'a\nb',
    },
  });
  assert.deepEqual(Object.keys(faults).toSorted(), [
    'acme.caFile',
    'acme.challenge',
    'acme.directory',
    'acme.dnsHook',
    'acme.email',
    'acme.httpPort',
  ]);
  assert.deepEqual(Object.keys(faultsOf({ domains: [] })), ['domains']);
  assert.deepEqual(Object.keys(faultsOf({ domains: ['example.org', 'example.org'] })), ['domains.1']);
  const both = { staging: true, directory: 'https://ca.example.org/' };
  assert.deepEqual(Object.keys(faultsOf({ domains: ['example.org'], acme: both })), ['acme.staging']);
});

test('a domain without the mode is a mistake, and never plain HTTP', () => {
  assert.deepEqual(Object.keys(faultsOf({ mode: 'local-http', domains: ['example.org'] })), ['domains']);
});
