/**
 * This node's membership in the fleet, over one server.
 *
 *   away --connected--> returning --5 s of health--> shared
 *    ^                      |                          |
 *    '----- connection lost, no answer, or the lease has ended
 *
 * `shared`: the server counts. `away` and `returning`: this node counts its part by itself. The first connection of a
 * process leads to `shared` at once. A member tells all that its node holds when it begins, and what changed while it
 * waited for the answer, so the server's counts are exact from the first question on.
 */
import type { Clock, Unsubscribe } from '../core/clock.ts';
import { NodeCount } from './node-count.ts';
import type { ScriptName } from './scripts.ts';
import type { Argument, Reply, ServerLink } from './server-link.ts';

export type MemberState = 'away' | 'returning' | 'shared';

/** Ends the shares of a node that died. */
export const leaseMs = 5_000;
const beatMs = 500;
/** A server that comes and goes is not asked in between: each change of sides costs a little exactness. */
export const healthMs = 5_000;
const keepEveryBeats = 240;

/** A number by name: requests of families (`c:FAMILY`) and slots of engines (`s:ENGINE`). */
export type Held = ReadonlyMap<string, number>;

export interface MembershipOptions {
  readonly link: ServerLink;
  readonly clock: Clock;
  readonly newId: () => string;
  /** All that this node holds now. */
  readonly held: () => Held;
  /** Called before the first question, with what the server was told. `lost`: the server has lost its counts. */
  readonly begin: (held: Held, lost: boolean) => void;
  readonly message: (text: string) => void;
  readonly changed: (state: MemberState, problem: string | undefined) => void;
  readonly beat: () => void;
}

