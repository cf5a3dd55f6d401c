/** How stored hours become points and totals. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstByteBucket, firstByteQuantile, noUsage, type UsageSlot, usageReport } from './usage-report.ts';

const hourMs = 3_600_000;
const slot = (iso: string, parts: Partial<UsageSlot> = {}): UsageSlot => ({
  startMs: Date.parse(iso),
  group: {},
  ...noUsage,
  requests: 1,
  outputTokens: 10,
  ...parts,
});
const starts = (slots: readonly UsageSlot[], step: 'hour' | 'day' | 'month' | 'total', timeZone = 'UTC') =>
  usageReport(slots, { step, timeZone, maxGroups: 10 }).series.flatMap(({ points }) =>
    points.map(({ startMs, requests }) => [new Date(startMs).toISOString(), requests]),
  );

test('hours of one day are one point, and of one month', () => {
  const slots = [slot('2026-11-01T00:00Z'), slot('2026-11-01T23:00Z'), slot('2026-11-02T00:00Z')];
  assert.deepEqual(starts(slots, 'day'), [
    ['2026-11-01T00:00:00.000Z', 2],
    ['2026-11-02T00:00:00.000Z', 1],
  ]);
  assert.deepEqual(starts(slots, 'month'), [['2026-11-01T00:00:00.000Z', 3]]);
  assert.equal(starts(slots, 'hour').length, 3);
  assert.deepEqual(starts(slots, 'total'), [['1970-01-01T00:00:00.000Z', 3]]);
});

test('days begin at midnight of the time zone, also on the day the clocks change', () => {
  assert.deepEqual(starts([slot('2026-11-26T14:00Z'), slot('2026-11-26T15:00Z')], 'day', 'Asia/Tokyo'), [
    ['2026-11-25T15:00:00.000Z', 1],
    ['2026-11-26T15:00:00.000Z', 1],
  ]);
  // Berlin leaves summer time on 2026-10-25 at 01:00 UTC: that day has 25 hours.
  const day = Array.from({ length: 25 }, (_, i) => ({
    ...slot('2026-10-24T22:00Z'),
    startMs: Date.parse('2026-10-24T22:00Z') + i * hourMs,
  }));
  assert.deepEqual(starts(day, 'day', 'Europe/Berlin'), [['2026-10-24T22:00:00.000Z', 25]]);
  assert.deepEqual(starts([slot('2026-10-31T23:00Z')], 'month', 'Europe/Berlin'), [
    ['2026-10-31T23:00:00.000Z', 1],
  ]);
});

test('groups are ranked by tokens, and those beyond the number asked for are one group', () => {
  const report = usageReport(
    [
      slot('2026-11-01T00:00Z', { group: { key: 'small' }, outputTokens: 1 }),
      slot('2026-11-01T00:00Z', { group: { key: 'large' }, outputTokens: 100 }),
      slot('2026-11-01T01:00Z', { group: { key: 'tiny' }, outputTokens: 0 }),
      slot('2026-11-01T01:00Z', { group: { key: 'large' }, outputTokens: 100 }),
    ],
    { step: 'day', timeZone: 'UTC', maxGroups: 1 },
  );
  assert.deepEqual(
    report.series.map(({ group, total }) => [group, total.requests, total.outputTokens]),
    [
      [{ key: 'large' }, 2, 200],
      ['other', 2, 1],
    ],
  );
  assert.deepEqual([report.total.requests, report.total.outputTokens], [4, 201]);
});

test('a sum of numbers that an engine should not send stays exact', () => {
  const huge = slot('2026-11-01T00:00Z', { inputTokens: Number.MAX_SAFE_INTEGER });
  const report = usageReport([huge, huge], { step: 'total', timeZone: 'UTC', maxGroups: 5 });
  assert.equal(report.total.inputTokens, Number.MAX_SAFE_INTEGER);
});

test('a quantile is the bound of the bucket that holds it', () => {
  const counts = noUsage.firstByte.map(() => 0);
  counts[firstByteBucket(80)] = 90;
  counts[firstByteBucket(4_000)] = 9;
  counts[firstByteBucket(600_000)] = 1;
  const usage = { ...noUsage, firstByte: counts };
  assert.equal(firstByteQuantile(usage, 0.5), 100);
  assert.equal(firstByteQuantile(usage, 0.95), 5_000);
  assert.equal(firstByteQuantile(usage, 1), null);
  assert.equal(firstByteQuantile(noUsage, 0.5), null);
});
