import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import process from 'node:process';
import { test } from 'node:test';
import { stepFor } from './time-steps.ts';

const hour = 3_600_000;
const module = new URL('./time-steps.ts', import.meta.url).href;

/** `startsOf` in a process of that time zone, as ISO times. */
function startsIn(timeZone: string, from: string, to: string, step: string): string[] {
  const code = `const { startsOf } = await import(${JSON.stringify(module)});
    const starts = startsOf(Date.parse('${from}'), Date.parse('${to}'), '${step}');
    console.log(JSON.stringify(starts.map((ms) => new Date(ms).toISOString())));`;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', code], {
    env: { ...process.env, TZ: timeZone },
    encoding: 'utf8',
  });
  return JSON.parse(output);
}

test('hours begin with the hours of UTC, also in a zone with half an hour', () => {
  assert.deepEqual(startsIn('Asia/Kolkata', '2026-03-01T10:10:00Z', '2026-03-01T12:00:00Z', 'hour'), [
    '2026-03-01T10:00:00.000Z',
    '2026-03-01T11:00:00.000Z',
  ]);
});

test('days begin at midnight, also when the clocks change', () => {
  assert.deepEqual(startsIn('Europe/Berlin', '2026-03-28T12:00:00Z', '2026-03-30T12:00:00Z', 'day'), [
    '2026-03-27T23:00:00.000Z',
    '2026-03-28T23:00:00.000Z',
    '2026-03-29T22:00:00.000Z',
  ]);
});

test('months begin on their first day', () => {
  assert.deepEqual(startsIn('UTC', '2026-01-31T12:00:00Z', '2026-03-01T00:00:00Z', 'month'), [
    '2026-01-01T00:00:00.000Z',
    '2026-02-01T00:00:00.000Z',
  ]);
});

test('a point is at least three pixels wide', () => {
  for (const [days, width, step] of [
    [1, 300, 'hour'],
    [7, 1_000, 'hour'],
    [7, 300, 'day'],
    [30, 1_000, 'day'],
    [90, 300, 'day'],
    [366, 1_000, 'month'],
    [366, 1_200, 'day'],
    [3_660, 300, 'month'],
  ] as const)
    assert.equal(stepFor(days * 24 * hour, width), step, `${days} days in ${width} pixels`);
});
