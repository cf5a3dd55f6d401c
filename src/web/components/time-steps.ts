/** The points of a chart over time: how long each is, and where each begins in the time zone of the browser. */
export type TimeStep = 'hour' | 'day' | 'month';

export const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const lengths: readonly (readonly [TimeStep, number])[] = [
  ['hour', hourMs],
  ['day', dayMs],
  ['month', 30 * dayMs],
];
/** A narrower bar is hard to see and to point at. */
const minPixels = 3;
/** Usage by the hour is kept for 90 days by default. */
const maxHourlyMs = 90 * dayMs;

/** The finest step whose points are wide enough. */
export function stepFor(spanMs: number, widthPixels: number): TimeStep {
  for (const [step, length] of lengths) {
    if (step === 'hour' && spanMs > maxHourlyMs) continue;
    if ((spanMs / length) * minPixels <= widthPixels) return step;
  }
  return 'month';
}

/** The start of the hour, day or month that contains `ms`. */
export function startOfStep(ms: number, step: TimeStep): number {
  // Usage is stored by hours of UTC; where a zone's offset has half an hour, its own hours begin at other times.
  if (step === 'hour') return Math.floor(ms / hourMs) * hourMs;
  const at = new Date(ms);
  at.setHours(0, 0, 0, 0);
  if (step === 'month') at.setDate(1);
  return at.getTime();
}

/** The start of each step from the one that contains `fromMs` until `toMs`, which is exclusive. */
export function startsOf(fromMs: number, toMs: number, step: TimeStep): number[] {
  const starts: number[] = [];
  for (let ms = startOfStep(fromMs, step); ms < toMs; ms = nextStart(ms, step)) starts.push(ms);
  return starts;
}

/** Days and months do not all have the same length. */
export function nextStart(ms: number, step: TimeStep): number {
  if (step === 'hour') return ms + hourMs;
  const at = new Date(ms);
  if (step === 'day') at.setDate(at.getDate() + 1);
  else at.setMonth(at.getMonth() + 1);
  return at.getTime();
}
