/**
 * What a request takes of the limits that all keys share, from the end of its head to the end of its answer: a stream,
 * and, where it makes an engine work, one of the requests that its key may have in progress. The front gives both back
 * when the exchange is over, however it ends. A request without a key takes nothing; it is answered at once.
 */
import type { KeyView } from '../core/security/api-key.ts';
import type { KeyHoldings } from '../core/security/key-holdings.ts';
import type { Exchange, Refusal, Step } from './exchange.ts';
import { retryFields } from './retry-fields.ts';

/** A fair guess: answers take seconds. */
const retryAfterMs = 1_000;

/** Step five: a stream. */
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

/** Before the body is read: a client that sends bodies slowly must not hold more of them than its key allows. */
export function takeRequest(x: Exchange, key: KeyView, holdings: KeyHoldings): Refusal | undefined {
  if (x.holding === undefined) return undefined;
  const denial = holdings.takeRequest(key, x.holding);
  if (denial !== undefined) return { ...denial, fields: retryFields(retryAfterMs) };
  x.countsAgainstKey = true;
  return undefined;
}
