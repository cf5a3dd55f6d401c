/**
 * The limits of a process that may hand over to another one.
 *
 *   own --begin--> moving --commit--> linked --link lost--> own
 *    ^---cancel------'
 *
 * `own`: this process counts, and no call waits. `moving`: another process has the state and is not ready yet; calls
 * wait for the outcome. `linked`: the newest process counts. This process also counts its own running requests, so that
 * it can continue by itself if the newest process dies. No request fails because of a lost link.
 */
import assert from 'node:assert';
import type { Clock } from '../clock.ts';
import type { Denial } from './access.ts';
import type { AdmissionAsk, QueueTicket } from './admission.ts';
import type { HeldLeases } from './engine-turns.ts';
import type { FairAdmission } from './fair-admission.ts';
import type { LinkState } from './held-link.ts';
import { type CountedKey, concurrencyDenial, type HeldRequests, type KeyHolding } from './key-holdings.ts';
import { type DialLink, type LinkAsk, type LinkPlace, linkAnswers } from './limits-link.ts';
import { LimitsLinkClient } from './limits-link-client.ts';
import { LinkedRequest, type Settled } from './linked-request.ts';
import type { LimitPorts, LocalLimits } from './local-limits.ts';
import type { BucketAsk, Verdict } from './rate-limiter.ts';
import type { RequestAhead } from './request-ahead.ts';
import { type BudgetedKey, hasBudget, tokenDenial } from './token-budgets.ts';
import type { TokenCheck } from './token-check.ts';

export interface LinkedLimitsOptions {
  /** The counts of this process. */
  readonly local: LocalLimits;
  /** The decisions while this process counts by itself. */
  readonly own: LimitPorts;
  readonly clock: Clock;
  readonly dial: DialLink;
  /** The newest process has died: this process decides again. */
  readonly lost?: () => void;
}

export class LinkedLimits {
  readonly ports: LimitPorts;
  readonly #options: LinkedLimitsOptions;
  /** Undefined while this process counts by itself. */
  #link: LimitsLinkClient | undefined;
  /** Handed-over waiting requests: from the number in this queue to the number of the message. */
  #handedOver: ReadonlyMap<number, number> = new Map();

  constructor(options: LinkedLimitsOptions) {
    this.#options = options;
    const { own } = options;
    this.ports = {
      rates: {
        take: (asks, nowMs, ahead) =>
          this.#link === undefined ? own.rates.take(asks, nowMs, ahead) : this.#take(this.#link, asks, nowMs),
        reading: (ask, nowMs) => own.rates.reading(ask, nowMs),
      },
      concurrency: {
        takeRequest: (key, holding, ahead) =>
          this.#link === undefined
            ? this.#takeOwn(key, holding, ahead)
            : this.#takeRequest(this.#link, key, holding),
        giveBackRequest: (holding) => {
          own.concurrency.giveBackRequest(holding);
          this.tell({ do: 'give', family: holding.familyId });
        },
      },
      tokens: {
        check: (key, ahead) =>
          this.#link === undefined ? own.tokens.check(key, ahead) : this.#checkTokens(this.#link, key),
        settle: (key, tokens) => {
          own.tokens.settle(key, tokens);
          if (this.#link !== undefined) this.#tellSettled(key, tokens);
        },
      },
      admission: {
        enter: (ask, settled) =>
          this.#link === undefined || !ask.generates
            ? own.admission.enter(ask, settled)
            : this.#enter(this.#link, ask, settled),
      },
      logins: {
        failed: (bucket, nowMs) => {
          this.tell({ do: 'login', bucket });
          return own.logins.failed(bucket, nowMs);
        },
      },
    };
  }

  /** True while another process counts, or is about to count. */
  get linked(): boolean {
    return this.#link !== undefined;
  }

  /**
   * Begins a hand-over and returns the state of this process's own requests. `id` identifies this process to the next
   * one. `others` is the state held for other processes; `othersWaiting` are the numbers of their requests in the
   * queue.
   */
  begin(id: string, others: readonly LinkState[], othersWaiting: ReadonlySet<number>): LinkState {
    assert(this.#link === undefined, 'one hand-over at a time');
    const { local, clock, dial } = this.#options;
    const { waiting, leases } = local.admission.exportState();
    const own = waiting.filter(({ number }) => !othersWaiting.has(number));
    this.#handedOver = new Map(own.map(({ number }, i) => [number, i + 1]));
    local.admission.pause();
    const release: FairAdmission['onRelease'] = (engine, family, end, answer) =>
      this.tell({ do: 'release', engine, family, end, ...(answer === undefined ? {} : { answer }) });
    local.admission.onRelease = release;
    this.#link = new LimitsLinkClient({
      id,
      known: own.length,
      clock,
      dial,
      unwanted: (answer) => this.#returnUnwanted(answer),
      lost: () => {
        this.#options.lost?.();
        this.#countAgain();
      },
    });
    return {
      id,
      done: own.length,
      requests: without(
        local.concurrency.exportState(),
        others.flatMap((link) => link.requests),
      ),
      leases: withoutLeases(
        leases,
        others.flatMap((link) => link.leases),
      ),
      waiting: own.map(({ family, engines, leftMs }, i) => ({ n: i + 1, family, engines, leftMs })),
    };
  }

