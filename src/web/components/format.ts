/** Numbers, times and durations for people, in the language of the texts and with a unit. */
import { en } from '../i18n/en.ts';

const compact = new Intl.NumberFormat(en.language, { notation: 'compact', maximumFractionDigits: 1 });
const plain = new Intl.NumberFormat(en.language, { maximumFractionDigits: 1 });
const percentage = new Intl.NumberFormat(en.language, { style: 'percent', maximumFractionDigits: 0 });
const relative = new Intl.RelativeTimeFormat(en.language, { numeric: 'auto' });
// Dates look as the reader is used to from the browser.
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

/** `12.4K`, `1.2M`. */
export function count(value: number): string {
  return compact.format(value);
}

/** `12,345.6` */
export function number(value: number): string {
  return plain.format(value);
}

/** `0.42` is `42%`. */
export function percent(share: number): string {
  return percentage.format(share);
}

/** `340 ms`, `2.1 s` */
export function milliseconds(ms: number | null): string {
  if (ms === null) return '–';
  return ms < 1_000 ? en.units.milliseconds(plain.format(ms)) : en.units.seconds(plain.format(ms / 1_000));
}

/** For a time that is stored in steps, by the upper end of its step. */
export function atMost(ms: number | null): string {
  return ms === null ? milliseconds(ms) : en.usage.atMost(milliseconds(ms));
}

/** `42 s`, `3 min 5 s`, `2 h 10 min` */
export function elapsed(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3_600)];
  if (minutes === 0) return en.units.seconds(plain.format(seconds));
  if (hours === 0)
    return `${en.units.minutes(plain.format(minutes))} ${en.units.seconds(plain.format(seconds % 60))}`;
  return `${en.units.hours(plain.format(hours))} ${en.units.minutes(plain.format(minutes % 60))}`;
}

export function exactTime(iso: string): string {
  return exact.format(new Date(iso));
}

/** `14:03:05` */
export function clockTime(ms: number): string {
  return clock.format(ms);
}

const axisFormats = {
  time: new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' }),
  day: new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' }),
  month: new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short' }),
};

/** A mark of a time axis, whose marks are `spacingMs` apart. */
export function axisTime(ms: number, spacingMs: number): string {
  const day = 86_400_000;
  const at = new Date(ms);
  if (spacingMs >= 28 * day) return axisFormats.month.format(at);
  const isMidnight = at.getHours() === 0 && at.getMinutes() === 0;
  return spacingMs >= day || isMidnight ? axisFormats.day.format(at) : axisFormats.time.format(at);
}

/** `3 minutes ago`. */
export function ago(iso: string, nowMs: number): string {
  const seconds = Math.round((Date.parse(iso) - nowMs) / 1_000);
  for (const [unit, length] of [
    ['day', 86_400],
    ['hour', 3_600],
    ['minute', 60],
  ] as const)
    if (Math.abs(seconds) >= length) return relative.format(Math.round(seconds / length), unit);
  return relative.format(seconds, 'second');
}
