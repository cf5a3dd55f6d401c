/**
 * The schedule of requests to an ACME server: after a success, after a failure, and when not to ask. Pure functions.
 */
import type { X509Certificate } from 'node:crypto';
import { beginMsOf, expiryMsOf } from '../certificate-pair.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** Random numbers from 0 (inclusive) to 1 (exclusive). */
export type Random = () => number;

/**
 * How long to wait after this many failures in a row. Each wait varies by a tenth, so that proxies that failed together
 * do not retry together.
 */
const retryTable: readonly { readonly waitMs: number; readonly why: string }[] = [
  { waitMs: minuteMs, why: 'a hiccup of the network or the CA' },
  { waitMs: 10 * minuteMs, why: 'a restart of a router, a name server, the CA' },
  {
    waitMs: hourMs,
    why: 'an hour: the limit of failed proofs for a name at the largest CA is counted by the hour',
  },
  { waitMs: 3 * hourMs, why: 'somebody has to fix it, and may be at it' },
  {
    waitMs: 6 * hourMs,
    why: 'as often as is worth it: four a day, and a third of the lifetime is left for it',
  },
];

/** A failed order costs the CA work, and counts against the account's limits. */
export const maxFailedOrdersPerDay = 5;

/** After two thirds of the lifetime, plus up to a thirtieth. */
export function dueAtMs(certificate: X509Certificate, random: Random): number {
  const beginMs = beginMsOf(certificate);
  const lifetimeMs = expiryMsOf(certificate) - beginMs;
  return beginMs + (lifetimeMs * 2) / 3 + (lifetimeMs / 30) * random();
}

export function retryWaitMs(failures: number, random: Random): number {
  const row = retryTable[Math.min(Math.max(failures, 1), retryTable.length) - 1];
  return (row?.waitMs ?? dayMs) * (0.9 + 0.2 * random());
}

/** The time from which another order is allowed, given the orders that failed. */
export function orderAllowedAtMs(failedOrdersAtMs: readonly number[]): number {
  const last = [...failedOrdersAtMs].sort((a, b) => a - b).slice(-maxFailedOrdersPerDay);
  const [first] = last;
  return last.length < maxFailedOrdersPerDay || first === undefined ? 0 : first + dayMs;
}

/** The orders that still count. A time in the future was written by a wrong clock. */
export function countedOrders(failedOrdersAtMs: readonly number[], nowMs: number): readonly number[] {
  return failedOrdersAtMs.filter((atMs) => atMs > nowMs - dayMs && atMs <= nowMs);
}
