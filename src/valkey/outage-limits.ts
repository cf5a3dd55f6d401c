/**
 * The decisions of this node while the server is away. From its own counts, the node gives its part of each limit: the
 * limit divided by the number of nodes. Or it refuses each request that has a limit, if its owner chose that.
 */
import { rule } from '../core/rules.ts';
import type { Denial } from '../core/security/access.ts';
import type { AdmissionDenial } from '../core/security/admission.ts';
import { noKeyLimits } from '../core/security/api-key.ts';
import { type CountedKey, concurrencyDenial, type KeyHolding } from '../core/security/key-holdings.ts';
import type { LimiterReading } from '../core/security/limiter-reading.ts';
import type { LocalLimits } from '../core/security/local-limits.ts';
import type { BucketAsk, Verdict } from '../core/security/rate-limiter.ts';
import { type BudgetedKey, tokenDenial } from '../core/security/token-budgets.ts';
import type { TokenCheck } from '../core/security/token-check.ts';

export interface OutageLimitsOptions {
  readonly local: LocalLimits;
  /** `local`: the node takes its part of each limit. `refuse`: it refuses. */
  readonly outage: LimiterReading['outage'];
  readonly nodes: () => number;
}

const againMs = 1_000;

export class OutageLimits {
  readonly #options: OutageLimitsOptions;
  #decided = 0;

  constructor(options: OutageLimitsOptions) {
    this.#options = options;
  }

  /** How many questions this node decided alone. */
  get decided(): number {
    return this.#decided;
  }

  /** A bucket that this node does not know holds one request. */
  takeRate(asks: readonly BucketAsk[], nowMs: number): Verdict {
    const { local, outage, nodes } = this.#options;
    this.#decided += 1;
    const [first] = asks;
    if (outage === 'refuse' && first !== undefined)
      return { granted: false, ask: first, retryAfterMs: againMs, resetMs: againMs, alone: true, away: true };
    const parts = asks.map(({ bucket, perMinute, burst }) => ({
      bucket,
      perMinute: perMinute / nodes(),
      burst: partOf(burst, nodes()),
    }));
    for (const { bucket, perMinute, burst } of parts)
      if (!local.rates.knows(bucket)) local.rates.atLeast(bucket, ((burst - 1) * 60_000) / perMinute, nowMs);
    const verdict = local.rates.take(parts, nowMs);
    // The caller knows its own questions, not the parts.
    const whole = (part: BucketAsk | undefined): BucketAsk | undefined =>
      part === undefined ? undefined : asks[parts.indexOf(part)];
    if (verdict.granted) return { ...verdict, tightest: whole(verdict.tightest), alone: true };
    return { ...verdict, ask: whole(verdict.ask) ?? verdict.ask, alone: true };
  }

  takeRequest(key: CountedKey, holding: KeyHolding, limit: number): Denial | undefined {
    const { local, outage, nodes } = this.#options;
    this.#decided += 1;
    if (outage === 'refuse') return awayDenial();
    const limits = { ...noKeyLimits, concurrency: partOf(limit, nodes()) };
    const denial = local.concurrency.takeRequest({ id: key.id, limits }, holding);
    return denial === undefined ? undefined : concurrencyDenial(key.id, limit);
  }

  checkTokens(key: BudgetedKey): TokenCheck {
    const { local, outage } = this.#options;
    this.#decided += 1;
    if (outage === 'refuse') return { reading: undefined, denial: awayDenial(), alone: true };
    const { reading, denial } = local.tokens.check(this.partOfTokens(key));
    if (denial === undefined) return { reading, denial, alone: true };
    const { tokensPerDay, tokensPerMinute } = key.limits;
    const isDay = denial.params.span === 'day';
    const limit = (isDay ? tokensPerDay : tokensPerMinute) ?? 0;
    const whole = tokenDenial(key, isDay ? 'day' : 'minute', limit, denial.retryAfterMs);
    return { reading, denial: whole, alone: true };
  }

  /** A key with this node's part of its tokens a minute. Tokens of the day are counted as far as they are known. */
  partOfTokens(key: BudgetedKey): BudgetedKey {
    const { tokensPerMinute } = key.limits;
    if (tokensPerMinute === null) return key;
    const part = Math.max(1, tokensPerMinute / this.#options.nodes());
    return { ...key, limits: { ...key.limits, tokensPerMinute: part } };
  }

  /** The refusal of a request that needs a slot; undefined where slots are taken without the server. */
  denySlot(): AdmissionDenial | undefined {
    return this.#options.outage === 'refuse' ? awayDenial() : undefined;
  }
}

/** At least one, so that no limit becomes a refusal of everything. */
function partOf(limit: number, nodes: number): number {
  return Math.max(1, Math.floor(limit / nodes));
}

function awayDenial(): AdmissionDenial {
  return { kind: 'denied', code: 'LIMITER_AWAY', params: {}, rule: rule('limiter'), retryAfterMs: againMs };
}
