import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProxyError } from './errors.ts';
import { parseProxyConfig } from './proxy/proxy-config.ts';

test('a refused URL is repeated without what opens the engine', () => {
  const urls = [
    'http://me:pass-secret@10.0.0.5:8000',
    'http://10.0.0.5:8000/v1?key=pass-secret',
    'https://10.0.0.5/#pass-secret',
    'http:pass-secret@host',
  ];
  for (const url of urls) {
    assert.throws(
      () => parseProxyConfig({ engines: [{ url }] }),
      (error: unknown) =>
        error instanceof ProxyError && !JSON.stringify([error.message, error.faults]).includes('pass-secret'),
      url,
    );
  }
});