  /** The other process did not become ready: this process decides the waiting calls and continues. */
  cancel(): void {
    const open = this.#link?.end() ?? [];
    this.#countAgain();
    for (const answered of open) answered(undefined);
  }

  /** The other process counts from now on. Waiting requests keep their position in its queue. */
  commit(place: LinkPlace): void {
    const link = this.#link;
    assert(link !== undefined, 'a hand-over has begun');
    const { admission } = this.#options.local;
    const left = new Map(this.#handedOver);
    for (const { number, ask, settled, onLeave } of admission.takeWaiting()) {
      const n = this.#handedOver.get(number);
      assert(n !== undefined, 'what waits was handed over, because nothing enters meanwhile');
      left.delete(number);
      const waiting = new LinkedRequest(link, ask, settled, this.#options.local, this.#options.own);
      link.expect(n, (answer) => waiting.settle(answer));
      onLeave(() => waiting.leave(n));
    }
    // These requests left or were refused while the other process became ready.
    for (const n of left.values()) link.send({ do: 'leave', entered: n });
    admission.resume();
    link.connect(place);
  }

  /** Notifies the newest process. Does nothing while this process counts by itself. */
  tell(message: LinkAsk): void {
    this.#link?.send(message);
  }

  close(): void {
    this.#link?.end();
    this.#link = undefined;
    this.#options.local.admission.onRelease = undefined;
  }

  #countAgain(): void {
    const { admission } = this.#options.local;
    this.#link = undefined;
    this.#handedOver = new Map();
    admission.onRelease = undefined;
    admission.resume();
  }

  /** Releases a slot that was granted to a request that has already ended. */
  #returnUnwanted(answer: unknown): void {
    const { data } = linkAnswers.enter.safeParse(answer);
    if (data === undefined || 'denied' in data) return;
    const { engine, family } = data;
    this.tell({ do: 'release', engine, family, end: 'client-gone' });
  }

