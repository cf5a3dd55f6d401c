/**
 * Usage in both databases: the columns that are counted, how times select rows of hours and of days, and the rows of
 * answers.
 */
import type { FamilyUsage, Retention, UsageRow } from '../core/security/ports.ts';
import {
  firstByteBoundsMs,
  type UsageCounts,
  type UsageDimension,
  type UsageQuery,
  type UsageSlot,
  usageDimensions,
} from '../core/usage/usage-report.ts';
import { integer, type Row, text } from './rows.ts';
import { dayName } from './usage-row.ts';

/**
 * The largest integer that JavaScript reads exactly. Sums stop there, because a larger value would make every later
 * read fail.
 */
export const mostCounted = Number.MAX_SAFE_INTEGER;

const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;
export const firstByteColumns: readonly string[] = Array.from(
  { length: firstByteBoundsMs.length + 1 },
  (_, i) => `fb${i}`,
);
/** The columns of a day's usage for budgets, and of `FamilyUsage`, that are added up. */
export const familyUsageColumns = [
  'requests',
  'input_tokens',
  'output_tokens',
  'estimated_requests',
] as const;
/** The columns of an hour's usage that are added up. */
export const countColumns: readonly string[] = [
  ...familyUsageColumns,
  'duration_ms',
  'cached_tokens',
  'cache_prompt_tokens',
  ...firstByteColumns,
];
export const dimensionColumns: Readonly<Record<UsageDimension, string>> = {
  key: 'key_id',
  model: 'model',
  engine: 'engine',
  ending: 'ending',
};

/** Noon of a UTC day is on the day of the same date in nearly all time zones, and midnight is not. */
const noonMs = 12 * hourMs;

/** Returns the name of the first UTC day whose noon is at `ms` or later. */
function dayFrom(ms: number): string {
  return dayName(Math.ceil((ms - noonMs) / dayMs));
}

export interface StoredUsageTable {
  readonly name: 'usage_hour' | 'usage_rollup';
  readonly time: 'hour' | 'day';
  /** The first value of `time` that lies at `ms` or later. */
  first(ms: number): string | number;
  startMs(row: Row, query: UsageQuery): number;
}

export const usageTables: readonly StoredUsageTable[] = [
  {
    name: 'usage_hour',
    time: 'hour',
    first: (ms) => Math.ceil(ms / hourMs),
    startMs: (row, { stepStarts }) => integer(row, 'start') * (stepStarts === undefined ? hourMs : 1),
  },
  {
    name: 'usage_rollup',
    time: 'day',
    first: dayFrom,
    startMs: (row, { stepStarts }) =>
      stepStarts === undefined ? Date.parse(text(row, 'start')) + noonMs : integer(row, 'start'),
  },
];

export function slotOf(row: Row, startMs: number): UsageSlot {
  return { startMs, group: groupOf(row), ...countsOf(row) };
}

function groupOf(row: Row): UsageSlot['group'] {
  if ('listed' in row && row.listed === null) return 'other';
  const group: Partial<Record<UsageDimension, string>> = {};
  for (const dimension of usageDimensions) if (dimension in row) group[dimension] = text(row, dimension);
  return group;
}

function countsOf(row: Row): UsageCounts {
  return {
    requests: integer(row, 'requests'),
    inputTokens: integer(row, 'input_tokens'),
    outputTokens: integer(row, 'output_tokens'),
    estimatedRequests: integer(row, 'estimated_requests'),
    durationMs: integer(row, 'duration_ms'),
    cachedTokens: integer(row, 'cached_tokens'),
    cachePromptTokens: integer(row, 'cache_prompt_tokens'),
    firstByte: firstByteColumns.map((column) => integer(row, column)),
  };
}

export function usageRowOf(row: Row): UsageRow {
  return { ...familyUsageOf(row), keyId: text(row, 'key_id'), familyId: text(row, 'family') };
}

export function familyUsageOf(row: Row): FamilyUsage {
  return {
    day: text(row, 'day'),
    model: text(row, 'model'),
    requests: integer(row, 'requests'),
    inputTokens: integer(row, 'input_tokens'),
    outputTokens: integer(row, 'output_tokens'),
    estimatedRequests: integer(row, 'estimated_requests'),
  };
}

export function retentionRowOf(row: Row): Retention {
  return {
    hourlyDays: integer(row, 'hourly_days'),
    dailyDays: integer(row, 'daily_days'),
    auditDays: integer(row, 'audit_days'),
  };
}
