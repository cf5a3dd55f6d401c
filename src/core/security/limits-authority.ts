/**
 * The newest process's end of the limits links: it counts for draining processes as for its own requests.
 *
 * Requests and slots of a draining process count here until that process releases them, or until its link has been
 * broken for a second, which means that the process has died. After a hand-over it has ten seconds to connect for the
 * first time.
 *
 *   own request refused, and a draining process holds requests of that key
 *     -> ask that process to send all pending messages (`sync`), and decide again
 *
 * So when a client has received the end of a response from a draining process, its slot is free here.
 */
import type { Clock } from '../clock.ts';
import { type Candidate, candidatesOf, type EngineDirectory } from '../engine/directory.ts';
import { rule } from '../rules.ts';
import type { Denial } from './access.ts';
import type { AdmissionDenial, Lease } from './admission.ts';
import { noKeyLimits } from './api-key.ts';
import { HeldLink, type LinkState } from './held-link.ts';
import type { CountedKey, KeyHolding } from './key-holdings.ts';
import { type LinkConnection, type LinkMessage, type LinkPlace, linkMessage } from './limits-link.ts';
import type { LimitPorts, LocalLimits } from './local-limits.ts';
import type { RequestAhead } from './request-ahead.ts';
import { type BudgetedKey, hasBudget } from './token-budgets.ts';
import type { TokenCheck } from './token-check.ts';

/** Tokens that a draining process has counted and may not have written yet. */
export interface UsedTokens {
  /** The name under which it writes usage, and the number of the batch. */
  readonly writer: string;
  readonly sequence: number;
  readonly day: number;
  readonly family: string;
  readonly tokens: number;
}

export interface LimitsAuthorityOptions {
  /** The counts of this process. */
  readonly limits: LocalLimits;
  /** Decides; by default the counts of this process. Its answers may come later. */
  readonly decides?: LimitPorts;
  readonly clock: Clock;
  readonly directory: EngineDirectory;
  readonly used: (tokens: UsedTokens) => void;
}

/** One connection of a draining process. */
export interface LinkReceiver {
  receive(message: unknown): void;
  closed(): void;
}

const firstConnectMs = 10_000;
const brokenMs = 1_000;
const syncMs = 1_000;

export class LimitsAuthority {
  readonly ports: LimitPorts;
  readonly #options: LimitsAuthorityOptions;
  readonly #decides: LimitPorts;
  readonly #links = new Map<string, HeldLink>();
  readonly #syncs = new Map<number, () => void>();
  #lastSync = 0;
  /** True during a hand-over: incoming messages wait. */
  #frozen: (() => void)[] | undefined;
  #movedTo: LinkPlace | undefined;

  constructor(options: LimitsAuthorityOptions) {
    this.#options = options;
    this.#decides = options.decides ?? options.limits;
    const { rates, admission, logins, concurrency, tokens } = this.#decides;
    this.ports = {
      rates,
      admission,
      logins,
      concurrency: {
        takeRequest: (key, holding, ahead) => this.#takeRequest(key, holding, ahead),
        giveBackRequest: (holding) => concurrency.giveBackRequest(holding),
      },
      tokens: {
        check: (key, ahead) => this.#checkTokens(key, ahead),
        settle: (key, used) => tokens.settle(key, used),
      },
    };
  }

  /** Returns the number of draining processes for which something is held. */
  get size(): number {
    return this.#links.size;
  }

  // --- hand-over

