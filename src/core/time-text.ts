/**
 * Parses durations and times as people write them in flags and tables: `90d`, `12h`, `30m`, `2027-01-31`.
 */
const units: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** Returns milliseconds, or undefined if the text is not a duration. */
export function spanOf(text: string): number | undefined {
  const match = /^(\d{1,6})([smhdw])$/.exec(text);
  return match === null ? undefined : Number(match[1]) * (units[match[2] as string] as number);
}

/**
 * Returns milliseconds since 1970 for a duration from now, or for a date or time in ISO 8601; undefined for other
 * texts.
 */
export function momentOf(text: string, nowMs: number): number | undefined {
  const span = spanOf(text);
  if (span !== undefined) return nowMs + span;
  if (!/^\d{4}-\d{2}-\d{2}(T[0-9:.]+(Z|[+-]\d{2}:\d{2})?)?$/.test(text)) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) || dayOf(text.slice(0, 10)) === undefined ? undefined : ms;
}

/** Returns the day, or undefined if it does not exist, such as `2026-02-30`. */
export function dayOf(text: string): string | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return undefined;
  const ms = Date.parse(text);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text) ? text : undefined;
}
