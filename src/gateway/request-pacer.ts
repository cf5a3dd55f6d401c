/**
 * Limits how many requests go to engines in one turn of the event loop, so that responses go out while many requests arrive
 * at once.
 *
 * Without a limit, a turn sends every request that has arrived, and the responses of engines wait until the last request is
 * sent. After a pause of a few milliseconds flm, its clients and the engines then work one after another instead of at the
 * same time, and the queue stays for 0.1 s.
 */
import type { Exchange } from './exchange.ts';

interface Waiting {
  readonly x: Pick<Exchange, 'over'>;
  readonly resume: () => void;
}

/**
 * After this many requests, others wait for the end of the turn. The count goes on from turn to turn, because a new count in
 * each would cost an immediate for each request that comes alone.
 */
const maxTurnRequests = 32;

export class RequestPacer {
  #count = 0;
  #isFull = false;
  readonly #waiting: Waiting[] = [];

  /** Resolves when the request may go on, in the order of these calls; undefined: it may go on now. */
  turnFor(x: Pick<Exchange, 'over'>): Promise<void> | undefined {
    if (this.#isFull) return new Promise((resume) => this.#waiting.push({ x, resume }));
    this.#take();
    return undefined;
  }

  #take(): void {
    this.#count += 1;
    if (this.#count < maxTurnRequests) return;
    this.#isFull = true;
    setImmediate(this.#onTurn);
  }

  readonly #onTurn = (): void => {
    this.#count = 0;
    this.#isFull = false;
    while (!this.#isFull) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      next.resume();
      // A request that ended while it waited takes no place.
      if (!next.x.over) this.#take();
    }
  };
}
