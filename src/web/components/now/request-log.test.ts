import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndedRequestDocument, RunningRequestDocument } from '../../../core/proxy/request-document.ts';
import { ageOf, RequestLog } from './request-log.ts';

function running(id: string, fields: Partial<RunningRequestDocument> = {}): RunningRequestDocument {
  return {
    id,
    proxy: 'px_1',
    startedAt: '2026-01-01T00:00:00.000Z',
    ageMs: 500,
    client: '127.0.0.1',
    key: { id: 'key_1', label: 'laptop' },
    method: 'POST',
    route: '/v1/chat/completions',
    model: 'm',
    engine: 'ollama',
    state: 'streaming',
    queuePosition: null,
    firstByteMs: 100,
    bytesIn: 10,
    bytesOut: 10,
    streamed: true,
    outputTokens: 5,
    tokensEstimated: false,
    tokensPerSecond: 20,
    ...fields,
  };
}

function ended(id: string, at: string): EndedRequestDocument {
  const { startedAt: _, ageMs: __, route, state: ___, queuePosition: ____, ...rest } = running(id);
  return {
    ...rest,
    at,
    path: route,
    status: 200,
    ending: 'done',
    code: null,
    rule: null,
    queuedMs: null,
    durationMs: 1_000,
    inputTokens: 1,
    promptTokens: 1,
    cachedTokens: 0,
  };
}

const none = { running: [], gone: [], ended: [] };

test('rows keep their places while requests change, come and go', () => {
  const log = new RequestLog();
  const later = { startedAt: '2026-01-01T00:00:05.000Z' };
  log.add({ ...none, running: [running('b', later), running('a')] }, 1_000);
  log.add({ ...none, running: [running('a', { outputTokens: 9 })] }, 1_250);
  assert.deepEqual(
    log.snapshot(1_250).running.map(({ id, outputTokens }) => [id, outputTokens]),
    [
      ['a', 9],
      ['b', 5],
    ],
  );
  log.add({ ...none, gone: ['a'] }, 1_500);
  assert.deepEqual(
    log.snapshot(1_500).running.map(({ id }) => id),
    ['b'],
  );
});

test('a request grows older while nothing is received about it', () => {
  const log = new RequestLog();
  log.add({ ...none, running: [running('a')] }, 1_000);
  const [request] = log.snapshot(4_000).running;
  assert(request !== undefined);
  assert.equal(ageOf(request, 4_000), 3_500);
});

test('an engine is busy with what it works on, and its speed is the sum', () => {
  const log = new RequestLog();
  log.add(
    {
      ...none,
      running: [
        running('a'),
        running('b', { tokensPerSecond: 30 }),
        running('c', { state: 'processing', tokensPerSecond: null }),
        running('d', { state: 'waiting' }),
        running('e', { engine: null, state: 'receiving' }),
      ],
    },
    1_000,
  );
  assert.deepEqual(log.snapshot(1_000).engines.get('ollama'), {
    busy: 3,
    tokensPerSecond: 50,
    history: [50],
  });
  log.add({ ...none, gone: ['a', 'b', 'c'] }, 1_500);
  assert.deepEqual(log.snapshot(1_500).engines.get('ollama')?.history, [50]);
  assert.deepEqual(log.snapshot(2_000).engines.get('ollama'), {
    busy: 0,
    tokensPerSecond: 0,
    history: [50, 0],
  });
});

test('the speed of the last minute is forgotten when an engine was idle that long', () => {
  const log = new RequestLog();
  log.add({ ...none, running: [running('a')] }, 0);
  log.snapshot(1_000);
  log.add({ ...none, gone: ['a'] }, 1_500);
  for (let second = 2; second < 60; second++) log.snapshot(second * 1_000);
  assert.equal(log.snapshot(60_000).engines.get('ollama')?.history.length, 60);
  assert.equal(log.snapshot(61_000).engines.has('ollama'), false);
});

test('a new connection begins with what runs then, and keeps the requests that ended', () => {
  const log = new RequestLog();
  log.add({ ...none, running: [running('a')], ended: [ended('x', '2026-01-01T00:00:01.000Z')] }, 1_000);
  log.restart();
  log.add({ ...none, running: [running('b')] }, 2_000);
  log.addEnded([ended('y', '2026-01-01T00:00:02.000Z'), ended('x', '2026-01-01T00:00:01.000Z')]);
  const { running: now, ended: last } = log.snapshot(2_000);
  assert.deepEqual([now.map(({ id }) => id), last.map(({ id }) => id)], [['b'], ['y', 'x']]);
});
