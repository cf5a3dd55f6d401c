/** Sockets that systemd passed, beside the addresses of a profile. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProxyError } from '../core/errors.ts';
import { type ProxyConfigInput, parseProxyConfig } from '../core/proxy/proxy-config.ts';
import { matchPassed } from './passed-listeners.ts';

const match = (config: ProxyConfigInput, ...places: readonly (readonly [string, number])[]) =>
  matchPassed(
    { config: parseProxyConfig(config), profile: 'default', overrides: {} },
    places.map(([address, port], index) => ({ fd: 3 + index, address, port })),
  );
const used = (config: ProxyConfigInput, ...places: readonly (readonly [string, number])[]) =>
  match(config, ...places).map(({ use, address, fd }) => `${use} ${address} ${fd}`);

test('each passed socket serves the address that it is bound to', () => {
  const both = { port: 443 };
  assert.deepEqual(used(both, ['::1', 443], ['127.0.0.1', 443]), ['clients 127.0.0.1 4', 'clients ::1 3']);
  assert.deepEqual(used({ bind: ['0:0:0:0:0:0:0:1'] }, ['::1', 8484]), ['clients 0:0:0:0:0:0:0:1 3']);
  assert.deepEqual(used({ port: 0 }, ['127.0.0.1', 999]), ['clients 127.0.0.1 3']);
  assert.deepEqual(used({}), []);
});

test('the plain port of an https-acme proxy has sockets of its own', () => {
  const config: ProxyConfigInput = {
    mode: 'https-acme',
    domains: ['llm.example.org'],
    acme: { email: 'ada@example.org', acceptTerms: true },
    bind: ['0.0.0.0'],
  };
  assert.deepEqual(used(config, ['0.0.0.0', 443], ['0.0.0.0', 80]), ['clients 0.0.0.0 3', 'plain 0.0.0.0 4']);
  assert.deepEqual(used(config, ['0.0.0.0', 443]), ['clients 0.0.0.0 3']);
});

test('a socket too many, one too few, and another address are refused with the lines that are right', () => {
  const refused = (config: ProxyConfigInput, ...places: readonly (readonly [string, number])[]): void =>
    assert.throws(
      () => match(config, ...places),
      (error: unknown) =>
        error instanceof ProxyError &&
        error.code === 'PROXY_SOCKETS_MISMATCH' &&
        /ListenStream=127\.0\.0\.1:8484/.test(error.hint),
    );
  refused({}, ['127.0.0.1', 9000]);
  refused({}, ['::1', 8484]);
  refused({}, ['127.0.0.1', 8484], ['127.0.0.1', 9000]);
  // A dual-stack socket, as `ListenStream=8484` opens one.
  refused({ bind: ['127.0.0.1'] }, ['::', 8484]);
});
