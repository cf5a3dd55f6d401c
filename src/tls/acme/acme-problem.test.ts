import assert from 'node:assert/strict';
import { test } from 'node:test';
import { timeText } from './acme-failure.ts';
import { failureOf, retryAfterMs } from './acme-problem.ts';

const nowMs = Date.UTC(2026, 10, 24, 12);

test('Retry-After is seconds or a date; nonsense is none, and a week is the most', () => {
  const read = (value: string | undefined) => retryAfterMs(value, nowMs);
  assert.equal(read('120'), 120_000);
  assert.equal(read(' 0 '), 0);
  assert.equal(read('Tue, 24 Nov 2026 13:00:00 GMT'), 3_600_000);
  assert.equal(read('Mon, 23 Nov 2026 13:00:00 GMT'), 0);
  assert.equal(read('999999999'), 7 * 86_400_000);
  for (const value of [undefined, '', 'soon', '-5x', '1.5 h']) assert.equal(read(value), undefined);
});

test('a failure names the step, the domain, what the CA said, and when to come again', () => {
  const problem = { type: 'rateLimited', detail: 'too many', domain: 'a.example.org' };
  const failure = failureOf('order', problem, nowMs + 90_000);
  assert.equal(
    failure.message,
    'No certificate from the ACME server: it refused the order for a.example.org: "too many" (rateLimited).',
  );
  assert.match(failure.hint, /Try again after 2026-11-24 12:02 UTC\./);
  assert.equal(failure.notBeforeMs, nowMs + 90_000);
});

test('a time is rounded to the minute after it, never before', () => {
  assert.equal(timeText(nowMs), '2026-11-24 12:00 UTC');
  assert.equal(timeText(nowMs + 1), '2026-11-24 12:01 UTC');
});
