/**
 * Adds up usage by UTC hour, key, model, engine and ending. The numbers come from engines, which may be wrong: a value
 * that is not a whole number counts as none, and a sum stops at the largest number that JavaScript holds exactly.
 */
import type { UsageEntry, UsageRow } from '../core/security/ports.ts';
import { firstByteBoundsMs, firstByteBucket } from '../core/usage/usage-report.ts';

const hourMs = 3_600_000;
const hoursOfDay = 24;

/** Usage of one hour. Its numbers change in place while the hour's batch is open. */
export interface UsageHourRow {
  /** Hours since 1970, UTC. */
  readonly hour: number;
  readonly keyId: string;
  readonly familyId: string;
  readonly model: string;
  readonly engine: string;
  readonly ending: string;
  /** See `UsageEntry.answered`. */
  readonly answered: boolean;
  requests: number;
  inputTokens: number;
  outputTokens: number;
  estimatedRequests: number;
  durationMs: number;
  cachedTokens: number;
  cachePromptTokens: number;
  readonly firstByte: number[];
}

/** Days since 1970, UTC. */
export function dayNumber(atMs: number): number {
  return Math.floor(atMs / (hourMs * hoursOfDay));
}

export function hourNumber(atMs: number): number {
  return Math.floor(atMs / hourMs);
}

/** The last formatted day, cached because most requests fall on the same day. */
let lastDay = Number.NaN;
let lastName = '';

/** `2026-11-24`. */
export function dayName(day: number): string {
  if (day !== lastDay) {
    lastName = new Date(day * hourMs * hoursOfDay).toISOString().slice(0, 10);
    lastDay = day;
  }
  return lastName;
}

export function usageHourRow(entry: UsageEntry): UsageHourRow {
  const { keyId, familyId, model, engine, ending, answered } = entry;
  return {
    hour: hourNumber(entry.atMs),
    keyId,
    familyId,
    model,
    engine,
    ending,
    answered,
    requests: 0,
    inputTokens: 0,
    outputTokens: 0,
    estimatedRequests: 0,
    durationMs: 0,
    cachedTokens: 0,
    cachePromptTokens: 0,
    firstByte: new Array<number>(firstByteBoundsMs.length + 1).fill(0),
  };
}

/** Returns the tokens that count for limits. */
export function addToHour(row: UsageHourRow, entry: UsageEntry): number {
  const inputTokens = wholeNumber(entry.inputTokens);
  const outputTokens = wholeNumber(entry.outputTokens);
  row.requests += 1;
  row.inputTokens = cappedSum(row.inputTokens, inputTokens);
  row.outputTokens = cappedSum(row.outputTokens, outputTokens);
  if (entry.estimated) row.estimatedRequests += 1;
  row.durationMs = cappedSum(row.durationMs, wholeNumber(entry.durationMs));
  if (entry.cachedTokens !== null && entry.promptTokens !== null) {
    const promptTokens = wholeNumber(entry.promptTokens);
    row.cachePromptTokens = cappedSum(row.cachePromptTokens, promptTokens);
    row.cachedTokens = cappedSum(row.cachedTokens, Math.min(wholeNumber(entry.cachedTokens), promptTokens));
  }
  if (entry.firstByteMs !== null) {
    const bucket = firstByteBucket(entry.firstByteMs);
    row.firstByte[bucket] = (row.firstByte[bucket] ?? 0) + 1;
  }
  return inputTokens + outputTokens;
}

/** Returns the answered requests of `hours` by day, key and model. */
export function usageDays(hours: Iterable<UsageHourRow>): readonly UsageRow[] {
  const days = new Map<string, UsageRow>();
  for (const hour of hours) {
    if (!hour.answered) continue;
    const { keyId, familyId, model, requests, inputTokens, outputTokens, estimatedRequests } = hour;
    const day = dayName(Math.floor(hour.hour / hoursOfDay));
    const name = `${day}\n${keyId}\n${model}`;
    const before = days.get(name);
    days.set(name, {
      day,
      keyId,
      familyId,
      model,
      requests: cappedSum(requests, before?.requests ?? 0),
      inputTokens: cappedSum(inputTokens, before?.inputTokens ?? 0),
      outputTokens: cappedSum(outputTokens, before?.outputTokens ?? 0),
      estimatedRequests: cappedSum(estimatedRequests, before?.estimatedRequests ?? 0),
    });
  }
  return [...days.values()];
}

function wholeNumber(count: number): number {
  return Number.isFinite(count) && count > 0 ? Math.min(Math.trunc(count), Number.MAX_SAFE_INTEGER) : 0;
}

/** A larger sum would make every later read fail. */
export function cappedSum(a: number, b: number): number {
  return Math.min(a + b, Number.MAX_SAFE_INTEGER);
}
