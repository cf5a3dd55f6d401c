/**
 * What the samples of a soak show: how long, how much, and whether the process that lives all the time gave back what it
 * took. The first sample at rest after its warm-up is the start: what is loaded or filled at first use came before.
 */
import type { ProxySample, Sample } from './samples.ts';

const MiB = 1024 * 1024;

/** What the process may hold more at the end than after its warm-up. */
export const allowedGrowth = { heapMiB: 10, bufferMiB: 10, handles: 10, openFiles: 10 } as const;

/** The part of a long run in which what is bounded fills up, such as the last 50,000 requests that are kept. */
const warmUp = 0.25;

export interface SoakVerdict {
  readonly minutes: number;
  readonly requests: number;
  readonly faults: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly violations: number;
  /** After a collection, without a fault: first, last, and the trend over the whole time. */
  readonly heapMiB: Trend;
  readonly bufferMiB: Trend;
  readonly residentMiB: Trend;
  readonly handles: Trend;
  readonly openFiles: Trend;
  /** What did not come back; empty where nothing leaks. */
  readonly leaks: readonly string[];
}

export interface Trend {
  readonly first: number;
  readonly last: number;
  /** The slope of the straight line through all samples at rest; null with fewer than four. */
  readonly perHour: number | null;
}

export function soakVerdict(samples: readonly Sample[]): SoakVerdict {
  const last = samples.at(-1);
  const all = samples.flatMap(({ isRest, seconds, proxies: { steady } }) =>
    isRest && steady !== undefined ? [{ seconds, steady }] : [],
  );
  const warm = all.filter(({ seconds }) => seconds >= warmUp * (last?.seconds ?? 0));
  const rests = warm.length < 4 ? all : warm;
  const trend = (measure: (sample: ProxySample) => number): Trend => {
    const points = rests.map(({ seconds, steady }) => ({ x: seconds / 3_600, y: measure(steady) }));
    const round = (n: number): number => Math.round(n * 10) / 10;
    return {
      first: round(points[0]?.y ?? 0),
      last: round(points.at(-1)?.y ?? 0),
      perHour: points.length < 4 ? null : round(slopeOf(points)),
    };
  };
  const trends = {
    heapMiB: trend(({ heapUsed }) => heapUsed / MiB),
    bufferMiB: trend(({ arrayBuffers }) => arrayBuffers / MiB),
    residentMiB: trend(({ residentBytes }) => residentBytes / MiB),
    handles: trend(({ handles }) => handles),
    openFiles: trend(({ openFiles }) => openFiles),
  };
  const measures = ['heapMiB', 'bufferMiB', 'handles', 'openFiles'] as const;
  return {
    minutes: Math.round((last?.seconds ?? 0) / 6) / 10,
    requests: last?.requests ?? 0,
    faults: Object.values(last?.faults ?? {}).reduce((sum, n) => sum + n, 0),
    errors: last?.errors ?? {},
    violations: last?.violations ?? 0,
    ...trends,
    leaks: measures.flatMap((name) => {
      const { first, last: end } = trends[name];
      return end - first > allowedGrowth[name] ? [`${name}: ${first}, then ${end}`] : [];
    }),
  };
}

/** Of the line of least squares. */
function slopeOf(points: readonly { readonly x: number; readonly y: number }[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, n) => sum + n, 0) / values.length;
  const [x, y] = [mean(points.map((p) => p.x)), mean(points.map((p) => p.y))];
  const above = points.reduce((sum, p) => sum + (p.x - x) * (p.y - y), 0);
  const below = points.reduce((sum, p) => sum + (p.x - x) ** 2, 0);
  return below === 0 ? 0 : above / below;
}
