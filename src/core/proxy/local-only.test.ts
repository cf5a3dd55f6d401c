import assert from 'node:assert/strict';
import { test } from 'node:test';
import { localChanges } from './local-only.ts';
import { parseProxyConfig } from './proxy-config.ts';

test('where telemetry is sent is decided on the machine of flm only', () => {
  const before = parseProxyConfig({});
  assert.deepEqual(localChanges(before, parseProxyConfig({ otlp: 'https://elsewhere.example' })), ['otlp']);
  assert.deepEqual(localChanges(before, parseProxyConfig({ keyMetrics: 10 })), []);
});
