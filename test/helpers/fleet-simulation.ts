/**
 * A deterministic simulation of a fleet: real nodes (`FleetLimits`), the real Lua scripts, one thread, and a virtual
 * time. A seed decides every delay and every fault: nodes die, stall and have clocks of their own speed; the network
 * delays, breaks, and delivers what was sent before a break long after it; the server crashes, with and without its
 * data, and its clock is set.
 */
import type { Clock, Unsubscribe } from '../../src/core/clock.ts';
import type { Lease } from '../../src/core/security/admission.ts';
import { answerMs } from '../../src/valkey/redis-link.ts';
import type { ScriptName } from '../../src/valkey/scripts.ts';
import type { Argument, Reply, ServerLink, ServerListener } from '../../src/valkey/server-link.ts';
import { FleetNode } from './fleet-node.ts';
import { keyWith } from './limits-requests.ts';
import { LuaRedis } from './lua-redis.ts';

export type Faults = 'none' | 'some';

export interface SimulationOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly faults: Faults;
  readonly seconds: number;
}

/** The limits that all nodes share. */
export const limits = { perMinute: 120, burst: 10, concurrency: 6, slots: 4, tokensPerMinute: 600 } as const;

/** mulberry32 */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Event {
  readonly atMs: number;
  readonly number: number;
  readonly owner: SimulatedNode | undefined;
  readonly run: () => void;
  cancelled: boolean;
}

export interface Observed {
  /** Requests that passed the rate. */
  granted: number;
  /** At once, over all nodes. */
  mostRunning: number;
  mostSlots: number;
  /** Requests that had a slot. */
  served: number;
}

export class FleetSimulation {
  readonly random: () => number;
  readonly options: SimulationOptions;
  readonly server: LuaRedis;
  readonly nodes: SimulatedNode[] = [];
  readonly observed: Observed = {
    granted: 0,
    mostRunning: 0,
    mostSlots: 0,
    served: 0,
  };
  nowMs = 0;
  serverIsUp = true;
  #events: Event[] = [];
  #lastNumber = 0;
  #names = 0;

  constructor(options: SimulationOptions) {
    this.options = options;
    this.random = randomOf(options.seed);
    this.server = new LuaRedis((channel, text) => {
      for (const node of this.nodes) node.link.published(channel, text);
    });
    for (let i = 0; i < options.nodes; i++) this.add();
  }

  add(): SimulatedNode {
    const node = new SimulatedNode(this, `n${++this.#names}`);
    this.nodes.push(node);
    void node.fleet.limits.start();
    return node;
  }

  between(from: number, to: number): number {
    return from + this.random() * (to - from);
  }

