import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { issueProof } from '../issue.ts';
import { countedOrders, dueAtMs, orderAllowedAtMs, retryWaitMs } from './renewal-schedule.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const fromMs = Date.UTC(2026, 0, 1);

async function certificateOf(days: number): Promise<X509Certificate> {
  const validity = { fromMs, untilMs: fromMs + days * dayMs };
  return new X509Certificate((await issueProof('example.org', Buffer.alloc(32), validity)).chain);
}

test('a certificate is renewed when two thirds of its life are over, and not by all proxies at once', async () => {
  for (const days of [90, 6]) {
    const certificate = await certificateOf(days);
    assert.equal(
      dueAtMs(certificate, () => 0),
      fromMs + days * dayMs * (2 / 3),
    );
    const latestMs = dueAtMs(certificate, () => 0.999);
    assert.ok(latestMs > fromMs + days * dayMs * 0.69 && latestMs < fromMs + days * dayMs * 0.71);
  }
});

test('the wait grows with the failures, varies by a tenth, and has an end', () => {
  const middle = (failures: number): number => Math.round(retryWaitMs(failures, () => 0.5) / 60_000);
  assert.deepEqual([1, 2, 3, 4, 5, 6, 100].map(middle), [1, 10, 60, 180, 360, 360, 360]);
  assert.equal(Math.round(retryWaitMs(3, () => 0) / 60_000), 54);
  assert.ok(retryWaitMs(3, () => 0.999) < 66 * 60_000);
});

test('the fifth failed order of a day is the last', () => {
  const at = (...hours: readonly number[]): readonly number[] => hours.map((h) => fromMs + h * hourMs);
  assert.equal(orderAllowedAtMs(at(0, 1, 2, 3)), 0);
  assert.equal(orderAllowedAtMs(at(0, 1, 2, 3, 4)), fromMs + dayMs);
  assert.equal(orderAllowedAtMs(at(5, 0, 1, 2, 3, 4)), fromMs + dayMs + hourMs);
});

test('orders of yesterday do not count, nor those of a clock that was wrong', () => {
  const nowMs = fromMs + 30 * hourMs;
  const at = [fromMs, fromMs + 7 * hourMs, nowMs, nowMs + dayMs];
  assert.deepEqual(countedOrders(at, nowMs), [fromMs + 7 * hourMs, nowMs]);
});
