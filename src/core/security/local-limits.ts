/**
 * The limits that this process counts by itself, and the ports through which requests ask them. Another implementation
 * of a port may ask another process or machine, and fall back to these limits.
 */
import type { Clock } from '../clock.ts';
import type { EngineDirectory } from '../engine/directory.ts';
import type { Admission } from './admission.ts';
import type { AdmissionState } from './admission-state.ts';
import { type AdmissionLimits, FairAdmission } from './fair-admission.ts';
import {
  type ConcurrencyLimiter,
  type HeldRequests,
  type HoldingLimits,
  KeyHoldings,
} from './key-holdings.ts';
import { LoginThrottle } from './login-throttle.ts';
import type { UsageLedger } from './ports.ts';
import { type BucketState, GcraLimiter, type RateLimiter } from './rate-limiter.ts';
import { type BalanceState, type TokenBudget, TokenBudgets } from './token-budgets.ts';

/** The limits for requests. A remote port returns promises; a local port never does. */
export interface LimitPorts {
  readonly rates: RateLimiter;
  readonly concurrency: ConcurrencyLimiter;
  readonly tokens: TokenBudget;
  readonly admission: Admission;
  readonly logins: Pick<LoginThrottle, 'failed'>;
}

export interface LocalLimitsOptions {
  readonly limits: HoldingLimits & AdmissionLimits & { readonly maxConnections: number };
  readonly clock: Clock;
  readonly directory: EngineDirectory;
  readonly ledger: Pick<UsageLedger, 'today'>;
}

/** A snapshot of all counts. */
export interface LimitsState {
  readonly rates: readonly BucketState[];
  readonly logins: readonly BucketState[];
  readonly tokens: readonly BalanceState[];
  readonly requests: readonly HeldRequests[];
  readonly admission: AdmissionState;
}

export class LocalLimits implements LimitPorts {
  readonly rates = new GcraLimiter();
  readonly concurrency: KeyHoldings;
  readonly tokens: TokenBudgets;
  readonly admission: FairAdmission;
  readonly logins = new LoginThrottle();
  readonly #clock: Clock;

  constructor({ limits, clock, directory, ledger }: LocalLimitsOptions) {
    this.#clock = clock;
    // Each stream needs a connection. If there were fewer connections than streams, one key could take all of them.
    const maxStreams = Math.min(limits.maxStreams, limits.maxConnections);
    this.concurrency = new KeyHoldings({ ...limits, maxStreams });
    this.tokens = new TokenBudgets(clock, ledger);
    this.admission = new FairAdmission(directory, clock, limits);
  }

  /** Drops what is kept for keys without requests. Call it about once a second. */
  forgetIdle(): void {
    this.concurrency.forgetIdle();
    this.admission.forgetIdle();
  }

  exportState(): LimitsState {
    const nowMs = this.#clock.monotonicMs();
    return {
      rates: this.rates.exportState(nowMs),
      logins: this.logins.exportState(nowMs),
      tokens: this.tokens.exportState(),
      requests: this.concurrency.exportState(),
      admission: this.admission.exportState(),
    };
  }

  /**
   * Imports the counts of another process, `sinceMs` after their export. Slots held by its requests are not included:
   * they count until that process releases them, see `LimitsAuthority`.
   */
  importState(state: Omit<LimitsState, 'requests'>, sinceMs: number): void {
    const nowMs = this.#clock.monotonicMs();
    this.rates.importState(state.rates, nowMs, sinceMs);
    this.logins.importState(state.logins, nowMs, sinceMs);
    this.tokens.importState(state.tokens, sinceMs);
    this.admission.importTurns(state.admission);
  }
}