  at(atMs: number, owner: SimulatedNode | undefined, run: () => void): Event {
    const event = { atMs, number: ++this.#lastNumber, owner, run, cancelled: false };
    // A heap is not needed: there are few events.
    let i = this.#events.length;
    while (i > 0 && (this.#events[i - 1] as Event).atMs > atMs) i--;
    this.#events.splice(i, 0, event);
    return event;
  }

  after(ms: number, owner: SimulatedNode | undefined, run: () => void): Event {
    return this.at(this.nowMs + ms, owner, run);
  }

  /** Runs every event until that time. */
  async run(untilMs: number): Promise<void> {
    for (;;) {
      const next = this.#events[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#events.shift();
      if (next.cancelled || next.owner?.isDead === true) continue;
      const stalledUntilMs = next.owner?.stalledUntilMs ?? 0;
      if (stalledUntilMs > next.atMs) {
        // Later events of the node are later in the list, so their order stays.
        this.at(stalledUntilMs, next.owner, next.run);
        continue;
      }
      this.server.nowMs += next.atMs - this.nowMs;
      this.nowMs = next.atMs;
      next.run();
      // Everything that follows from the event.
      await new Promise((resolve) => setImmediate(resolve));
      this.#look();
    }
    this.server.nowMs += untilMs - this.nowMs;
    this.nowMs = untilMs;
  }

  living(): readonly SimulatedNode[] {
    return this.nodes.filter(({ isDead }) => !isDead);
  }

  #look(): void {
    const living = this.living();
    const running = living.reduce((sum, node) => sum + node.running, 0);
    const slots = living.reduce((sum, node) => sum + node.leases.size, 0);
    this.observed.mostRunning = Math.max(this.observed.mostRunning, running);
    this.observed.mostSlots = Math.max(this.observed.mostSlots, slots);
  }
}

export class SimulatedNode {
  readonly simulation: FleetSimulation;
  readonly link: SimulatedLink;
  readonly fleet: FleetNode;
  readonly leases = new Set<Lease>();
  running = 0;
  isDead = false;
  stalledUntilMs = 0;
  readonly #startedMs: number;
  readonly #speed: number;

  constructor(simulation: FleetSimulation, name: string) {
    this.simulation = simulation;
    this.#startedMs = simulation.nowMs;
    // Clocks of nodes differ by more than any real ones.
    this.#speed = simulation.options.faults === 'none' ? 1 : simulation.between(0.98, 1.02);
    this.link = new SimulatedLink(simulation, this);
    let ids = 0;
    this.fleet = new FleetNode({
      link: this.link,
      clock: this.clock,
      slots: limits.slots,
      newId: () => `${name}-${++ids}`,
    });
  }

  get clock(): Clock {
    const { simulation } = this;
    const monotonicMs = (): number => (simulation.nowMs - this.#startedMs) * this.#speed;
    const after = (ms: number, f: () => void): Unsubscribe => {
      const event = simulation.after(ms / this.#speed, this, f);
      return () => {
        event.cancelled = true;
      };
    };
    return {
      nowMs: () => 1_600_000_000_000 + monotonicMs(),
      monotonicMs,
      after,
      every: (ms, f) => {
        let cancel: Unsubscribe = () => {};
        let ended = false;
        const again = (): void => {
          cancel = after(ms, () => {
            f();
            if (!ended) again();
          });
        };
        again();
        return () => {
          ended = true;
          cancel();
        };
      },
    };
  }

  /** Says nothing any more. */
  die(): void {
    this.isDead = true;
    this.link.abandon();
  }

  /** One request: a rate, one of the requests in progress, tokens, a slot, and some time. */
  async request(holdMs: number): Promise<void> {
    const { simulation, fleet } = this;
    const { observed } = simulation;
    if (!(await fleet.rate(limits.perMinute, limits.burst))) return;
    observed.granted += 1;
    if (!(await fleet.take(limits.concurrency))) return;
    this.running += 1;
    const key = keyWith({ tokensPerMinute: limits.tokensPerMinute }, 'a');
    const { denial } = await fleet.limits.ports.tokens.check(key);
    const outcome = denial === undefined ? await fleet.enter().outcome : undefined;
    if (outcome?.kind === 'lease') {
      this.leases.add(outcome);
      await new Promise<void>((resolve) => simulation.after(holdMs, this, resolve));
      this.leases.delete(outcome);
      outcome.release('done');
      fleet.limits.ports.tokens.settle(key, 5);
      observed.served += 1;
    }
    this.running -= 1;
    fleet.give();
  }
}

interface Connection {
  open: boolean;
  /** When the last message in each direction arrives: the order is kept. */
  toServerMs: number;
  toNodeMs: number;
}

class SimulatedLink implements ServerLink {
  readonly #simulation: FleetSimulation;
  readonly #node: SimulatedNode;
  #base = '';
  #listener: ServerListener | undefined;
  #connection: Connection | undefined;
  readonly #open = new Set<(error: Error) => void>();
  #closed = false;
  /** Messages in both directions arrive after this time. */
  partedUntilMs = 0;

  constructor(simulation: FleetSimulation, node: SimulatedNode) {
    this.#simulation = simulation;
    this.#node = node;
  }

  open(base: string, listener: ServerListener): void {
    this.#base = base;
    this.#listener = listener;
    this.#connect(1);
  }

  call(script: ScriptName, args: readonly Argument[]): Promise<Reply> {
    const connection = this.#connection;
    if (connection === undefined) return Promise.reject(new Error('there is no connection'));
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    this.#open.add(reject);
    const late = this.#simulation.after(answerMs, this.#node, () => {
      if (this.#open.has(reject) && this.#connection === connection) this.reset('no answer');
    });
    connection.toServerMs = this.#arrival(connection.toServerMs);
    this.#simulation.at(connection.toServerMs, undefined, () => {
      // Bytes that were sent arrive, also after the node has given the connection up.
      if (!this.#simulation.serverIsUp || !this.#survives(connection)) return;
      const reply = this.#simulation.server.run(script, args);
      connection.toNodeMs = this.#arrival(connection.toNodeMs);
      this.#simulation.at(connection.toNodeMs, this.#node, () => {
        late.cancelled = true;
        if (this.#connection === connection && this.#open.delete(reject)) resolve(reply);
      });
    });
    return promise;
  }

  reset(problem: string): void {
    if (this.#connection === undefined) return;
    this.#connection.open = false;
    this.#connection = undefined;
    this.#fail(problem);
    this.#again();
  }

  close(): void {
    this.#closed = true;
    this.#connection = undefined;
  }

  /** The node is dead: nobody closes the connection. */
  abandon(): void {
    this.#closed = true;
  }

  published(channel: string, text: string): void {
    const connection = this.#connection;
    const isMine = channel === '{flm}:all' || channel === `{flm}:to:${this.#base}`;
    if (connection === undefined || !isMine || this.#closed) return;
    // The other connection: its own order, which the same delays keep.
    const atMs = Math.max(this.#arrival(0), connection.toNodeMs);
    connection.toNodeMs = atMs;
    this.#simulation.at(atMs, this.#node, () => {
      if (this.#connection === connection) this.#listener?.message(text);
    });
  }

  /** The server has crashed. */
  serverCrashed(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#simulation.after(this.#simulation.between(0, 50), this.#node, () => {
      if (this.#connection === connection) this.reset('the server has ended');
    });
    this.#crashes += 1;
  }

  #crashes = 0;
  readonly #crashesAtBegin = new WeakMap<Connection, number>();

  /** A crash of the server loses what was under way to it. */
  #survives(connection: Connection): boolean {
    return this.#crashesAtBegin.get(connection) === this.#crashes;
  }

  #connect(delayMs: number): void {
    this.#simulation.after(delayMs, this.#node, () => {
      if (this.#closed) return;
      const { nowMs, serverIsUp } = this.#simulation;
      if (!serverIsUp || this.partedUntilMs > nowMs) {
        this.#listener?.down('it cannot be reached');
        return this.#again();
      }
      const connection = { open: true, toServerMs: 0, toNodeMs: 0 };
      this.#crashesAtBegin.set(connection, this.#crashes);
      this.#connection = connection;
      this.#listener?.up();
    });
  }

  #again(): void {
    if (!this.#closed) this.#connect(this.#simulation.between(50, 500));
  }

  #fail(problem: string): void {
    const open = [...this.#open];
    this.#open.clear();
    for (const reject of open) reject(new Error(problem));
    this.#listener?.down(problem);
  }

  #arrival(afterMs: number): number {
    const { nowMs, options } = this.#simulation;
    const delayMs = this.#simulation.between(0.1, options.faults === 'none' ? 20 : 200);
    return Math.max(afterMs, Math.max(this.partedUntilMs, nowMs) + delayMs);
  }
}
