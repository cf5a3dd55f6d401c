/** Hours, days and months in time zones, also where clocks change. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dayStart, isTimeZone, stepName, stepStart, stepStarts, stepsBefore } from './usage-steps.ts';

const iso = (ms: number): string => new Date(ms).toISOString().slice(0, 16);
const at = (text: string): number => Date.parse(text);

test('every day of a range is named once, in zones on both sides of UTC and where clocks change', () => {
  for (const [timeZone, from] of [
    ['UTC', '2026-10-20'],
    ['Europe/Berlin', '2026-10-20'],
    ['America/New_York', '2026-10-28'],
    ['Asia/Kolkata', '2026-10-20'],
    ['Pacific/Kiritimati', '2026-10-20'],
    // Clocks are set forward at midnight of 2026-09-06.
    ['America/Santiago', '2026-09-01'],
  ] as const) {
    const steps = { step: 'day', timeZone } as const;
    const fromMs = dayStart(from, timeZone);
    const names = stepStarts(fromMs, fromMs + 12 * 86_400_000, steps).map((ms) => stepName(ms, steps));
    const expected = Array.from({ length: names.length }, (_, i) =>
      new Date(at(from) + i * 86_400_000).toISOString().slice(0, 10),
    );
    assert.deepEqual(names, expected, timeZone);
    assert.ok(names.length >= 12);
  }
});

test('a day that begins an hour late holds all its hours', () => {
  const startOf = stepStart({ step: 'day', timeZone: 'America/Santiago' });
  assert.equal(iso(startOf(at('2026-09-06T03:59Z'))), '2026-09-05T04:00');
  assert.equal(iso(startOf(at('2026-09-06T04:00Z'))), '2026-09-06T04:00');
  assert.equal(iso(startOf(at('2026-09-07T02:59Z'))), '2026-09-06T04:00');
});

test('a range goes back by hours, days and months of the calendar', () => {
  const back = (step: 'hour' | 'day' | 'month', count: number): string =>
    iso(stepsBefore(at('2026-03-31T10:20Z'), count, { step, timeZone: 'Europe/Berlin' }));
  assert.equal(back('hour', 23), '2026-03-30T11:00');
  // Berlin has summer time from 2026-03-29 on.
  assert.equal(back('day', 0), '2026-03-30T22:00');
  assert.equal(back('day', 2), '2026-03-28T23:00');
  assert.equal(back('month', 1), '2026-01-31T23:00');
});

test('steps have names that sort', () => {
  const name = (step: 'hour' | 'day' | 'month'): string =>
    stepName(at('2026-10-31T23:00Z'), { step, timeZone: 'Asia/Kolkata' });
  assert.deepEqual([name('hour'), name('day'), name('month')], ['2026-11-01 04:30', '2026-11-01', '2026-11']);
});

test('a time zone is one that the runtime knows', () => {
  assert.deepEqual([isTimeZone('Europe/Berlin'), isTimeZone('Mars/Olympus')], [true, false]);
});
