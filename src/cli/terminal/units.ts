/**
 * Renders amounts and moments for people: `12.4 k`, `4 min ago`, `in 90 d`.
 */
import { t } from '../i18n/texts.ts';
import { duration, moment } from './layout.ts';

const units = t.units;

/** `950`, `12.4 k`, `1.2 M`; three digits are enough to compare. */
export function amount(count: number): string {
  for (const [size, letter] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (count < size * 0.9995) continue;
    const value = count / size;
    return `${Number(value.toFixed(value < 99.95 ? 1 : 0))} ${letter}`;
  }
  return String(count);
}

/** `42 ms`, `1.3 s`, `95 s`, `4 min`. */
export function shortTime(ms: number): string {
  if (ms < 999.5) return units.milliseconds(Math.round(ms));
  return ms < 99_950 ? units.seconds((ms / 1000).toFixed(1)) : duration(ms / 1000);
}

/** `4 min ago`; a moment of the last seconds is `just now`. */
export function ago(atMs: number, nowMs: number): string {
  const seconds = (nowMs - atMs) / 1000;
  return seconds < 5 ? units.justNow : units.ago(roughly(seconds));
}

/** `in 90 d`, or `2 d ago` for a moment that has passed. */
export function until(atMs: number, nowMs: number): string {
  return atMs > nowMs ? units.in(roughly((atMs - nowMs) / 1000)) : ago(atMs, nowMs);
}

/** `2027-02-25 00:14 (in 90 d)`. */
export function exactly(atMs: number, nowMs: number): string {
  return units.exactly(moment(atMs), until(atMs, nowMs));
}

/** One unit is enough: `2 h`, not `2 h 5 min`. */
function roughly(seconds: number): string {
  const s = Math.round(seconds);
  if (s < 90) return units.seconds(s);
  if (s < 5_400) return units.minutes(Math.round(s / 60));
  return s < 172_800 ? units.hours(Math.round(s / 3_600)) : units.days(Math.round(s / 86_400));
}