  #take(link: LimitsLinkClient, asks: readonly BucketAsk[], nowMs: number): Promise<Verdict> {
    const { own } = this.#options;
    return new Promise((resolve) => {
      link.send({ do: 'rate', asks: [...asks] }, (raw) => {
        const { data } = linkAnswers.rate.safeParse(raw);
        if (data?.granted === true) {
          const tightest = data.tightest === null ? undefined : asks[data.tightest];
          return resolve({ ...data, tightest });
        }
        const ask = data === undefined ? undefined : asks[data.ask];
        resolve(data === undefined || ask === undefined ? own.rates.take(asks, nowMs) : { ...data, ask });
      });
    });
  }

  #takeOwn(
    key: CountedKey,
    holding: KeyHolding,
    ahead: RequestAhead | undefined,
  ): Denial | undefined | Promise<Denial | undefined> {
    const taking = this.#options.own.concurrency.takeRequest(key, holding, ahead);
    return taking instanceof Promise ? this.#tellTaken(taking, key, holding) : taking;
  }

  async #tellTaken(
    taking: Promise<Denial | undefined>,
    key: CountedKey,
    holding: KeyHolding,
  ): Promise<Denial | undefined> {
    const denial = await taking;
    // A hand-over began while another machine was asked, so its state does not include this request.
    if (denial === undefined) this.tell({ do: 'take', key: key.id, family: holding.familyId, limit: null });
    return denial;
  }

  #takeRequest(link: LimitsLinkClient, key: CountedKey, holding: KeyHolding): Promise<Denial | undefined> {
    const { local, own } = this.#options;
    const limit = key.limits.concurrency;
    const family = holding.familyId;
    return new Promise((resolve) => {
      link.send({ do: 'take', key: key.id, family, limit }, (raw) => {
        const { data } = linkAnswers.take.safeParse(raw);
        if (data === undefined) return resolve(own.concurrency.takeRequest(key, holding));
        if (!data.granted) return resolve(concurrencyDenial(key.id, limit ?? 0));
        local.concurrency.holdRequests(family, 1);
        resolve(undefined);
      });
    });
  }

  #checkTokens(link: LimitsLinkClient, key: BudgetedKey): TokenCheck | Promise<TokenCheck> {
    if (!hasBudget(key)) return { reading: undefined, denial: undefined };
    const { tokensPerMinute: perMinute, tokensPerDay: perDay } = key.limits;
    return new Promise((resolve) => {
      link.send({ do: 'tokens', key: key.id, family: key.familyId, perMinute, perDay }, (raw) => {
        const { data } = linkAnswers.tokens.safeParse(raw);
        if (data === undefined) return resolve(this.#options.own.tokens.check(key));
        const { reading, denial } = data;
        resolve({
          reading,
          denial: denial && tokenDenial(key, denial.span, denial.limit, denial.retryAfterMs),
        });
      });
    });
  }

  #tellSettled(key: BudgetedKey, tokens: number): void {
    const perMinute = key.limits.tokensPerMinute;
    if (perMinute !== null && tokens > 0)
      this.tell({ do: 'settle', key: key.id, family: key.familyId, perMinute, tokens });
  }

  #enter(link: LimitsLinkClient, ask: AdmissionAsk, settled: Settled): QueueTicket {
    const { local, own } = this.#options;
    const waiting = new LinkedRequest(link, ask, settled, local, own);
    const engines = ask.candidates.all.map((candidate) => candidate.engine.ref.id);
    const family = ask.key.familyId;
    const n = link.send({ do: 'enter', family, engines }, (answer) => waiting.settle(answer));
    return { kind: 'waiting', position: 1, place: () => waiting.place(), leave: () => waiting.leave(n) };
  }
}

/** Returns the counts of `all` minus those of `others`. */
function without(all: readonly HeldRequests[], others: readonly HeldRequests[]): readonly HeldRequests[] {
  const left = new Map(all);
  for (const [family, count] of others) left.set(family, (left.get(family) ?? 0) - count);
  return [...left].filter(([, count]) => count > 0);
}

function withoutLeases(all: readonly HeldLeases[], others: readonly HeldLeases[]): readonly HeldLeases[] {
  return all
    .map(([engine, family, count]): HeldLeases => {
      const theirs = others.filter(([e, f]) => e === engine && f === family);
      return [engine, family, theirs.reduce((left, [, , n]) => left - n, count)];
    })
    .filter(([, , count]) => count > 0);
}
