/**
 * Tokens that this process has charged and the server has not confirmed. They are sent again after an outage; the server
 * recognises a repeated one by its writer and number. Without the server, the charges of one key become one charge.
 *
 * During a hand-over the next process charges. What this process would charge meanwhile is kept, in case the hand-over
 * is cancelled.
 */
import type { Membership } from './membership.ts';

export interface NewCharge {
  readonly family: string;
  /** 0: no limit of tokens a minute. */
  readonly perMinute: number;
  readonly tokens: number;
  /** The key has a limit of tokens a day. */
  readonly daily: boolean;
}

export interface Charge extends NewCharge {
  /** A name that no other process has, and the number of the charge. */
  readonly writer: string;
  readonly number: number;
}

const mostSent = 64;

export class Charges {
  readonly #member: Membership;
  readonly #writer: string;
  /** In the order in which they were made. */
  readonly #open = new Set<Charge>();
  /** Not sent yet, by the name of the balance. */
  readonly #unsent = new Map<string, Charge>();
  /** To be sent, in order. */
  #queue: Charge[] = [];
  #sent = 0;
  #lastSent = 0;
  /** Counts the connections. */
  #turn = 0;
  #last = 0;
  #counts: 'here' | 'unclear' | 'elsewhere' = 'here';
  #kept: NewCharge[] = [];

  constructor(member: Membership, writer: string) {
    this.#member = member;
    this.#writer = writer;
  }

  /** The number of the last charge that was sent. */
  get last(): number {
    return this.#lastSent;
  }

  /** Tokens of charges after that number, which a reply to an earlier question does not include. */
  since(number: number, family: string): number {
    let tokens = 0;
    for (const charge of this.#open)
      if (charge.writer === this.#writer && charge.number > number && charge.family === family)
        tokens += charge.tokens;
    return tokens;
  }

  add(charge: NewCharge): void {
    if (this.#counts === 'elsewhere') return;
    if (this.#counts === 'unclear') {
      this.#kept.push(charge);
      return;
    }
    const name = `${charge.daily} ${charge.perMinute} ${charge.family}`;
    const before = this.#unsent.get(name);
    const tokens = charge.tokens + (before?.tokens ?? 0);
    if (before !== undefined) this.#open.delete(before);
    const made = { ...charge, tokens, writer: this.#writer, number: ++this.#last };
    this.#open.add(made);
    if (this.#member.state !== 'shared') this.#unsent.set(name, made);
    else {
      this.#queue.push(made);
      this.#sendNext();
    }
  }

  /** Tokens of a family that the server may not have. */
  openOf(family: string): number {
    let tokens = 0;
    for (const charge of this.#open) if (charge.family === family) tokens += charge.tokens;
    return tokens;
  }

  /** Sends everything that is open. */
  resend(): void {
    this.#unsent.clear();
    this.#queue = [...this.#open];
    this.#turn += 1;
    this.#sent = 0;
    this.#lastSent = 0;
    this.#sendNext();
  }

  open(): readonly Charge[] {
    return [...this.#open];
  }

  /** Charges that an earlier process of this node may not have sent. */
  adopt(charges: readonly Charge[]): void {
    for (const charge of charges) this.#open.add(charge);
  }

  hold(): void {
    this.#counts = 'unclear';
  }

  resume(): void {
    this.#counts = 'here';
    for (const charge of this.#kept.splice(0)) this.add(charge);
  }

  /** The next process charges. */
  drop(): void {
    this.#counts = 'elsewhere';
    this.#kept = [];
    this.#open.clear();
    this.#unsent.clear();
  }

  /** Sends a few at once, in order: after an outage there may be one for each key. */
  #sendNext(): void {
    while (this.#sent < mostSent) {
      const charge = this.#queue.shift();
      if (charge === undefined) return;
      void this.#send(charge);
    }
  }

  async #send(charge: Charge): Promise<void> {
    const { writer, number, family, perMinute, tokens, daily } = charge;
    const turn = this.#turn;
    this.#sent += 1;
    if (writer === this.#writer) this.#lastSent = number;
    const args = [writer, number, family, perMinute, tokens, daily ? 1 : ''];
    const reply = await this.#member.ask('charge', args);
    if (reply !== undefined) this.#open.delete(charge);
    if (turn !== this.#turn) return;
    this.#sent -= 1;
    // Without a reply, everything is sent again when the server is back.
    if (reply !== undefined) this.#sendNext();
  }
}
