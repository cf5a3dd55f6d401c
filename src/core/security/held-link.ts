/**
 * State that the newest process holds for one draining process: requests, leases, waiting requests, and answers that
 * may have to be sent again.
 */

import type { Unsubscribe } from '../clock.ts';
import type { Lease, QueueTicket } from './admission.ts';
import type { HeldLeases } from './engine-turns.ts';
import type { HeldRequests } from './key-holdings.ts';
import type { LinkConnection } from './limits-link.ts';

/** A request of a draining process that waits in the queue of the newest one. */
export interface HeldWaiting {
  readonly family: string;
  readonly engines: readonly string[];
  readonly untilMs: number;
  ticket: QueueTicket | undefined;
}

/** The state of a link for a hand-over. */
export interface LinkState {
  readonly id: string;
  /** Number of the last executed message. */
  readonly done: number;
  readonly requests: readonly HeldRequests[];
  readonly leases: readonly HeldLeases[];
  readonly waiting: readonly {
    /** The number of the requesting message. */
    readonly n: number;
    readonly family: string;
    readonly engines: readonly string[];
    readonly leftMs: number;
  }[];
}

const keptAnswers = 1_000;

export class HeldLink {
  readonly id: string;
  done: number;
  readonly requests = new Map<string, number>();
  /** By engine and family. */
  readonly #leases = new Map<
    string,
    { readonly engine: string; readonly family: string; readonly held: Lease[] }
  >();
  /** By the number of the requesting message. */
  readonly waiting = new Map<number, HeldWaiting>();
  /** Messages that are not answered yet. */
  readonly #open = new Set<number>();
  readonly #answers = new Map<number, object>();
  connection: LinkConnection | undefined;
  /** Requested while there was no connection. */
  readonly owedSyncs: number[] = [];
  cancelExpiry: Unsubscribe = () => {};

  constructor(id: string, done: number) {
    this.id = id;
    this.done = done;
  }

  // --- answers

  begin(n: number): void {
    this.#open.add(n);
  }

  answer(n: number, answer: object = {}): void {
    this.#open.delete(n);
    const whole = { n, ...answer };
    this.#answers.set(n, whole);
    if (this.#answers.size > keptAnswers) {
      const [oldest] = this.#answers.keys();
      if (oldest !== undefined) this.#answers.delete(oldest);
    }
    this.connection?.send(whole);
  }

  /** Sends the answer to a repeated message again, unless the answer is not known yet. */
  repeat(n: number): void {
    if (this.#open.has(n) || this.waiting.has(n)) return;
    this.connection?.send(this.#answers.get(n) ?? { n });
  }

  // --- held state

  addRequests(family: string, count: number): void {
    const now = (this.requests.get(family) ?? 0) + count;
    if (now > 0) this.requests.set(family, now);
    else this.requests.delete(family);
  }

  addLease(engine: string, family: string, lease: Lease): void {
    const name = `${engine}\n${family}`;
    const entry = this.#leases.get(name) ?? { engine, family, held: [] };
    entry.held.push(lease);
    this.#leases.set(name, entry);
  }

  takeLease(engine: string, family: string): Lease | undefined {
    return this.#leases.get(`${engine}\n${family}`)?.held.pop();
  }

  /** Whether a request of this family runs there. */
  hasOf(family: string): boolean {
    return this.requests.has(family);
  }

  /** Removes and returns all leases. */
  takeLeases(): readonly Lease[] {
    const all = [...this.#leases.values()].flatMap(({ held }) => held);
    this.#leases.clear();
    return all;
  }

  exportState(nowMs: number): LinkState {
    return {
      id: this.id,
      done: this.done,
      requests: [...this.requests],
      leases: [...this.#leases.values()]
        .filter(({ held }) => held.length > 0)
        .map(({ engine, family, held }): HeldLeases => [engine, family, held.length]),
      waiting: [...this.waiting].map(([n, { family, engines, untilMs }]) => ({
        n,
        family,
        engines,
        leftMs: Math.max(0, untilMs - nowMs),
      })),
    };
  }
}
