import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EngineStatus } from '../engine/directory.ts';
import { capacityFindings, engineFindings, exposureFindings } from './engine-findings.ts';

function engine(more: Partial<EngineStatus> = {}): EngineStatus {
  const address = { tls: false, host: '127.0.0.1', port: 11434, path: '' };
  return {
    ref: { id: 'ollama', kind: 'ollama', url: 'http://127.0.0.1:11434', address, origin: 'saved' },
    state: 'running',
    inFlight: 0,
    models: [{ id: 'm' }],
    breakerOpen: false,
    ...more,
  };
}

const exposure = { isOwn: true, addresses: ['192.168.1.5'], paths: ['/api/tags'], isAnyOrigin: false };

test('without a proxy, engines that are down are named, and that there is none', () => {
  const codes = (engines: readonly EngineStatus[], isWatched: boolean): readonly string[] =>
    engineFindings(engines, isWatched).map(({ code }) => code);

  assert.deepEqual(codes([], false), ['NO_ENGINE']);
  assert.deepEqual(codes([engine({ state: 'down', models: [] })], false), ['ENGINE_DOWN']);
  // The proxy warns itself.
  assert.deepEqual(codes([engine({ state: 'down', models: [] })], true), []);
  assert.deepEqual(codes([engine(), engine({ models: [] })], true), ['ENGINE_NO_MODEL']);
});

test('an engine that answers the network is a warning with its remedy, at a public address an error', () => {
  const [found] = exposureFindings(engine(), exposure, 'linux');
  const [open] = exposureFindings(engine(), { ...exposure, addresses: ['192.168.1.5', '8.8.8.8'] }, 'linux');

  assert.deepEqual([found?.code, found?.severity, open?.severity], ['ENGINE_EXPOSED', 'warning', 'error']);
  assert.match(found?.message ?? '', /192\.168\.1\.5 \(\/api\/tags\).*OLLAMA_HOST=127\.0\.0\.1/);
});

test('an engine of another machine without a key is a notice in a network, and an error in the internet', () => {
  const severity = (host: string): string | undefined =>
    exposureFindings(engine(), { ...exposure, isOwn: false, addresses: [host] }, 'linux')[0]?.severity;

  assert.deepEqual(
    ['gpu-box', '10.0.0.7', '8.8.8.8'].map((host) => severity(host)),
    ['notice', 'notice', 'error'],
  );
});

test('an engine that allows every origin is named, reachable or not', () => {
  const found = exposureFindings(
    engine(),
    { ...exposure, addresses: [], paths: [], isAnyOrigin: true },
    'linux',
  );

  assert.deepEqual(
    found.map(({ code }) => code),
    ['ENGINE_ANY_ORIGIN'],
  );
});

test('a chat model with a small context is named with the setting of its engine, one that only embeds is not', () => {
  const found = capacityFindings([
    engine({ models: [{ id: 'nomic-embed-text', contextLength: 2048 }] }),
    engine({
      models: [
        { id: 'large', contextLength: 16_384 },
        { id: 'qwen3', contextLength: 4096 },
      ],
    }),
    engine({ models: [{ id: 'unknown' }] }),
    engine({ state: 'down', models: [{ id: 'last seen', contextLength: 1 }] }),
  ]);

  assert.deepEqual(
    found.map(({ code, severity, subject }) => [code, severity, subject]),
    [['ENGINE_SMALL_CONTEXT', 'notice', 'ollama']],
  );
  assert.match(found[0]?.message ?? '', /qwen3 a context of 4096 tokens, .* clients\. [A-Z].*16384.*\.$/);
});

test('an engine with one slot is named, one with more or without a number is not', () => {
  const codes = (slots?: number): readonly string[] =>
    capacityFindings([engine(slots === undefined ? {} : { slots })]).map(({ code }) => code);

  assert.deepEqual([codes(1), codes(2), codes()], [['ENGINE_ONE_SLOT'], [], []]);
});
