/**
 * Adds up usage by UTC day, key and model. The numbers come from engines, which may be wrong: a value that is not a
 * whole number counts as none, and a sum stops at the largest number that JavaScript holds exactly.
 */
import type { UsageEntry, UsageRow } from '../core/security/ports.ts';

const dayMs = 86_400_000;

/** Days since 1970, UTC. */
export function dayNumber(atMs: number): number {
  return Math.floor(atMs / dayMs);
}

/** The last day that was named: requests come one after another. */
let lastDay = Number.NaN;
let lastName = '';

/** `2026-11-24`. */
export function dayName(day: number): string {
  if (day !== lastDay) {
    lastName = new Date(day * dayMs).toISOString().slice(0, 10);
    lastDay = day;
  }
  return lastName;
}

function wholeTokens(count: number): number {
  return Number.isFinite(count) && count > 0 ? Math.min(Math.trunc(count), Number.MAX_SAFE_INTEGER) : 0;
}

export function usageRowOf(entry: UsageEntry): UsageRow {
  return {
    day: dayName(dayNumber(entry.atMs)),
    keyId: entry.keyId,
    familyId: entry.familyId,
    model: entry.model,
    requests: 1,
    inputTokens: wholeTokens(entry.inputTokens),
    outputTokens: wholeTokens(entry.outputTokens),
    estimatedRequests: entry.estimated ? 1 : 0,
  };
}

export function addRows(a: UsageRow, b: UsageRow): UsageRow {
  const sum = (x: number, y: number): number => Math.min(x + y, Number.MAX_SAFE_INTEGER);
  return {
    ...a,
    requests: sum(a.requests, b.requests),
    inputTokens: sum(a.inputTokens, b.inputTokens),
    outputTokens: sum(a.outputTokens, b.outputTokens),
    estimatedRequests: sum(a.estimatedRequests, b.estimatedRequests),
  };
}
