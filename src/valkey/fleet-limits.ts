/**
 * The limits of a fleet: one server counts for all nodes. A request waits for at most one answer of the server, unless it
 * waits for a slot of an engine.
 *
 * This node also keeps its own counts. While the server is away, `OutageLimits` decides by them, and a bucket starts from
 * its last known balance. When the server is back, this node tells it what it knows, and no balance gets better by that.
 */
import type { Clock } from '../core/clock.ts';
import type { EngineDirectory } from '../core/engine/directory.ts';
import type { Denial } from '../core/security/access.ts';
import type {
  Admission,
  AdmissionAsk,
  AdmissionDenial,
  Lease,
  QueueTicket,
} from '../core/security/admission.ts';
import { noKeyLimits } from '../core/security/api-key.ts';
import { type CountedKey, concurrencyDenial, type KeyHolding } from '../core/security/key-holdings.ts';
import type { LimiterReading } from '../core/security/limiter-reading.ts';
import type { SharedLimits } from '../core/security/limits-hand-over.ts';
import type { LimitPorts, LocalLimits } from '../core/security/local-limits.ts';
import { type BucketAsk, type BucketReading, leftIn, type Verdict } from '../core/security/rate-limiter.ts';
import type { RequestAhead } from '../core/security/request-ahead.ts';
import { type BudgetedKey, hasBudget } from '../core/security/token-budgets.ts';
import type { TokenCheck } from '../core/security/token-check.ts';
import { type Charge, Charges } from './charges.ts';
import { FleetSlots } from './fleet-slots.ts';
import { type MemberState, Membership } from './membership.ts';
import { OutageLimits } from './outage-limits.ts';
import {
  type Question,
  type QuestionReply,
  questionArguments,
  type RestOfReply,
  readReply,
} from './question.ts';
import type { Argument, ServerLink } from './server-link.ts';
import type { SpentToday } from './spent-today.ts';

export interface FleetLimitsOptions {
  readonly link: ServerLink;
  readonly local: LocalLimits;
  /** The ledger of `local`. */
  readonly spent: SpentToday;
  readonly clock: Clock;
  readonly directory: EngineDirectory;
  readonly hostname: string;
  readonly outage: LimiterReading['outage'];
  /** Returns a unique name that cannot be guessed. */
  readonly newId: () => string;
  readonly changed?: (state: MemberState, problem: string | undefined) => void;
  /** Another node revoked a key. */
  readonly revoked?: (keyId: string, entry: string) => void;
}

/** For the next process of this node. */
export interface FleetState {
  readonly base: string;
  readonly nodes: number;
  readonly charges: readonly Charge[];
}

const firstAnswerMs = 2_000;
const lowerAtOnce = 200;

interface Answered {
  readonly verdict: Verdict;
  /** Undefined if it was not asked. */
  readonly denial: Denial | 'granted' | undefined;
  readonly check: TokenCheck | undefined;
}

export class FleetLimits implements SharedLimits {
  readonly ports: LimitPorts;
  readonly #options: FleetLimitsOptions;
  readonly #member: Membership;
  readonly #slots: FleetSlots;
  readonly #charges: Charges;
  /** Decides while the server is away. */
  readonly #alone: OutageLimits;
  /** Requests of this node that the server counts, by family. */
  readonly #own = new Map<string, number>();
  /** Limits of tokens a minute, by family, as they were last used. */
  readonly #perMinute = new Map<string, number>();
  /** A request that waited for the server enters here. After a hand-over that is another process's queue. */
  admission: Admission;
  #started = false;
  #decidedShared = 0;
  #outages = 0;