  /** Imports the state of draining processes from the process that counted before. */
  importLinks(links: readonly LinkState[]): void {
    const { limits } = this.#options;
    for (const state of links) {
      const link = new HeldLink(state.id, state.done);
      this.#links.set(link.id, link);
      for (const [family, count] of state.requests) this.#hold(link, family, count);
      for (const [engine, family, count] of state.leases) {
        for (let i = 0; i < count; i++)
          link.addLease(engine, family, limits.admission.hold(this.#candidate(engine), family));
      }
      for (const { n, family, engines, leftMs } of state.waiting)
        this.#wait(link, n, family, engines, leftMs);
      this.#expireAfter(link, firstConnectMs);
    }
  }

  /** Returns the numbers, in this process's queue, of the waiting requests of draining processes. */
  waitingNumbers(): ReadonlySet<number> {
    const numbers = new Set<number>();
    for (const { waiting } of this.#links.values())
      for (const { ticket } of waiting.values()) if (ticket?.number !== undefined) numbers.add(ticket.number);
    return numbers;
  }

  exportLinks(): readonly LinkState[] {
    const nowMs = this.#options.clock.monotonicMs();
    return [...this.#links.values()].map((link) => link.exportState(nowMs));
  }

  /** Until `thaw` or `moveTo`, messages wait and nothing expires, so that the exported state stays true. */
  freeze(): void {
    this.#frozen ??= [];
  }

  thaw(): void {
    const waiting = this.#frozen ?? [];
    this.#frozen = undefined;
    for (const each of waiting) each();
  }

  /** Redirects every draining process to a newer process, which holds their state from now on. */
  moveTo(place: LinkPlace): void {
    this.#movedTo = place;
    // Waiting messages were not executed. The draining processes send them again to the newer process.
    this.#frozen = undefined;
    for (const link of this.#links.values()) {
      link.connection?.send({ move: place });
      this.#drop(link);
    }
  }

  /** Undefined if nothing is held for that process. */
  connect(id: string, connection: LinkConnection): LinkReceiver | undefined {
    if (this.#movedTo !== undefined) connection.send({ move: this.#movedTo });
    const link = this.#links.get(id);
    if (link === undefined) return undefined;
    link.cancelExpiry();
    link.connection?.close();
    link.connection = connection;
    for (const sync of link.owedSyncs.splice(0)) connection.send({ sync });
    return {
      receive: (message) => this.#whenThawed(() => this.#receive(link, connection, message)),
      closed: () => {
        if (link.connection !== connection) return;
        link.connection = undefined;
        this.#expireAfter(link, brokenMs);
      },
    };
  }

  /** Releases everything and ends every link. */
  close(): void {
    this.#frozen = undefined;
    for (const link of this.#links.values()) {
      link.connection?.close();
      this.#drop(link);
    }
  }

  // --- messages

  #whenThawed(work: () => void): void {
    if (this.#frozen === undefined) work();
    else this.#frozen.push(work);
  }

  #receive(link: HeldLink, connection: LinkConnection, raw: unknown): void {
    if (link.connection !== connection || !this.#links.has(link.id)) return;
    const parsed = linkMessage.safeParse(raw);
    if (!parsed.success) {
      // An unknown kind of message from a newer version: the other process decides by itself.
      if (typeof raw === 'object' && raw !== null && 'n' in raw && typeof raw.n === 'number')
        this.#numbered(link, raw.n, () => link.answer(raw.n as number));
      return;
    }
    const message = parsed.data;
    this.#numbered(link, message.n, () => this.#carryOut(link, message));
  }

  #numbered(link: HeldLink, n: number, work: () => void): void {
    if (n <= link.done) return link.repeat(n);
    link.done = n;
    link.begin(n);
    work();
  }

  #carryOut(link: HeldLink, message: LinkMessage): void {
    const { limits, clock, used } = this.#options;
    const { rates, concurrency, tokens } = this.#decides;
    const { n } = message;
    switch (message.do) {
      case 'rate':
        return whenKnown(rates.take(message.asks, clock.monotonicMs()), (verdict) => {
          const { resetMs } = verdict;
          if (!verdict.granted) {
            const { ask, retryAfterMs } = verdict;
            return link.answer(n, { granted: false, ask: message.asks.indexOf(ask), retryAfterMs, resetMs });
          }
          const { tightest, remaining } = verdict;
          const at = tightest === undefined ? null : message.asks.indexOf(tightest);
          link.answer(n, { granted: true, tightest: at, remaining, resetMs });
        });
      case 'tokens':
        return whenKnown(tokens.check(keyOf(message)), ({ reading, denial }) => {
          const told = denial && { ...denial.params, retryAfterMs: denial.retryAfterMs };
          link.answer(n, { reading, denial: told });
        });
      case 'take': {
        const { family, key, limit } = message;
        const holding = limits.concurrency.of(family);
        const counted = { id: key, limits: { ...noKeyLimits, concurrency: limit } };
        return whenKnown(concurrency.takeRequest(counted, holding), (denial) => {
          // The process may have died while another machine was asked.
          if (denial === undefined && this.#links.get(link.id) !== link)
            return concurrency.giveBackRequest(holding);
          if (denial === undefined) link.addRequests(family, 1);
          link.answer(n, { granted: denial === undefined });
        });
      }
      case 'give':
        this.#give(link, message.family);
        return link.answer(n);
      case 'enter':
        return this.#enter(link, n, message.family, message.engines);
      case 'leave':
        link.waiting.get(message.entered)?.ticket?.leave();
        link.waiting.delete(message.entered);
        return link.answer(n);
      case 'release':
        link
          .takeLease(message.engine, message.family)
          ?.release(message.end, message.answer && { ...message.answer, model: message.answer.model });
        return link.answer(n);
      case 'settle':
        tokens.settle(keyOf(message), message.tokens);
        return link.answer(n);
      case 'used':
        used(message);
        return link.answer(n);
      case 'login':
        limits.logins.failed(message.bucket, clock.monotonicMs());
        return link.answer(n);
      case 'synced':
        link.answer(n);
        return this.#syncs.get(message.sync)?.();
      default:
        return message satisfies never;
    }
  }

  // --- the queue

  #enter(link: HeldLink, n: number, family: string, engines: readonly string[]): void {
    const { limits, clock, directory } = this.#options;
    const known = engines.flatMap((id) => directory.engine(id) ?? []);
    // Only the other process knows this engine.
    if (known.length === 0) return link.answer(n);
    const entered = this.#decides.admission.enter(
      { key: { familyId: family }, candidates: candidatesOf(known), generates: true },
      (outcome) => this.#settle(link, n, family, outcome),
    );
    if (entered.kind !== 'waiting') return this.#settle(link, n, family, entered);
    const untilMs = clock.monotonicMs() + limits.admission.maxQueueWaitMs;
    link.waiting.set(n, { family, engines, untilMs, ticket: entered });
  }

  #wait(link: HeldLink, n: number, family: string, engines: readonly string[], leftMs: number): void {
    const { limits, clock } = this.#options;
    const known = engines.map((id) => this.#candidate(id));
    const waiting = { family, engines, untilMs: clock.monotonicMs() + leftMs };
    const entry: Parameters<typeof link.waiting.set>[1] = { ...waiting, ticket: undefined };
    link.waiting.set(n, entry);
    entry.ticket = limits.admission.wait(
      { key: { familyId: family }, candidates: candidatesOf(known), generates: true },
      leftMs,
      (outcome) => this.#settle(link, n, family, outcome),
    );
  }

  #settle(link: HeldLink, n: number, family: string, outcome: Lease | AdmissionDenial): void {
    link.waiting.delete(n);
    if (outcome.kind === 'lease') {
      const engine = outcome.candidate.engine.ref.id;
      link.addLease(engine, family, outcome);
      return link.answer(n, { engine, family });
    }
    const { retryAfterMs, position = 1, expectedWaitMs = retryAfterMs } = outcome;
    const waited = outcome.rule === rule('max-queue-wait');
    link.answer(n, { denied: { waited, retryAfterMs, position, expectedWaitMs } });
  }

  #candidate(id: string): Candidate {
    const known = this.#options.directory.engine(id);
    if (known !== undefined) return known;
    // The engine was removed, or is not found yet. Its leases are counted by engine id only, so nothing else is read of it.
    return { engine: { ref: { id, url: '' } }, model: undefined, state: 'down' } as unknown as Candidate;
  }

