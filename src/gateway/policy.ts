/**
 * The step `applyPolicy`: the rules of the policy that need neither route nor body. Addresses (deny before allow, then
 * those of the key), the origin of browser pages, and request rates. A preflight is answered after this step.
 */

import type { Clock } from '../core/clock.ts';
import { rule } from '../core/rules.ts';
import { denyAddress, denyOrigin } from '../core/security/access.ts';
import type { KeyView } from '../core/security/api-key.ts';
import type { BucketAsk, RateLimiter, Verdict } from '../core/security/rate-limiter.ts';
import type { SecurityPolicy } from '../core/security/security-policy.ts';
import { aheadOf } from './ask-ahead.ts';
import { isOwnOrigin, originOf } from './cors.ts';
import type { AsyncStep, Exchange, Refusal } from './exchange.ts';
import { aloneField, limitFields, retryFields } from './retry-fields.ts';

export interface PolicyDeps {
  readonly clock: Clock;
  readonly limiter: RateLimiter;
  /** The limiter is on another machine: it is told what the request will ask next. */
  readonly remote: boolean;
}

export function makePolicy(deps: PolicyDeps): AsyncStep {
  return (x) => denyAddress(x.snapshot.policy, x.key, x.client) ?? denyForeignOrigin(x) ?? takeRate(x, deps);
}

/** The origin of the pages that this proxy serves needs no rule. */
function denyForeignOrigin(x: Exchange): Refusal | undefined {
  const origin = originOf(x);
  const denial = denyOrigin(x.snapshot.policy, origin);
  return denial !== undefined && !x.preflight && isOwnOrigin(x) ? undefined : denial;
}

function takeRate(x: Exchange, deps: PolicyDeps): Refusal | undefined | Promise<Refusal | undefined> {
  const asks = buckets(x);
  if (asks.length === 0) return undefined;
  const ahead = deps.remote ? aheadOf(x) : undefined;
  const taking = deps.limiter.take(asks, deps.clock.monotonicMs(), ahead);
  return taking instanceof Promise ? judgeLater(x, taking) : judge(x, taking);
}

/** Not in `takeRate`, because a function with a closure allocates at each call. */
async function judgeLater(x: Exchange, taking: Promise<Verdict>): Promise<Refusal | undefined> {
  return judge(x, await taking);
}

/** Stores the rate for the response, or refuses the request. */
function judge(x: Exchange, verdict: Verdict): Refusal | undefined {
  if (verdict.granted) {
    x.rate = rateFields(verdict);
    return undefined;
  }
  const { perMinute } = verdict.ask;
  const retry = retryFields(verdict.retryAfterMs);
  if (verdict.away === true) return { code: 'LIMITER_AWAY', rule: rule('limiter'), fields: retry };
  const limits = limitFields('requests', { limit: perMinute, remaining: 0, resetMs: verdict.resetMs });
  const whose = whoseOf(verdict.ask.bucket, x);
  return {
    code: 'RATE_LIMITED',
    params: { whose },
    rule: rule('rate', { whose, perMinute }),
    fields: retry + limits + aloneFieldOf(verdict),
  };
}

/**
 * Key ids, addresses and this name have different forms, so they need no prefix. A prefix would cost a string per
 * request.
 */
const proxyBucket = 'proxy';

/**
 * A request without a key uses only the rate of its address. Otherwise health checks and preflights of clients without
 * a key could use up the rate that all keys share.
 */
function buckets(x: Exchange): BucketAsk[] {
  const policy = x.snapshot.policy.source;
  const asks: BucketAsk[] = [];
  const ofKey = x.key === undefined ? undefined : keyBucket(x.key, policy);
  if (ofKey !== undefined) asks.push(ofKey);
  if (policy.requestsPerMinutePerAddress !== null) {
    const perMinute = policy.requestsPerMinutePerAddress;
    asks.push({ bucket: x.client.bucket, perMinute, burst: burstOf(perMinute) });
  }
  if (policy.requestsPerMinute !== null && x.key !== undefined) {
    asks.push({
      bucket: proxyBucket,
      perMinute: policy.requestsPerMinute,
      burst: burstOf(policy.requestsPerMinute),
    });
  }
  return asks;
}

/** The rate of a key: its own, or the one that the policy gives each key; undefined where neither is set. */
export function keyBucket(key: KeyView, policy: SecurityPolicy): BucketAsk | undefined {
  const own = key.limits.requestsPerMinute;
  const perMinute = own ?? policy.requestsPerMinutePerKey;
  if (perMinute === null) return undefined;
  const burst = (own === null ? null : key.limits.burst) ?? burstOf(perMinute);
  return { bucket: key.familyId, perMinute, burst };
}

/** The default burst: the requests of ten seconds, and at least ten requests where the rate itself is that high. */
function burstOf(perMinute: number): number {
  return Math.max(1, Math.min(perMinute, 10), Math.ceil(perMinute / 6));
}

function whoseOf(bucket: string, x: Exchange): string {
  if (bucket === proxyBucket) return "proxy's";
  return bucket === x.client.bucket ? "address's" : "key's";
}

function rateFields(verdict: Extract<Verdict, { granted: true }>): string {
  const { tightest, remaining, resetMs } = verdict;
  if (tightest === undefined) return '';
  const fields = limitFields('requests', { limit: tightest.perMinute, remaining, resetMs });
  return fields + aloneFieldOf(verdict);
}

function aloneFieldOf({ alone }: Verdict): string {
  return alone === true ? aloneField : '';
}
