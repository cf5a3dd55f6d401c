import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoreError } from '../errors.ts';
import { type Finding, failure, reportOf } from './report.ts';

const finding = (severity: Finding['severity'], check: Finding['check'], subject: string): Finding => ({
  code: 'NO_KEY',
  severity,
  check,
  subject,
  message: `${severity} in ${check}`,
  command: 'flm',
});

const report = (findings: readonly Finding[], skipped: readonly Finding['check'][] = []) =>
  reportOf({ version: '1.0.0', nowMs: 0, home: '/data', findings, skipped: new Set(skipped) });

test('a report is not ok with an error or a warning, and a notice leaves it ok', () => {
  assert.equal(report([]).ok, true);
  assert.equal(report([finding('notice', 'policy', 'a')]).ok, true);
  assert.equal(report([finding('warning', 'policy', 'a')]).ok, false);
  assert.equal(report([finding('error', 'policy', 'a')]).ok, false);
});

test('findings stand in the order of severity and check, and what two proxies report stands once', () => {
  const found = report(
    [
      finding('notice', 'data', 'a'),
      finding('warning', 'engines', 'a'),
      finding('error', 'policy', 'a'),
      finding('error', 'proxies', 'a'),
      finding('error', 'proxies', 'b'),
    ],
    ['exposure', 'engines'],
  );

  assert.deepEqual(
    found.findings.map(({ severity, check }) => `${severity} ${check}`),
    ['error proxies', 'error policy', 'warning engines', 'notice data'],
  );
  assert.deepEqual(found.counts, { error: 2, warning: 1, notice: 1 });
  const states = Object.fromEntries(found.checks.map(({ name, state }) => [name, state]));
  assert.deepEqual(
    [states.data, states.engines, states.exposure, states.versions],
    ['notice', 'warning', 'skipped', 'ok'],
  );
});

test('an error that a check met keeps its code and says what to do', () => {
  const { code, severity, command } = failure('database', new StoreError('STORE_READ_ONLY'));

  assert.deepEqual([code, severity, command], ['STORE_READ_ONLY', 'error', 'flm explain STORE_READ_ONLY']);
});
