/** Numbers, times and durations for people, in the language of the texts and with a unit. */
import { t } from '../i18n/texts.ts';

type Formats = ReturnType<typeof formatsOf>;
const known = new Map<string, Formats>();

function formatsOf(language: string) {
  // Dates look as the reader is used to from the browser, such as day before month in British English.
  const dates = navigator.languages.find((tag) => tag.split('-')[0] === language) ?? language;
  return {
    compact: new Intl.NumberFormat(language, { notation: 'compact', maximumFractionDigits: 1 }),
    plain: new Intl.NumberFormat(language, { maximumFractionDigits: 1 }),
    percentage: new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 0 }),
    relative: new Intl.RelativeTimeFormat(language, { numeric: 'auto' }),
    exact: new Intl.DateTimeFormat(dates, { dateStyle: 'medium', timeStyle: 'medium' }),
    clock: new Intl.DateTimeFormat(dates, { timeStyle: 'medium' }),
    time: new Intl.DateTimeFormat(dates, { hour: 'numeric', minute: '2-digit' }),
    day: new Intl.DateTimeFormat(dates, { month: 'short', day: 'numeric' }),
    month: new Intl.DateTimeFormat(dates, { year: 'numeric', month: 'short' }),
  };
}

/** The formats of the language now. They are made once for each language. */
function formats(): Formats {
  const made = known.get(t.language) ?? formatsOf(t.language);
  known.set(t.language, made);
  return made;
}

/** `12.4K`, `1.2M`. */
export function count(value: number): string {
  return formats().compact.format(value);
}

/** `12,345.6` */
export function number(value: number): string {
  return formats().plain.format(value);
}

/** `0.42` is `42%`. */
export function percent(share: number): string {
  return formats().percentage.format(share);
}

/** `340 ms`, `2.1 s` */
export function milliseconds(ms: number | null): string {
  if (ms === null) return '–';
  return ms < 1_000 ? t.units.milliseconds(number(ms)) : t.units.seconds(number(ms / 1_000));
}

/** For a time that is stored in steps, by the upper end of its step. */
export function atMost(ms: number | null): string {
  return ms === null ? milliseconds(ms) : t.usage.atMost(milliseconds(ms));
}

/** `42 s`, `3 min 5 s`, `2 h 10 min` */
export function elapsed(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3_600)];
  if (minutes === 0) return t.units.seconds(number(seconds));
  if (hours === 0)
    return `${t.units.minutes(number(minutes))}${t.between}${t.units.seconds(number(seconds % 60))}`;
  return `${t.units.hours(number(hours))}${t.between}${t.units.minutes(number(minutes % 60))}`;
}

export function exactTime(iso: string): string {
  return formats().exact.format(new Date(iso));
}

/** `14:03:05` */
export function clockTime(ms: number): string {
  return formats().clock.format(ms);
}

/** A mark of a time axis, whose marks are `spacingMs` apart. */
export function axisTime(ms: number, spacingMs: number): string {
  const day = 86_400_000;
  const at = new Date(ms);
  if (spacingMs >= 28 * day) return formats().month.format(at);
  const isMidnight = at.getHours() === 0 && at.getMinutes() === 0;
  return spacingMs >= day || isMidnight ? formats().day.format(at) : formats().time.format(at);
}

/** `3 minutes ago`. */
export function ago(iso: string, nowMs: number): string {
  const [value, unit] = relativeParts(Math.round((Date.parse(iso) - nowMs) / 1_000));
  // Japanese formats have a space between number and unit.
  return formats().relative.format(value, unit).replaceAll(' ', t.between);
}

function relativeParts(seconds: number): readonly [value: number, unit: Intl.RelativeTimeFormatUnit] {
  for (const [unit, length] of [
    ['day', 86_400],
    ['hour', 3_600],
    ['minute', 60],
  ] as const)
    if (Math.abs(seconds) >= length) return [Math.round(seconds / length), unit];
  return [seconds, 'second'];
}
