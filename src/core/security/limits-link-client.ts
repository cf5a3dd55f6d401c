/**
 * The draining end of a limits link: numbers messages, keeps each until it is answered, and reconnects if the link
 * breaks. After two seconds without a connection the link is lost: every open question is answered with undefined, and
 * so is every later one. A newest process that hangs keeps its connection open, so the link is also lost if a probe is
 * not answered in time. A probe is a `synced` that nobody asked for: every version answers it at once.
 */
import type { Clock, Unsubscribe } from '../clock.ts';
import {
  type DialLink,
  type LinkAsk,
  type LinkConnection,
  type LinkPlace,
  linkPlace,
} from './limits-link.ts';

type Answered = (answer: unknown) => void;

interface Pending {
  readonly message: object;
  readonly answered: Answered | undefined;
}

const lostAfterMs = 2_000;
const againMs = 50;
const probeEveryMs = 2_000;
/** A newest process that hands over answers nothing for up to ten seconds. */
const probeAnswerMs = 20_000;
/** The numbers of real syncs begin at 1. */
const noSync = 0;

export interface LimitsLinkClientOptions {
  /** The id of this process for the newest process. */
  readonly id: string;
  /** Messages that the newest process already has, by their position in the handed-over queue. */
  readonly known: number;
  readonly clock: Pick<Clock, 'after' | 'every' | 'monotonicMs'>;
  readonly dial: DialLink;
  /** Called if a grant arrives for a request that is no longer waiting. */
  readonly unwanted: (answer: unknown) => void;
  readonly lost: () => void;
}

export class LimitsLinkClient {
  readonly #options: LimitsLinkClientOptions;
  /** By number, in the order in which they are sent. */
  readonly #pending = new Map<number, Pending>();
  #last: number;
  #place: LinkPlace | undefined;
  #connection: LinkConnection | undefined;
  #isOpen = false;
  #brokenAtMs: number | undefined;
  #cancelAgain: Unsubscribe = () => {};
  #endProbes: Unsubscribe | undefined;
  /** When the unanswered probe was sent, or the connection over which it was sent again was opened. */
  #probedAtMs: number | undefined;
  #ended = false;

  constructor(options: LimitsLinkClientOptions) {
    this.#options = options;
    this.#last = options.known;
  }

  /** Waits for the answer to a message that the newest process received with the state. */
  expect(n: number, answered: Answered): void {
    this.#pending.set(n, { message: {}, answered });
  }

  /** Sends the message now, or as soon as there is a connection. Returns the number of the message. */
  send(ask: LinkAsk, answered?: Answered): number {
    const n = ++this.#last;
    const message = { n, ...ask };
    this.#pending.set(n, { message, answered });
    if (this.#isOpen) this.#connection?.send(message);
    return n;
  }

  /** Discards the answer of a message. */
  forget(n: number): void {
    this.#pending.delete(n);
  }

  connect(place: LinkPlace): void {
    if (this.#ended) return;
    this.#place = place;
    const { clock } = this.#options;
    this.#brokenAtMs = clock.monotonicMs();
    this.#endProbes ??= clock.every(probeEveryMs, () => this.#probe());
    this.#dial();
  }

  /** Ends the link. Returns the unanswered messages, which the caller must settle in another way. */
  end(): readonly Answered[] {
    this.#ended = true;
    this.#cancelAgain();
    this.#endProbes?.();
    this.#isOpen = false;
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.close();
    const open = [...this.#pending.values()].flatMap(({ answered }) =>
      answered === undefined ? [] : [answered],
    );
    this.#pending.clear();
    return open;
  }

  #dial(): void {
    this.#cancelAgain();
    this.#isOpen = false;
    const before = this.#connection;
    this.#connection = undefined;
    before?.close();
    if (this.#place === undefined) return;
    let isCurrent = true;
    const connection = this.#options.dial(this.#place, {
      opened: () => {
        if (!isCurrent || this.#connection !== connection) return;
        this.#isOpen = true;
        this.#brokenAtMs = undefined;
        if (this.#probedAtMs !== undefined) this.#probedAtMs = this.#options.clock.monotonicMs();
        connection.send({ link: this.#options.id });
        for (const { message } of this.#pending.values()) if ('n' in message) connection.send(message);
      },
      message: (message) => {
        if (isCurrent && this.#connection === connection) this.#onMessage(message);
      },
      closed: () => {
        if (!isCurrent || this.#connection !== connection) return;
        isCurrent = false;
        this.#onClosed();
      },
    });
    this.#connection = connection;
  }

  #onClosed(): void {
    this.#isOpen = false;
    this.#connection = undefined;
    if (this.#ended) return;
    const nowMs = this.#options.clock.monotonicMs();
    this.#brokenAtMs ??= nowMs;
    if (nowMs - this.#brokenAtMs >= lostAfterMs) return this.#lose();
    this.#cancelAgain = this.#options.clock.after(againMs, () => this.#dial());
  }

  /** Only while something is unanswered: an idle link costs nothing. */
  #probe(): void {
    if (!this.#isOpen || this.#pending.size === 0) return;
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#probedAtMs !== undefined) {
      if (nowMs - this.#probedAtMs >= probeAnswerMs) this.#lose();
      return;
    }
    this.#probedAtMs = nowMs;
    this.send({ do: 'synced', sync: noSync }, () => {
      this.#probedAtMs = undefined;
    });
  }

  #lose(): void {
    const open = this.end();
    this.#options.lost();
    for (const answered of open) answered(undefined);
  }

  #onMessage(message: unknown): void {
    if (typeof message !== 'object' || message === null) return;
    if ('sync' in message && typeof message.sync === 'number') {
      this.send({ do: 'synced', sync: message.sync });
      return;
    }
    if ('move' in message) {
      const place = linkPlace.safeParse(message.move);
      if (place.success) this.connect(place.data);
      return;
    }
    if (!('n' in message) || typeof message.n !== 'number') return;
    const pending = this.#pending.get(message.n);
    if (pending === undefined) return this.#options.unwanted(message);
    this.#pending.delete(message.n);
    pending.answered?.(message);
  }
}
