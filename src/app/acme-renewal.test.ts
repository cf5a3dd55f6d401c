import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseProxyConfig } from '../core/proxy/proxy-config.ts';
import { challengesOf } from './acme-renewal.ts';

function chosen(parts: object): string {
  return challengesOf(
    parseProxyConfig({ mode: 'https-acme', domains: ['llm.example.org'], ...parts }),
  ).join();
}

test('by itself flm proves by the HTTPS port where the CA comes to it, then by port 80', () => {
  assert.equal(chosen({}), 'tls-alpn-01,http-01');
  assert.equal(chosen({ port: 443 }), 'tls-alpn-01,http-01');
  assert.equal(chosen({ port: 8443 }), 'http-01');
  assert.equal(chosen({ acme: { dnsHook: '/usr/bin/hook' } }), 'dns-01');
  assert.equal(chosen({ port: 8443, acme: { challenge: 'tls-alpn-01' } }), 'tls-alpn-01');
  assert.equal(chosen({ acme: { challenge: 'http-01' } }), 'http-01');
});
