import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EngineState } from './engine.ts';
import { type Health, nextHealth, unknownHealth } from './health.ts';
import type { ProbeFailure, ProbeResult } from './probe.ts';

const success: ProbeResult = { state: 'running', models: [], latencyMs: 1 };
const failing = (reason: ProbeFailure): ProbeResult => ({ state: 'down', reason, detail: reason });

function after(...results: readonly ProbeResult[]): EngineState {
  return results.reduce<Health>(nextHealth, unknownHealth).state;
}

test('one success is up, from wherever it was', () => {
  assert.equal(after(success), 'running');
  assert.equal(after(failing('refused'), failing('refused'), success), 'running');
});

test('a refused connection is down at once', () => {
  assert.equal(after(success, failing('refused')), 'down');
});

test('one failure of another kind leaves it up, the second takes it down', () => {
  for (const reason of ['wrong', 'unauthorised', 'unreachable'] as const) {
    assert.equal(after(success, failing(reason)), 'running', reason);
    assert.equal(after(success, failing(reason), failing(reason)), 'down', reason);
    assert.equal(after(success, failing(reason), success, failing(reason)), 'running', reason);
  }
});

test('an engine that was up and times out is busy, however often', () => {
  assert.equal(after(success, ...Array(20).fill(failing('timeout'))), 'degraded');
  assert.equal(after(success, failing('timeout'), success), 'running');
});

test('an engine that never answered is not called busy', () => {
  assert.equal(after(failing('timeout'), failing('timeout')), 'down');
});

test('an engine that says so itself is degraded, and its note stands', () => {
  const loading: ProbeResult = { state: 'degraded', models: [], latencyMs: 1, note: 'is loading its model' };
  assert.deepEqual(nextHealth(unknownHealth, loading), {
    state: 'degraded',
    failures: 0,
    note: 'is loading its model',
  });
});
