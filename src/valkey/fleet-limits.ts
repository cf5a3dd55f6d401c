/**
 * The limits of a fleet: one server counts for all nodes. `FleetLimitPorts` decides about requests. This class joins the
 * fleet, hands the node over to another process, and passes revocations on.
 *
 * This node also keeps its own counts. While the server is away, `OutageLimits` decides by them, and a bucket starts from
 * its last known balance. When the server is back, this node tells it what it knows, and no balance gets better by that.
 */
import type { Clock } from '../core/clock.ts';
import type { EngineDirectory } from '../core/engine/directory.ts';
import type { Admission } from '../core/security/admission.ts';
import type { LimiterReading } from '../core/security/limiter-reading.ts';
import type { SharedLimits } from '../core/security/limits-hand-over.ts';
import type { LocalLimits } from '../core/security/local-limits.ts';
import { type Charge, Charges } from './charges.ts';
import { FleetLimitPorts } from './fleet-limit-ports.ts';
import { FleetSlots } from './fleet-slots.ts';
import { type MemberState, Membership } from './membership.ts';
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

export class FleetLimits implements SharedLimits {
  readonly ports: FleetLimitPorts;
  readonly #options: FleetLimitsOptions;
  readonly #member: Membership;
  readonly #slots: FleetSlots;
  readonly #charges: Charges;
  #started = false;
  #outages = 0;

  constructor(options: FleetLimitsOptions) {
    this.#options = options;
    const { local, clock, link, newId } = options;
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
    this.#slots = new FleetSlots({
      ...options,
      member: this.#member,
      admission: local.admission,
      nowMs: () => clock.monotonicMs(),
    });
    local.admission.slotSource = this.#slots;
    this.ports = new FleetLimitPorts({
      ...options,
      member: this.#member,
      slots: this.#slots,
      charges: this.#charges,
    });
  }

  get admission(): Admission {
    return this.ports.queue;
  }

  set admission(queue: Admission) {
    this.ports.queue = queue;
  }

  get reading(): LimiterReading {
    const { state, nodes, problem } = this.#member;
    return {
      state,
      nodes,
      problem,
      outage: this.#options.outage,
      decidedShared: this.ports.decidedShared,
      decidedAlone: this.ports.decidedAlone,
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
    this.ports.adoptRequests(this.#options.local.concurrency.exportState());
    this.#member.start(base, nodes);
  }

  #held(): ReadonlyMap<string, number> {
    const held = new Map<string, number>();
    for (const [family, count] of this.ports.ownRequests) held.set(`c:${family}`, count);
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
      const perMinute = this.ports.perMinuteOf(family);
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
}
