/**
 * The ports through which requests ask the limits of a fleet. One question to the server answers for several ports, so a
 * request waits for at most one reply, unless it waits for a slot of an engine. While the server is away, `OutageLimits`
 * decides by this node's own counts, which each reply corrects.
 */
import type { Clock } from '../core/clock.ts';
import type { Denial } from '../core/security/access.ts';
import type {
  Admission,
  AdmissionAsk,
  AdmissionDenial,
  Lease,
  QueueTicket,
} from '../core/security/admission.ts';
import { noKeyLimits } from '../core/security/api-key.ts';
import {
  type CountedKey,
  concurrencyDenial,
  type HeldRequests,
  type KeyHolding,
} from '../core/security/key-holdings.ts';
import type { LimiterReading } from '../core/security/limiter-reading.ts';
import type { LimitPorts, LocalLimits } from '../core/security/local-limits.ts';
import { type BucketAsk, type BucketReading, leftIn, type Verdict } from '../core/security/rate-limiter.ts';
import type { RequestAhead } from '../core/security/request-ahead.ts';
import { type BudgetedKey, hasBudget } from '../core/security/token-budgets.ts';
import type { TokenCheck } from '../core/security/token-check.ts';
import type { Charges } from './charges.ts';
import type { FleetSlots } from './fleet-slots.ts';
import type { Membership } from './membership.ts';
import { OutageLimits } from './outage-limits.ts';
import {
  type Question,
  type QuestionReply,
  questionArguments,
  type RestOfReply,
  readReply,
} from './question.ts';
import type { ServerLink } from './server-link.ts';
import type { SpentToday } from './spent-today.ts';

export interface FleetLimitPortsOptions {
  readonly link: ServerLink;
  readonly local: LocalLimits;
  /** The ledger of `local`. */
  readonly spent: SpentToday;
  readonly clock: Clock;
  readonly outage: LimiterReading['outage'];
  readonly member: Membership;
  readonly slots: FleetSlots;
  readonly charges: Charges;
}

interface Answered {
  readonly verdict: Verdict;
  /** Undefined if it was not asked. */
  readonly denial: Denial | 'granted' | undefined;
  readonly check: TokenCheck | undefined;
}

export class FleetLimitPorts implements LimitPorts {
  readonly rates: LimitPorts['rates'];
  readonly concurrency: LimitPorts['concurrency'];
  readonly tokens: LimitPorts['tokens'];
  readonly admission: Admission;
  readonly logins: LimitPorts['logins'];
  /** A request that waited for the server enters here. After a hand-over that is another process's queue. */
  queue: Admission;
  readonly #options: FleetLimitPortsOptions;
  readonly #member: Membership;
  readonly #slots: FleetSlots;
  readonly #charges: Charges;
  /** Decides while the server is away. */
  readonly #alone: OutageLimits;
  readonly #own = new Map<string, number>();
  readonly #perMinute = new Map<string, number>();
  #decidedShared = 0;