export class Membership {
  readonly #options: MembershipOptions;
  readonly #nodes: NodeCount;
  #base = '';
  /** Undefined while the server does not know this node. */
  #me: string | undefined;
  #state: MemberState = 'away';
  #problem: string | undefined = 'it has not answered yet';
  #wasShared = false;
  /** Changes when the server has lost its data. */
  #mark: string | undefined;
  /** Kept from the first member after an outage until the server counts again. */
  #lost = false;
  #connected = false;
  #retired = false;
  #isHeld = false;
  #cancelHealth: Unsubscribe = () => {};
  #cancelBeats: Unsubscribe = () => {};
  #beats = 0;
  /** Counts the connections and members, so that late replies are recognised. */
  #turn = 0;
  #settled: (() => void) | undefined;
  readonly #firstAnswer: Promise<void>;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#nodes = new NodeCount(1, options.clock.monotonicMs());
    this.#firstAnswer = new Promise((resolve) => {
      this.#settled = resolve;
    });
  }

  get state(): MemberState {
    return this.#state;
  }

  get problem(): string | undefined {
    return this.#state === 'shared' ? undefined : this.#problem;
  }

  get name(): string | undefined {
    return this.#me;
  }

  get base(): string {
    return this.#base;
  }

  /** By this number a limit is divided while the server is away. */
  get nodes(): number {
    return this.#nodes.most;
  }

  /** Resolves when the server has answered, or when it cannot be reached. */
  get firstAnswer(): Promise<void> {
    return this.#firstAnswer;
  }

  /** `base` and `nodes` come from the process that this one replaces. */
  start(base: string, nodes = 1): void {
    const { link, clock, message } = this.#options;
    this.#base = base;
    this.#nodes.note(nodes, clock.monotonicMs());
    this.#cancelBeats = clock.every(beatMs, () => this.#beat());
    link.open(base, {
      up: () => {
        this.#connected = true;
        this.#join();
      },
      down: (problem) => {
        this.#connected = false;
        this.#leave(problem);
        this.#settled?.();
      },
      message,
    });
  }

  /** Asks as this member. Undefined: the server is away, and this node decides. */
  async ask(script: ScriptName, args: readonly Argument[]): Promise<Reply | undefined> {
    const me = this.#me;
    if (me === undefined) return undefined;
    const turn = this.#turn;
    try {
      const reply = await this.#options.link.call(script, [me, ...args]);
      if (reply[0] !== 'fenced') return reply;
    } catch {
      return undefined;
    }
    if (turn === this.#turn) this.#again('the lease of this node had ended');
    return undefined;
  }

  /** Tells the server; nobody waits for it. */
  tell(script: ScriptName, args: readonly Argument[]): void {
    if (this.#me !== undefined) void this.ask(script, args);
  }

  /**
   * Another process is about to continue as this node. When it does, this membership ends, and until `release` no other
   * one begins: each would end the one of the other process.
   */
  hold(): void {
    this.#isHeld = true;
  }

  /** The other process did not become ready. */
  release(): void {
    this.#isHeld = false;
    if (this.#me === undefined) this.#join();
  }

  /** The other process continues as this node. */
  retire(): void {
    this.#isHeld = false;
    this.#retired = true;
    this.#turn += 1;
    this.#me = undefined;
    this.#cancelHealth();
    this.#state = 'away';
    this.#problem = 'another process counts for this node';
  }

  /** That process has died: this one counts again. */
  resume(): void {
    if (!this.#retired) return;
    this.#retired = false;
    this.#leave('the process that counted for this node has ended');
    this.#join();
  }

  /** Frees all that this node holds, and ends the connection. */
  async close(): Promise<void> {
    const me = this.#me;
    this.#cancelBeats();
    this.#cancelHealth();
    this.#turn += 1;
    this.#me = undefined;
    this.#settled?.();
    try {
      if (me !== undefined && !this.#retired) await this.#options.link.call('bye', [me]);
    } catch {
      // The lease ends by itself.
    }
    this.#options.link.close();
  }

  /** Becomes a new member, with all that this node holds. */
  async #hello(): Promise<void> {
    const { link, clock, held, newId } = this.#options;
    const turn = ++this.#turn;
    // The server ends the earlier member now.
    this.#me = undefined;
    const told = held();
    try {
      const reply = await link.call('hello', [this.#base, leaseMs, newId(), ...flat(told)]);
      if (turn !== this.#turn) return;
      const [, me, nodes, mark] = reply;
      this.#me = String(me);
      this.#nodes.note(Number(nodes), clock.monotonicMs());
      const lost = this.#mark !== undefined && this.#mark !== String(mark);
      this.#mark = String(mark);
      this.#onHello(told, lost);
    } catch {
      // The link reports the end of the connection.
    }
    this.#settled?.();
  }

  #onHello(told: Held, lost: boolean): void {
    const { clock, begin } = this.#options;
    if (this.#state === 'away' && this.#wasShared) {
      this.#lost ||= lost;
      this.#cancelHealth();
      this.#cancelHealth = clock.after(healthMs, () => this.#join());
      this.#set('returning', this.#problem);
      return;
    }
    this.#wasShared = true;
    for (const [name, n] of difference(told, this.#options.held())) this.tell('hold', [name, n]);
    begin(this.#options.held(), this.#lost || lost);
    this.#lost = false;
    this.#set('shared', undefined);
  }

  #beat(): void {
    const { clock, beat } = this.#options;
    if (this.#retired) return;
    if (this.#me !== undefined) {
      void this.ask('beat', [leaseMs]).then((reply) => {
        if (reply === undefined) return;
        this.#nodes.note(Number(reply[1]), clock.monotonicMs());
        if (this.#mark !== String(reply[2])) this.#again('it has lost its counts');
      });
      this.#beats += 1;
      if (this.#beats % keepEveryBeats === 0) this.tell('keep', [...this.#options.held().keys()]);
    }
    beat();
  }

  #again(problem: string): void {
    this.#leave(problem);
    this.#join();
  }

  #join(): void {
    if (this.#connected && !this.#retired && !this.#isHeld) void this.#hello();
  }

  #leave(problem: string): void {
    this.#turn += 1;
    this.#me = undefined;
    this.#cancelHealth();
    if (this.#retired) return;
    this.#set('away', problem);
  }

  #set(state: MemberState, problem: string | undefined): void {
    const before = this.#state;
    this.#state = state;
    this.#problem = problem;
    if (before !== state) this.#options.changed(state, problem);
  }
}

/** As the script `hello` reads it: requests, then slots, each with their number first. */
function flat(held: Held): Argument[] {
  const all = [...held];
  return ['c:', 's:'].flatMap((kind) => {
    const some = all.filter(([name]) => name.startsWith(kind));
    return [some.length, ...some.flatMap(([name, n]) => [name.slice(kind.length), n])];
  });
}

function difference(told: Held, now: Held): readonly (readonly [string, number])[] {
  const names = new Set([...told.keys(), ...now.keys()]);
  return [...names]
    .map((name) => [name, (now.get(name) ?? 0) - (told.get(name) ?? 0)] as const)
    .filter(([, n]) => n !== 0);
}