  // --- what is held

  #hold(link: HeldLink, family: string, count: number): void {
    this.#options.limits.concurrency.holdRequests(family, count);
    link.addRequests(family, count);
  }

  #give(link: HeldLink, family: string): void {
    if (!link.hasOf(family)) return;
    link.addRequests(family, -1);
    this.#decides.concurrency.giveBackRequest(this.#options.limits.concurrency.of(family));
  }

  #expireAfter(link: HeldLink, ms: number): void {
    link.cancelExpiry = this.#options.clock.after(ms, () => this.#whenThawed(() => this.#drop(link)));
  }

  #drop(link: HeldLink): void {
    link.cancelExpiry();
    this.#links.delete(link.id);
    for (const { ticket } of link.waiting.values()) ticket?.leave();
    link.waiting.clear();
    for (const [family, count] of [...link.requests])
      for (let i = 0; i < count; i++) this.#give(link, family);
    for (const lease of link.takeLeases()) lease.release('client-gone');
  }

  // --- own requests

  #takeRequest(
    key: CountedKey,
    holding: KeyHolding,
    ahead: RequestAhead | undefined,
  ): Denial | undefined | Promise<Denial | undefined> {
    const taking = this.#decides.concurrency.takeRequest(key, holding, ahead);
    return this.#links.size === 0 ? taking : this.#takeSynced(taking, key, holding);
  }

  /**
   * Asks again after a denial: a draining process may have given back a request. A method of its own, because a function
   * with a closure allocates at each call.
   */
  #takeSynced(
    taking: Denial | undefined | Promise<Denial | undefined>,
    key: CountedKey,
    holding: KeyHolding,
  ): Denial | undefined | Promise<Denial | undefined> {
    const again = (denial: Denial | undefined): Denial | undefined | Promise<Denial | undefined> => {
      if (denial === undefined) return denial;
      const synced = this.#sync(holding.familyId);
      return synced === undefined
        ? denial
        : synced.then(() => this.#decides.concurrency.takeRequest(key, holding));
    };
    return taking instanceof Promise ? taking.then(again) : again(taking);
  }

  #checkTokens(key: BudgetedKey, ahead: RequestAhead | undefined): TokenCheck | Promise<TokenCheck> {
    return this.#links.size === 0 ? this.#decides.tokens.check(key, ahead) : this.#checkSynced(key, ahead);
  }

  #checkSynced(key: BudgetedKey, ahead: RequestAhead | undefined): TokenCheck | Promise<TokenCheck> {
    const { tokens } = this.#decides;
    const synced = hasBudget(key) ? this.#sync(key.familyId) : undefined;
    return synced === undefined ? tokens.check(key, ahead) : synced.then(() => tokens.check(key));
  }

  /** Resolves when every draining process with a request of this family has sent its pending messages. */
  #sync(family: string): Promise<unknown> | undefined {
    const asked = [...this.#links.values()].filter((link) => link.hasOf(family));
    return asked.length === 0 ? undefined : Promise.all(asked.map((link) => this.#syncOf(link)));
  }

  #syncOf(link: HeldLink): Promise<void> {
    const number = ++this.#lastSync;
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(syncMs, () => this.#syncs.get(number)?.());
      this.#syncs.set(number, () => {
        cancel();
        this.#syncs.delete(number);
        resolve();
      });
      if (link.connection === undefined) link.owedSyncs.push(number);
      else link.connection.send({ sync: number });
    });
  }
}

/** Limits of this process answer at once, and the order of messages must stay. */
function whenKnown<T>(answer: T | Promise<T>, then: (answer: T) => void): void {
  if (answer instanceof Promise) void answer.then(then);
  else then(answer);
}

function keyOf(message: {
  readonly key: string;
  readonly family: string;
  readonly perMinute: number | null;
  readonly perDay?: number | null;
}): BudgetedKey {
  const { key, family, perMinute, perDay = null } = message;
  return {
    id: key,
    familyId: family,
    limits: { ...noKeyLimits, tokensPerMinute: perMinute, tokensPerDay: perDay },
  };
}