  constructor(options: FleetLimitPortsOptions) {
    this.#options = options;
    const { local, member } = options;
    this.#member = member;
    this.#slots = options.slots;
    this.#charges = options.charges;
    this.#alone = new OutageLimits({ ...options, nodes: () => member.nodes });
    this.queue = local.admission;
    this.rates = {
      take: (asks, nowMs, ahead) => this.#take(asks, nowMs, ahead),
      reading: (ask, nowMs) => this.#reading(ask, nowMs),
    };
    this.concurrency = {
      takeRequest: (key, holding, ahead) => this.#takeRequest(key, holding, ahead),
      giveBackRequest: (holding) => {
        local.concurrency.giveBackRequest(holding);
        this.#give(holding.familyId);
      },
    };
    this.tokens = {
      check: (key, ahead) => this.#check(key, ahead),
      settle: (key, tokens) => this.#settle(key, tokens),
    };
    this.admission = { enter: (ask, settled) => this.#enter(ask, settled) };
    this.logins = local.logins;
  }

  /** How many questions the server decided. */
  get decidedShared(): number {
    return this.#decidedShared;
  }

  /** How many questions this node decided alone. */
  get decidedAlone(): number {
    return this.#alone.decided;
  }

  /** Requests of this node that the server counts, by family. */
  get ownRequests(): ReadonlyMap<string, number> {
    return this.#own;
  }

  /** Counts requests of an earlier process of this node, which still run there. */
  adoptRequests(requests: readonly HeldRequests[]): void {
    for (const [family, count] of requests) this.#own.set(family, count);
  }

  /** The limit of tokens a minute as it was last used, if this node knows one. */
  perMinuteOf(family: string): number | undefined {
    return this.#perMinute.get(family);
  }

  // --- one question

  async #ask(asked: Question): Promise<Answered | undefined> {
    const { spent } = this.#options;
    const number = this.#charges.last;
    const { day } = spent;
    const reply = await this.#member.ask('ask', [
      ...questionArguments(asked, spent, day),
      ...this.#slots.argumentsOf(asked.engines, false),
    ]);
    // Without the member of the question, nothing that was granted counts any more.
    if (reply === undefined || this.#member.state !== 'shared') return undefined;
    this.#decidedShared += 1;
    return this.#note(asked, readReply(asked.rates, reply), number, day);
  }

  /** Brings the counts of this node to what the server said. */
  #note(
    { rates, counted, budget, engines }: Question,
    { verdict, aheads, rest }: QuestionReply,
    number: number,
    askedDay: number,
  ): Answered {
    const { local, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    for (const [i, { bucket }] of rates.entries()) local.rates.atLeast(bucket, aheads[i] ?? 0, nowMs);
    if (rest === undefined) return { verdict, denial: undefined, check: undefined };
    let denial: Answered['denial'];
    if (counted !== undefined) {
      denial = rest.taken ? 'granted' : concurrencyDenial(counted.id, counted.limit);
      if (rest.taken) this.#countOwn(counted.family);
    }
    this.#slots.answered(engines, rest.slots);
    const check = budget === undefined ? undefined : this.#noteTokens(budget, rest, number, askedDay);
    return { verdict, denial, check };
  }

  #noteTokens(key: BudgetedKey, { minute, day }: RestOfReply, number: number, askedDay: number): TokenCheck {
    const { local, spent } = this.#options;
    const { familyId, limits } = key;
    const since = this.#charges.since(number, familyId);
    if (minute !== undefined) {
      local.tokens.importState([[familyId, minute - since, 0]], 0);
      this.#perMinute.set(familyId, limits.tokensPerMinute ?? 0);
    }
    if (day !== undefined) spent.counted(familyId, day + since, askedDay);
    return local.tokens.check(key);
  }

  // --- rates

  #take(
    asks: readonly BucketAsk[],
    nowMs: number,
    ahead: RequestAhead | undefined,
  ): Verdict | Promise<Verdict> {
    if (this.#member.state !== 'shared') return this.#alone.takeRate(asks, nowMs);
    return this.#askAhead(asks, ahead).then(
      (answered) => answered?.verdict ?? this.#alone.takeRate(asks, this.#options.clock.monotonicMs()),
    );
  }

  async #askAhead(
    rates: readonly BucketAsk[],
    ahead: RequestAhead | undefined,
  ): Promise<Answered | undefined> {
    const key = ahead?.key;
    const limit = key?.limits.concurrency ?? null;
    const counted =
      key === undefined || limit === null ? undefined : { id: key.id, family: key.familyId, limit };
    const budget = key !== undefined && hasBudget(key) ? key : undefined;
    const answered = await this.#ask({
      rates,
      counted,
      budget,
      engines: ahead === undefined ? [] : this.#slots.likely(),
    });
    if (answered === undefined || ahead === undefined) return answered;
    const { denial, check } = answered;
    if (check !== undefined) ahead.answerTokens(check, this.#options.clock.monotonicMs());
    if (denial === 'granted' && counted !== undefined)
      ahead.grantConcurrency({ denial: undefined, release: () => this.#give(counted.family) });
    else if (denial !== undefined && denial !== 'granted')
      ahead.grantConcurrency({ denial, release: undefined });
    return answered;
  }

  async #reading(ask: BucketAsk, nowMs: number): Promise<BucketReading> {
    const { link, local } = this.#options;
    if (this.#member.state !== 'shared') return local.rates.reading(ask, nowMs);
    try {
      const resetMs = Number((await link.call('peek', [ask.bucket]))[1]);
      return { remaining: leftIn(ask, resetMs), resetMs };
    } catch {
      return local.rates.reading(ask, nowMs);
    }
  }

  // --- requests in progress

  #takeRequest(
    key: CountedKey,
    holding: KeyHolding,
    ahead: RequestAhead | undefined,
  ): Denial | undefined | Promise<Denial | undefined> {
    const { local } = this.#options;
    const limit = key.limits.concurrency;
    if (limit === null) return local.concurrency.takeRequest(key, holding);
    const granted = ahead?.takeConcurrency();
    if (granted !== undefined) return this.#judge(key, holding, granted.denial ?? 'granted');
    if (this.#member.state !== 'shared') return this.#takeRequestAlone(key, holding, limit);
    return this.#askRequest(key, holding, limit, ahead);
  }

  async #askRequest(
    key: CountedKey,
    holding: KeyHolding,
    limit: number,
    ahead: RequestAhead | undefined,
  ): Promise<Denial | undefined> {
    const budget = ahead !== undefined && hasBudget(ahead.key) ? ahead.key : undefined;
    const answered = await this.#ask({
      rates: [],
      counted: { id: key.id, family: holding.familyId, limit },
      budget,
      engines: ahead === undefined ? [] : this.#slots.likely(),
    });
    if (answered?.denial === undefined) return this.#takeRequestAlone(key, holding, limit);
    if (answered.check !== undefined) ahead?.answerTokens(answered.check, this.#options.clock.monotonicMs());
    return this.#judge(key, holding, answered.denial);
  }

  #judge(key: CountedKey, holding: KeyHolding, denial: Denial | 'granted'): Denial | undefined {
    if (denial !== 'granted') return denial;
    // The server judged; this process only counts.
    return this.#options.local.concurrency.takeRequest({ id: key.id, limits: noKeyLimits }, holding);
  }

  #takeRequestAlone(key: CountedKey, holding: KeyHolding, limit: number): Denial | undefined {
    const denial = this.#alone.takeRequest(key, holding, limit);
    if (denial === undefined) this.#countOwn(holding.familyId);
    return denial;
  }

  #countOwn(family: string): void {
    this.#own.set(family, (this.#own.get(family) ?? 0) + 1);
  }

  #give(family: string): void {
    const count = this.#own.get(family);
    // Requests of keys without a limit are not counted.
    if (count === undefined) return;
    if (count > 1) this.#own.set(family, count - 1);
    else this.#own.delete(family);
    if (this.#member.state === 'shared') this.#member.tell('hold', [`c:${family}`, -1]);
  }

  // --- tokens

  #check(key: BudgetedKey, ahead: RequestAhead | undefined): TokenCheck | Promise<TokenCheck> {
    if (!hasBudget(key)) return { reading: undefined, denial: undefined };
    if (this.#member.state !== 'shared') return this.#alone.checkTokens(key);
    const answered = ahead?.tokens(this.#options.clock.monotonicMs());
    if (answered !== undefined) return answered;
    return this.#ask({ rates: [], counted: undefined, budget: key, engines: this.#slots.likely() }).then(
      (reply) => reply?.check ?? this.#alone.checkTokens(key),
    );
  }

  #settle(key: BudgetedKey, tokens: number): void {
    if (tokens <= 0 || !hasBudget(key)) return;
    const { local, spent } = this.#options;
    const { tokensPerMinute, tokensPerDay } = key.limits;
    local.tokens.settle(this.#member.state === 'shared' ? key : this.#alone.partOfTokens(key), tokens);
    if (tokensPerMinute !== null) this.#perMinute.set(key.familyId, tokensPerMinute);
    if (tokensPerDay !== null) spent.spent(key.familyId, tokens);
    this.#charges.add({
      family: key.familyId,
      perMinute: tokensPerMinute ?? 0,
      tokens,
      daily: tokensPerDay !== null,
    });
  }

  // --- slots

  #enter(
    ask: AdmissionAsk,
    settled: (outcome: Lease | AdmissionDenial) => void,
  ): Lease | AdmissionDenial | QueueTicket {
    if (!ask.generates) return this.#options.local.admission.enter(ask, settled);
    if (this.#member.state !== 'shared') {
      const limited = ask.candidates.all.some(({ engine }) => this.#slots.slots(engine.ref.id) !== undefined);
      return (limited ? this.#alone.denySlot() : undefined) ?? this.queue.enter(ask, settled);
    }
    const engines = this.#slots.needed(ask.candidates);
    if (engines.length === 0) return this.queue.enter(ask, settled);
    let left = false;
    let ticket: QueueTicket | undefined;
    void this.#ask({ rates: [], counted: undefined, budget: undefined, engines }).then(() => {
      if (left) return;
      const entered = this.queue.enter(ask, settled);
      if (entered.kind === 'waiting') ticket = entered;
      else settled(entered);
    });
    return {
      kind: 'waiting',
      get number() {
        return ticket?.number;
      },
      position: 1,
      place: () => ticket?.place(),
      leave: () => {
        left = true;
        ticket?.leave();
      },
    };
  }
}