  constructor(options: FleetLimitsOptions) {
    this.#options = options;
    const { local, clock, link, newId } = options;
    this.admission = local.admission;
    this.#member = new Membership({
      link,
      clock,
      newId,
      held: () => this.#held(),
      begin: (held, lost) => this.#begin(held, lost),
      message: (text) => this.#message(text),
      changed: (state, problem) => this.#changed(state, problem),
      beat: () => this.#slots.tick(),
    });
    this.#charges = new Charges(this.#member, newId());
    this.#alone = new OutageLimits({ ...options, nodes: () => this.#member.nodes });
    this.#slots = new FleetSlots({
      ...options,
      member: this.#member,
      admission: local.admission,
      nowMs: () => clock.monotonicMs(),
    });
    local.admission.slotSource = this.#slots;
    this.ports = {
      rates: {
        take: (asks, nowMs, ahead) => this.#take(asks, nowMs, ahead),
        reading: (ask, nowMs) => this.#reading(ask, nowMs),
      },
      concurrency: {
        takeRequest: (key, holding, ahead) => this.#takeRequest(key, holding, ahead),
        giveBackRequest: (holding) => {
          local.concurrency.giveBackRequest(holding);
          this.#give(holding.familyId);
        },
      },
      tokens: {
        check: (key, ahead) => this.#check(key, ahead),
        settle: (key, tokens) => this.#settle(key, tokens),
      },
      admission: { enter: (ask, settled) => this.#enter(ask, settled) },
      logins: local.logins,
    };
  }

  get reading(): LimiterReading {
    const { state, nodes, problem } = this.#member;
    return {
      state,
      nodes,
      problem,
      outage: this.#options.outage,
      decidedShared: this.#decidedShared,
      decidedAlone: this.#alone.decided,
      outages: this.#outages,
    };
  }

  /** Connects. Resolves when the server has answered, or after two seconds. */
  async start(): Promise<void> {
    if (!this.#started) this.#start(this.#options.newId(), 1);
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#options.clock.after(firstAnswerMs, resolve);
    await Promise.race([this.#member.firstAnswer, promise]);
    cancel();
    this.#slots.open();
    this.#options.local.admission.serveAll();
  }

  /** Continues as the node of an earlier process, after its local counts were imported. */
  async takeOver(state: FleetState): Promise<void> {
    if (this.#started) return;
    this.#charges.adopt(state.charges);
    this.#start(state.base, state.nodes);
    await this.start();
  }

  exportState(): FleetState {
    return { base: this.#member.base, nodes: this.#member.nodes, charges: this.#charges.open() };
  }

  /** Another process is about to continue as this node. Until `commit` or `cancel`, charges wait. */
  begin(): void {
    this.#charges.hold();
    this.#member.hold();
  }

  cancel(): void {
    this.#charges.resume();
    this.#member.release();
  }

  commit(): void {
    this.#charges.drop();
    this.#member.retire();
  }

  /** That process has died. */
  resume(): void {
    this.#charges.resume();
    this.#member.resume();
  }

  /** Tells every node that a key is revoked, also before the database knows. Resolves with whether the server has it. */
  async publishRevocation(keyId: string, entry: string): Promise<boolean> {
    return await this.#call('revoke', [keyId, entry]);
  }

  /** The database has the revocation. */
  async revocationWritten(keyId: string): Promise<boolean> {
    return await this.#call('written', [keyId]);
  }

  close(): Promise<void> {
    return this.#member.close();
  }

  async #call(script: 'revoke' | 'written', args: readonly Argument[]): Promise<boolean> {
    try {
      await this.#options.link.call(script, args);
      return true;
    } catch {
      return false;
    }
  }

  // --- membership

  #start(base: string, nodes: number): void {
    this.#started = true;
    // Requests of an earlier process of this node, which still run there.
    for (const [family, count] of this.#options.local.concurrency.exportState()) this.#own.set(family, count);
    this.#member.start(base, nodes);
  }

  #held(): ReadonlyMap<string, number> {
    const held = new Map<string, number>();
    for (const [family, count] of this.#own) held.set(`c:${family}`, count);
    for (const [name, count] of this.#slots.held()) held.set(`s:${name}`, count);
    return held;
  }

  #begin(held: ReadonlyMap<string, number>, lost: boolean): void {
    const { local, clock } = this.#options;
    const rates = local.rates.exportState(clock.monotonicMs());
    const balances = lost ? this.#balances() : [];
    const { day } = this.#options.spent;
    const days = lost ? this.#days() : [];
    const most = Math.max(rates.length, balances.length, days.length);
    for (let i = 0; i < most; i += lowerAtOnce) {
      const parts = [rates, balances, days].map((list) => list.slice(i, i + lowerAtOnce));
      this.#member.tell('lower', [...parts.flatMap((list) => [list.length, ...list.flat()]), day]);
    }
    this.#charges.resend();
    const slots = [...held].filter(([name]) => name.startsWith('s:'));
    this.#slots.begin(new Map(slots.map(([name, count]) => [name.slice(2), count])));
    void this.#readRevocations();
  }

  #balances(): (readonly [family: string, perMinute: number, tokens: number])[] {
    const { local } = this.#options;
    return local.tokens.exportState().flatMap(([family, tokens, agoMs]) => {
      const perMinute = this.#perMinute.get(family);
      if (perMinute === undefined) return [];
      const now = tokens + (agoMs * perMinute) / 60_000 / this.#member.nodes + this.#charges.openOf(family);
      return [[family, perMinute, Math.min(perMinute, now)] as const];
    });
  }

  #days(): (readonly [family: string, tokens: number])[] {
    const all = this.#options.spent.exportState();
    return all.map(([family, tokens]) => [family, Math.max(0, tokens - this.#charges.openOf(family))]);
  }

  #changed(state: MemberState, problem: string | undefined): void {
    if (state === 'away') this.#outages += 1;
    // This node may use other numbers of slots now, and waits for them elsewhere.
    this.#slots.tick();
    this.#options.local.admission.serveAll();
    this.#options.changed?.(state, problem);
  }

  #message(text: string): void {
    const [, kind = '', subject = '', rest = ''] = /^(\S+)(?: (\S+))?(?: (.*))?$/s.exec(text) ?? [];
    if (kind === 'revoked') return this.#options.revoked?.(subject, rest);
    if (this.#member.state !== 'shared') return;
    if (kind === 'slot' && subject === this.#member.name) this.#slots.granted(rest);
    else if (kind === 'wanted' && subject !== this.#member.name) this.#slots.wanted(rest);
    else if (kind === 'freed') this.#slots.tick();
  }

  async #readRevocations(): Promise<void> {
    const { link, revoked } = this.#options;
    if (revoked === undefined) return;
    try {
      const all = await link.call('revoked', []);
      for (let i = 0; i + 1 < all.length; i += 2) revoked(String(all[i]), String(all[i + 1]));
    } catch {
      // They are read again after the next connection.
    }
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
      return (limited ? this.#alone.denySlot() : undefined) ?? this.admission.enter(ask, settled);
    }
    const engines = this.#slots.needed(ask.candidates);
    if (engines.length === 0) return this.admission.enter(ask, settled);
    let left = false;
    let ticket: QueueTicket | undefined;
    void this.#ask({ rates: [], counted: undefined, budget: undefined, engines }).then(() => {
      if (left) return;
      const entered = this.admission.enter(ask, settled);
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
