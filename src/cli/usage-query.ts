/** The flags of `flm usage`, as a range of time, groups and filters. */
import { endings } from '../core/proxy/proxy-handle.ts';
import { dayOf } from '../core/time-text.ts';
import { type UsageDimension, usageDimensions } from '../core/usage/usage-report.ts';
import { dayStart, isTimeZone, stepStart, stepStarts, stepsBefore } from '../core/usage/usage-steps.ts';
import { usageError } from './command.ts';
import { t } from './i18n/texts.ts';

const texts = t.usage.problems;

/** The values of `--by`. */
export const usageGroupings = [...usageDimensions, 'hour', 'day', 'month'] as const;
export type UsageGrouping = (typeof usageGroupings)[number];
export type TimeGrouping = Exclude<UsageGrouping, UsageDimension>;

export interface UsageFlags {
  readonly by?: readonly string[];
  readonly hours?: string;
  readonly days?: string;
  readonly from?: string;
  readonly to?: string;
  readonly key?: readonly string[];
  readonly model?: readonly string[];
  readonly engine?: readonly string[];
  readonly ending?: readonly string[];
  readonly top?: string;
  readonly timeZone?: string;
  readonly csv?: boolean;
}

export interface UsageAsk {
  /** In the order of the flags; at most one is a time. */
  readonly by: readonly UsageGrouping[];
  readonly dimensions: readonly UsageDimension[];
  readonly time: TimeGrouping | undefined;
  readonly timeZone: string;
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
  /** False: until now. */
  readonly hasEnd: boolean;
  /** At most so many groups; undefined: all. */
  readonly maxGroups: number | undefined;
}

const defaultDays = 30;
const defaultHours = 24;
const defaultMonths = 12;
/** 90 days, the time for which hours are kept by default, and some more. */
const maxHours = 24 * 92;
const maxDays = 36_500;

export function usageAsk(flags: UsageFlags, nowMs: number): UsageAsk {
  const by = groupingsOf(flags.by ?? ['key']);
  const times = by.filter((name): name is TimeGrouping => !isDimension(name));
  const [time] = times;
  if (times.length > 1) throw usageError('usage', texts.oneTime(times));
  const timeZone = flags.timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!isTimeZone(timeZone)) throw usageError('usage', texts.timeZone(timeZone));
  for (const ending of flags.ending ?? [])
    if (!(endings as readonly string[]).includes(ending))
      throw usageError('usage', texts.ending(endings.join(', '), ending));
  const fromMs = startOf(flags, time, timeZone, nowMs);
  const toMs = flags.to === undefined ? nowMs + 1 : momentOf(flags.to, '--to', timeZone, 1);
  if (fromMs >= toMs) throw usageError('usage', texts.emptyRange);
  if (time === 'hour' && toMs - fromMs > maxHours * 3_600_000)
    throw usageError('usage', texts.tooManyHours(maxHours / 24));
  const top = flags.top === undefined ? undefined : wholeNumber(flags.top, '--top', 100_000);
  return {
    by,
    dimensions: by.filter(isDimension),
    time,
    timeZone,
    fromMs,
    toMs,
    hasEnd: flags.to !== undefined,
    maxGroups: top,
  };
}

/** A step that shows a range in some tens of points. */
export function trendStep({ fromMs, toMs }: UsageAsk): TimeGrouping {
  const days = (toMs - fromMs) / 86_400_000;
  return days <= 2.5 ? 'hour' : days <= 92 ? 'day' : 'month';
}

/** Every start of a step in the range, also of those without usage. */
export function startsOf({ fromMs, toMs, timeZone }: UsageAsk, step: TimeGrouping): readonly number[] {
  return stepStarts(fromMs, toMs, { step, timeZone });
}

function isDimension(name: UsageGrouping): name is UsageDimension {
  return (usageDimensions as readonly string[]).includes(name);
}

function groupingsOf(values: readonly string[]): readonly UsageGrouping[] {
  const names = values.flatMap((value) => value.split(',')).map((name) => name.trim());
  for (const name of names)
    if (!(usageGroupings as readonly string[]).includes(name))
      throw usageError('usage', texts.by(usageGroupings.join(', '), name));
  return [...new Set(names as UsageGrouping[])];
}

function startOf(flags: UsageFlags, time: TimeGrouping | undefined, timeZone: string, nowMs: number): number {
  const { hours, days, from } = flags;
  if (days !== undefined && from !== undefined) throw usageError('usage', texts.daysOrFrom);
  if ([hours, days, from].filter((flag) => flag !== undefined).length > 1)
    throw usageError('usage', texts.oneStart);
  if (from !== undefined) return momentOf(from, '--from', timeZone, 0);
  if (hours !== undefined || (days === undefined && time === 'hour')) {
    const count = hours === undefined ? defaultHours : wholeNumber(hours, '--hours', maxDays * 24);
    return stepsBefore(nowMs, count - 1, { step: 'hour', timeZone });
  }
  if (days === undefined && time === 'month')
    return stepsBefore(nowMs, defaultMonths - 1, { step: 'month', timeZone });
  const count = days === undefined ? defaultDays : wholeNumber(days, '--days', maxDays);
  return stepsBefore(nowMs, count - 1, { step: 'day', timeZone });
}

/** `after`: 1 for the end of a day, 0 for its start. */
function momentOf(text: string, flag: string, timeZone: string, after: 0 | 1): number {
  const day = dayOf(text);
  if (day !== undefined) return stepsBefore(dayStart(day, timeZone), -after, { step: 'day', timeZone });
  const time = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/.test(text);
  const ms = time && dayOf(text.slice(0, 10)) !== undefined ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw usageError('usage', texts.moment(flag));
  return stepStart({ step: 'hour', timeZone })(ms + after * 3_599_999);
}

function wholeNumber(text: string, flag: '--hours' | '--days' | '--top', most: number): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > most) throw usageError('usage', texts.count(flag));
  return count;
}
