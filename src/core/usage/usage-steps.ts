/**
 * The hours, days and months of a usage report in a time zone. Days have 23 to 25 hours where clocks change. Hours are
 * those of UTC.
 */
export const usageSteps = ['hour', 'day', 'month', 'total'] as const;
export type UsageStep = (typeof usageSteps)[number];

export interface UsageSteps {
  readonly step: UsageStep;
  /** IANA name; days and months begin at midnight there. */
  readonly timeZone: string;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

const maxStoredDays = 400;

export function isTimeZone(text: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    return true;
  } catch {
    return false;
  }
}

/** Maps a moment to the start of its step. Results are remembered, because stored rows share their hours. */
export function stepStart({ step, timeZone }: UsageSteps): (ms: number) => number {
  if (step === 'hour') return (ms) => Math.floor(ms / hourMs) * hourMs;
  if (step === 'total') return () => 0;
  const known = new Map<number, number>();
  const localTime = localTimeIn(timeZone);
  return (ms) => {
    let start = known.get(ms);
    if (start === undefined) {
      const local = new Date(localTime(ms));
      start = momentIn(
        localTime,
        Date.UTC(local.getUTCFullYear(), local.getUTCMonth(), step === 'day' ? local.getUTCDate() : 1),
      );
      known.set(ms, start);
    }
    return start;
  };
}

/** Returns the starts of all steps from the one that holds `fromMs` to the last one before `toMs`. */
export function stepStarts(fromMs: number, toMs: number, steps: UsageSteps): readonly number[] {
  const startOf = stepStart(steps);
  // The longest step and one day lie in the next step; shorter ones of its kind do not skip a whole one.
  const aheadMs = { hour: hourMs, day: 26 * hourMs, month: 32 * dayMs, total: toMs - fromMs }[steps.step];
  const starts: number[] = [];
  for (let ms = startOf(fromMs); ms < toMs; ms = startOf(ms + aheadMs)) {
    starts.push(ms);
    if (steps.step === 'total') break;
  }
  return starts;
}

/** Which times a store adds up for these steps, in the words of a `UsageQuery`. Hours are stored as they are. */
export function storedTimes(
  steps: UsageSteps,
  fromMs: number,
  toMs: number,
): { readonly timeless?: boolean; readonly stepStarts?: readonly number[] } {
  if (steps.step === 'hour') return {};
  if (steps.step === 'total') return { timeless: true };
  // The start of a day in a time zone takes long to find: for many days, those with usage are fewer.
  if (steps.step === 'day' && toMs - fromMs > maxStoredDays * dayMs) return {};
  return { stepStarts: stepStarts(fromMs, toMs, steps) };
}

/** Returns the start of the step that is `count` steps before the one that holds `ms`. */
export function stepsBefore(ms: number, count: number, { step, timeZone }: UsageSteps): number {
  if (step === 'hour') return Math.floor(ms / hourMs) * hourMs - count * hourMs;
  const localTime = localTimeIn(timeZone);
  const local = new Date(localTime(ms));
  const [year, month, day] = [local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate()];
  return momentIn(
    localTime,
    step === 'month' ? Date.UTC(year, month - count, 1) : Date.UTC(year, month, day - count),
  );
}

/** Returns the moment at which a day such as `2026-11-01` begins. */
export function dayStart(day: string, timeZone: string): number {
  return momentIn(localTimeIn(timeZone), Date.parse(day));
}

/** `2026-11-01 14:00`, `2026-11-01` or `2026-11`, for the start of a step. */
export function stepName(ms: number, { step, timeZone }: UsageSteps): string {
  const text = new Date(localTimeIn(timeZone)(ms)).toISOString();
  if (step === 'hour') return text.slice(0, 16).replace('T', ' ');
  return text.slice(0, step === 'month' ? 7 : 10);
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Gives the local date and time of a moment as if it were UTC. */
function localTimeIn(timeZone: string): (ms: number) => number {
  let format = formats.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-u-ca-iso8601-nu-latn', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
    });
    formats.set(timeZone, format);
  }
  const own = format;
  return (ms) => {
    const parts = new Map(own.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
    const part = (name: Intl.DateTimeFormatPartTypes): number => parts.get(name) ?? 0;
    return Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'));
  };
}

/** Returns the moment at which clocks show `local`, which is given as if it were UTC. */
function momentIn(localTime: (ms: number) => number, local: number): number {
  // The offset at that moment may differ from the first guess, so the difference is taken twice.
  const first = local - (localTime(local) - local);
  const second = first - (localTime(first) - local);
  // Clocks that are set forward at midnight skip the start of the day: it begins with the hour after.
  return localTime(second) < local ? first : second;
}
