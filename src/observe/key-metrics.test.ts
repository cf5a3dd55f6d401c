import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ending } from '../core/proxy/proxy-handle.ts';
import { Metrics, type Readings } from './metrics.ts';

const readings: Readings = {
  inFlight: 0,
  connections: 0,
  bufferedBytes: 0,
  keys: 0,
  storeReadable: true,
  engines: [],
  queues: [],
};

function metricsFor(keyMetrics: number): {
  request(key: string | null, label?: string, ending?: Ending): void;
  lines(): Promise<readonly string[]>;
} {
  const metrics = new Metrics(() => readings, keyMetrics);
  return {
    request: (keyId, keyLabel = 'a', ending = 'done') =>
      metrics.request({
        id: 'req_1',
        atMs: 0,
        client: '127.0.0.1',
        method: 'POST',
        path: '/v1/chat/completions',
        status: ending === 'refused' ? 429 : 200,
        keyId,
        keyLabel,
        engine: 'e',
        model: 'm',
        bytesIn: 1,
        bytesOut: 1,
        firstByteMs: 1,
        queuedMs: null,
        durationMs: 1,
        inputTokens: 5,
        outputTokens: 7,
        cachedTokens: null,
        promptTokens: null,
        chargedInputTokens: 5,
        chargedOutputTokens: 7,
        tokensEstimated: false,
        streamed: true,
        ending,
        code: null,
        rule: null,
        droppedCredentials: null,
      }),
    lines: async () => (await metrics.text()).split('\n').filter((line) => line.startsWith('flm_key_')),
  };
}

test('without keyMetrics no key has counters', async () => {
  const metrics = metricsFor(0);
  metrics.request('key_1');
  assert.deepEqual(await metrics.lines(), []);
});

test('each key counts its requests, refusals and charged tokens', async () => {
  const metrics = metricsFor(10);
  metrics.request('key_1');
  metrics.request('key_1', 'a', 'refused');
  metrics.request(null);
  assert.deepEqual(await metrics.lines(), [
    'flm_key_requests_total{key="key_1",label="a"} 2',
    'flm_key_refused_requests_total{key="key_1",label="a"} 1',
    'flm_key_tokens_total{key="key_1",label="a",direction="input"} 10',
    'flm_key_tokens_total{key="key_1",label="a",direction="output"} 14',
  ]);
});

test('keys above the limit count as one, however many there are', async () => {
  const metrics = metricsFor(2);
  for (let i = 0; i < 5_000; i++) metrics.request(`key_${i}`, `label ${i}`);
  metrics.request('key_1', 'label 1');
  const lines = (await metrics.lines()).filter((line) => line.startsWith('flm_key_requests_total'));
  assert.deepEqual(lines, [
    'flm_key_requests_total{key="key_0",label="label 0"} 1',
    'flm_key_requests_total{key="key_1",label="label 1"} 2',
    'flm_key_requests_total{key="other",label=""} 4998',
  ]);
});

test('a label stays one value of one line, whatever it holds, and a new label replaces it', async () => {
  const metrics = metricsFor(2);
  metrics.request('key_1', 'before');
  metrics.request('key_1', 'a"} 1\nflm_keys 99 \\');
  const lines = (await metrics.lines()).filter((line) => line.startsWith('flm_key_requests_total'));
  assert.deepEqual(lines, [String.raw`flm_key_requests_total{key="key_1",label="a\"} 1\nflm_keys 99 \\"} 2`]);
});
