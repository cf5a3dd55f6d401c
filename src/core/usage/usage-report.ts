/**
 * Adds up stored usage for a page or a command: a series of points in time for each group, and totals.
 *
 *   slots (an hour or a day, by key, model, engine and ending)  -->  points (hour, day, month in a time zone) by group
 *
 * Groups beyond the requested number are added up as one group `other`. Sums stop at the largest whole number that
 * JavaScript holds exactly, because the numbers come from engines.
 */
import { stepStart, type UsageSteps } from './usage-steps.ts';

export const usageDimensions = ['key', 'model', 'engine', 'ending'] as const;
export type UsageDimension = (typeof usageDimensions)[number];

/** Upper bounds of the buckets of the time to the first byte, in milliseconds; one more bucket holds the rest. */
export const firstByteBoundsMs = [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000] as const;

/** The index of the bucket that holds `firstByteMs`. */
export function firstByteBucket(firstByteMs: number): number {
  const at = firstByteBoundsMs.findIndex((bound) => firstByteMs <= bound);
  return at < 0 ? firstByteBoundsMs.length : at;
}

export interface UsageCounts {
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Requests whose tokens are estimates. */
  readonly estimatedRequests: number;
  /** Sum over the requests, from the first byte of the request to the end of the response. */
  readonly durationMs: number;
  /** Prompt tokens that engines took from their caches. */
  readonly cachedTokens: number;
  /** All prompt tokens of the requests whose engine reported its cache: the share of hits is `cachedTokens` of these. */
  readonly cachePromptTokens: number;
  /** Requests by the time to their first byte; see `firstByteBoundsMs`. Requests without a response are in none. */
  readonly firstByte: readonly number[];
}

export type UsageGroup = Readonly<Partial<Record<UsageDimension, string>>>;

/** Usage of one stored hour, or of one stored UTC day with its noon as start. A field of `group` that was not stored at the time is empty. */
export interface UsageSlot extends UsageCounts {
  /** 0 if the query asked for no times; the start of a step if it named steps. */
  readonly startMs: number;
  /** `other`: all groups beyond `maxGroups` of the query together. */
  readonly group: UsageGroup | 'other';
}

export interface UsageQuery {
  /** Inclusive. */
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
  readonly by: readonly UsageDimension[];
  /** Only usage with one of these values; an absent dimension is not limited. */
  readonly where: Readonly<Partial<Record<UsageDimension, readonly string[]>>>;
  /** The store adds up the groups beyond these, which have the most tokens. Without it, every group is returned. */
  readonly maxGroups?: number;
  /** Adds up all times. */
  readonly timeless?: boolean;
  /**
   * The starts of the steps of the range, in order; the first may be before `fromMs`. The store adds up each step, and
   * the slots start with their steps. Without them, the slots are those that are stored.
   */
  readonly stepStarts?: readonly number[];
}

export interface UsagePoint extends UsageCounts {
  readonly startMs: number;
}

export interface UsageSeries {
  /** `other`: the groups beyond the requested number. */
  readonly group: UsageGroup | 'other';
  /** In order of time; points without usage are left out. */
  readonly points: readonly UsagePoint[];
  readonly total: UsageCounts;
}

export interface UsageReport {
  /** Most tokens first, then most requests; `other` comes last. */
  readonly series: readonly UsageSeries[];
  readonly total: UsageCounts;
}

export interface ReportShape extends UsageSteps {
  /** At most so many groups. */
  readonly maxGroups: number;
}

export const noUsage: UsageCounts = {
  requests: 0,
  inputTokens: 0,
  outputTokens: 0,
  estimatedRequests: 0,
  durationMs: 0,
  cachedTokens: 0,
  cachePromptTokens: 0,
  firstByte: Array.from({ length: firstByteBoundsMs.length + 1 }, () => 0),
};

/**
 * The bound of the bucket that holds the given share of the requests, in milliseconds: 0.95 for the 95th percentile.
 * Null without requests, and above the last bound.
 */
export function firstByteQuantile({ firstByte }: UsageCounts, share: number): number | null {
  const all = firstByte.reduce(sum, 0);
  if (all === 0) return null;
  let seen = 0;
  for (const [i, count] of firstByte.entries()) {
    seen += count;
    if (seen >= all * share) return firstByteBoundsMs[i] ?? null;
  }
  return null;
}

export function usageReport(slots: readonly UsageSlot[], shape: ReportShape): UsageReport {
  const startOf = stepStart(shape);
  const groups = new Map<string, { readonly group: UsageGroup; readonly total: Sums; slots: UsageSlot[] }>();
  const others: UsageSlot[] = [];
  for (const slot of slots) {
    const { group } = slot;
    if (group === 'other') {
      others.push(slot);
      continue;
    }
    const name = JSON.stringify(group);
    let found = groups.get(name);
    if (found === undefined) {
      found = { group, total: new Sums(), slots: [] };
      groups.set(name, found);
    }
    found.total.add(slot);
    found.slots.push(slot);
  }
  const ranked = [...groups.values()].sort(
    (a, b) => tokens(b.total) - tokens(a.total) || b.total.requests - a.total.requests,
  );
  const series = ranked
    .slice(0, shape.maxGroups)
    .map(({ group, slots: own }) => seriesOf(group, own, startOf));
  for (const { slots: own } of ranked.slice(shape.maxGroups)) for (const slot of own) others.push(slot);
  if (others.length > 0) series.push(seriesOf('other', others, startOf));
  const total = new Sums();
  for (const { total: own } of series) total.add(own);
  return { series, total: total.counts() };
}

function seriesOf(
  group: UsageGroup | 'other',
  slots: readonly UsageSlot[],
  startOf: (ms: number) => number,
): UsageSeries {
  const points = new Map<number, Sums>();
  const total = new Sums();
  for (const slot of slots) {
    const startMs = startOf(slot.startMs);
    let point = points.get(startMs);
    if (point === undefined) {
      point = new Sums();
      points.set(startMs, point);
    }
    point.add(slot);
    total.add(slot);
  }
  const inOrder = [...points].sort(([a], [b]) => a - b);
  return {
    group,
    points: inOrder.map(([startMs, sums]) => ({ startMs, ...sums.counts() })),
    total: total.counts(),
  };
}

/** Adds up in place: a report has up to a hundred thousand slots. */
class Sums implements UsageCounts {
  requests = 0;
  inputTokens = 0;
  outputTokens = 0;
  estimatedRequests = 0;
  durationMs = 0;
  cachedTokens = 0;
  cachePromptTokens = 0;
  readonly firstByte: number[] = [...noUsage.firstByte];

  add(counts: UsageCounts): void {
    this.requests = sum(this.requests, counts.requests);
    this.inputTokens = sum(this.inputTokens, counts.inputTokens);
    this.outputTokens = sum(this.outputTokens, counts.outputTokens);
    this.estimatedRequests = sum(this.estimatedRequests, counts.estimatedRequests);
    this.durationMs = sum(this.durationMs, counts.durationMs);
    this.cachedTokens = sum(this.cachedTokens, counts.cachedTokens);
    this.cachePromptTokens = sum(this.cachePromptTokens, counts.cachePromptTokens);
    for (let i = 0; i < this.firstByte.length; i++)
      this.firstByte[i] = sum(this.firstByte[i] ?? 0, counts.firstByte[i] ?? 0);
  }

  counts(): UsageCounts {
    return { ...this };
  }
}

function tokens(counts: UsageCounts): number {
  return sum(counts.inputTokens, counts.outputTokens);
}

function sum(a: number, b: number): number {
  return Math.min(a + b, Number.MAX_SAFE_INTEGER);
}
