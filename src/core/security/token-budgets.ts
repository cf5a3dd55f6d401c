/**
 * Tokens a minute and tokens a day of a key's family: the secrets of one key share one balance.
 *
 * The cost of a request is known only at its end, so a key is admitted while its balance is positive and is charged
 * afterwards. Running requests may make the balance negative, and it must recover first.
 *
 *   minute   balance, at most one minute's worth; grows with time, monotonic; per proxy
 *   day      tokens in the ledger since midnight UTC, over all proxies; at most 2 s old
 *
 * Memory is bounded: a full balance is dropped.
 */

import type { Clock } from '../clock.ts';
import { rule } from '../rules.ts';
import type { AdmissionDenial } from './admission.ts';
import type { KeyView } from './api-key.ts';
import type { UsageLedger } from './ports.ts';
import type { RequestAhead } from './request-ahead.ts';
import type { TokenCheck, TokenReading } from './token-check.ts';

export type BudgetedKey = Pick<KeyView, 'id' | 'familyId' | 'limits'>;

/** Whether the key has a limit of tokens. */
export function hasBudget({ limits }: Pick<BudgetedKey, 'limits'>): boolean {
  return limits.tokensPerMinute !== null || limits.tokensPerDay !== null;
}

/** Counts the tokens of keys, here or in another process. The rules for promises are those of `RateLimiter`. */
export interface TokenBudget {
  check(key: BudgetedKey, ahead?: RequestAhead): TokenCheck | Promise<TokenCheck>;
  /** Charges what a request used, once it is over. Nobody waits for it. */
  settle(key: BudgetedKey, tokens: number): void;
}

/** The balance of one family of keys, and how long ago it was that. */
export type BalanceState = readonly [family: string, tokens: number, agoMs: number];

interface Balance {
  tokens: number;
  atMs: number;
}

const minuteMs = 60_000;
const dayMs = 86_400_000;
const sweepAbove = 10_000;

export class TokenBudgets implements TokenBudget {
  readonly #clock: Pick<Clock, 'nowMs' | 'monotonicMs'>;
  readonly #ledger: Pick<UsageLedger, 'today'>;
  readonly #balances = new Map<string, Balance>();
  #latestMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Pick<Clock, 'nowMs' | 'monotonicMs'>, ledger: Pick<UsageLedger, 'today'>) {
    this.#clock = clock;
    this.#ledger = ledger;
  }

  check(key: BudgetedKey): TokenCheck {
    return { reading: this.reading(key), denial: this.deny(key) };
  }

  /** Undefined where the key may go on. */
  deny(key: BudgetedKey): AdmissionDenial | undefined {
    const { tokensPerDay, tokensPerMinute } = key.limits;
    if (tokensPerDay !== null && this.#ledger.today(key.familyId) >= tokensPerDay) {
      const nowMs = this.#clock.nowMs();
      return tokenDenial(key, 'day', tokensPerDay, dayMs - (nowMs % dayMs));
    }
    if (tokensPerMinute === null) return undefined;
    const tokens = this.#current(key.familyId, tokensPerMinute);
    if (tokens > 0) return undefined;
    // Until one whole token is there: a balance of exactly nothing does not admit.
    return tokenDenial(key, 'minute', tokensPerMinute, ((1 - tokens) / tokensPerMinute) * minuteMs);
  }

  /** What a request used, once it is over. */
  settle(key: BudgetedKey, tokens: number): void {
    const { tokensPerMinute } = key.limits;
    if (tokensPerMinute === null || tokens <= 0) return;
    const left = this.#current(key.familyId, tokensPerMinute) - tokens;
    this.#balances.set(key.familyId, { tokens: left, atMs: this.#nowMs() });
    if (this.#balances.size > sweepAbove) this.#sweep();
  }

  reading(key: BudgetedKey): TokenReading | undefined {
    const { tokensPerMinute } = key.limits;
    if (tokensPerMinute === null) return undefined;
    const tokens = this.#current(key.familyId, tokensPerMinute);
    return {
      limit: tokensPerMinute,
      remaining: Math.max(0, Math.floor(tokens)),
      resetMs: ((tokensPerMinute - tokens) / tokensPerMinute) * minuteMs,
    };
  }

  #current(familyId: string, perMinute: number): number {
    const balance = this.#balances.get(familyId);
    if (balance === undefined) return perMinute;
    const passedMs = this.#nowMs() - balance.atMs;
    return Math.min(perMinute, balance.tokens + (passedMs * perMinute) / minuteMs);
  }

  exportState(): readonly BalanceState[] {
    const nowMs = this.#nowMs();
    this.#sweep();
    return [...this.#balances].map(([family, { tokens, atMs }]) => [family, tokens, nowMs - atMs]);
  }

  /** Takes over the balances of another process, `sinceMs` after it told them. */
  importState(balances: readonly BalanceState[], sinceMs: number): void {
    const nowMs = this.#nowMs();
    for (const [family, tokens, agoMs] of balances)
      this.#balances.set(family, { tokens, atMs: nowMs - agoMs - sinceMs });
  }

  /** Never earlier than before: a clock set back gives nobody anything. */
  #nowMs(): number {
    this.#latestMs = Math.max(this.#latestMs, this.#clock.monotonicMs());
    return this.#latestMs;
  }

  /** A balance in debt is kept. One minute without requests after the debt is paid, it is full, whatever its limit. */
  #sweep(): void {
    const nowMs = this.#nowMs();
    for (const [id, { tokens, atMs }] of this.#balances) {
      if (tokens >= 0 && nowMs - atMs >= minuteMs) this.#balances.delete(id);
    }
  }
}

export function tokenDenial(
  key: BudgetedKey,
  span: 'minute' | 'day',
  limit: number,
  retryAfterMs: number,
): AdmissionDenial {
  return {
    kind: 'denied',
    code: 'TOKENS_LIMITED',
    params: { span, limit },
    rule: rule('tokens', { limit, span, key: key.id }),
    retryAfterMs: Math.ceil(retryAfterMs),
  };
}
