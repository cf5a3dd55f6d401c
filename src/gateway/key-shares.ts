/**
 * Takes a request's share of the limits that all keys share: a stream, from the end of its head to the end of its
 * response, and, if it makes an engine work, one of the requests that its key may have in progress. `giveBackShares`
 * returns both when the exchange is over. A request without a key takes no share.
 */
import assert from 'node:assert/strict';
import type { Denial } from '../core/security/access.ts';
import type { ConcurrencyLimiter, KeyHolding, KeyHoldings } from '../core/security/key-holdings.ts';
import type { Exchange, Refusal, Step } from './exchange.ts';
import { retryFields } from './retry-fields.ts';

/** An estimate: responses take seconds. */
const retryAfterMs = 1_000;

/** The step that takes a stream. */
export function makeTakeStream(holdings: KeyHoldings): Step {
  return (x) => {
    if (x.key === undefined) return undefined;
    const holding = holdings.of(x.key.familyId);
    const denial = holdings.takeStream(holding);
    if (denial !== undefined) return { ...denial, fields: retryFields(retryAfterMs) };
    x.holding = holding;
    return undefined;
  };
}

/** Runs before the body is read: a client that sends bodies slowly must not hold more of them than its key allows. */
export function takeRequest(
  x: Exchange,
  concurrency: ConcurrencyLimiter,
): Refusal | undefined | Promise<Refusal | undefined> {
  const { key, holding } = x;
  assert(key !== undefined && holding !== undefined, 'a request that counts has a key and a stream');
  const taking = concurrency.takeRequest(key, holding, x.ahead);
  return taking instanceof Promise
    ? countLater(x, holding, concurrency, taking)
    : count(x, holding, concurrency, taking);
}

/** Not in `takeRequest`, because a function with a closure allocates at each call. */
async function countLater(
  x: Exchange,
  holding: KeyHolding,
  concurrency: ConcurrencyLimiter,
  taking: Promise<Denial | undefined>,
): Promise<Refusal | undefined> {
  return count(x, holding, concurrency, await taking);
}

function count(
  x: Exchange,
  holding: KeyHolding,
  concurrency: ConcurrencyLimiter,
  denial: Denial | undefined,
): Refusal | undefined {
  if (denial !== undefined) return { ...denial, fields: retryFields(retryAfterMs) };
  // The exchange ended while a remote limiter was asked, so giveBackShares has already run.
  if (x.over) concurrency.giveBackRequest(holding);
  else x.countsAgainstKey = true;
  return undefined;
}

/** Called once, when the exchange is over. */
export function giveBackShares(x: Exchange, holdings: KeyHoldings, concurrency: ConcurrencyLimiter): void {
  const { holding } = x;
  if (holding === undefined) return;
  if (x.countsAgainstKey) concurrency.giveBackRequest(holding);
  holdings.giveBackStream(holding);
}
