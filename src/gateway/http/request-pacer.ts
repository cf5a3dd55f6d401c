/**
 * Limits how many requests begin in one turn of the event loop, so that responses go out while many requests arrive at once.
 *
 * Without a limit, a turn begins every request that has arrived, and the responses of engines wait until the last request
 * has begun. After a pause of a few milliseconds flm, its clients and the engines then work one after another instead of at
 * the same time, and the queue stays for 0.1 s.
 */

/** Begins a request. Returns false if the request is over, for example because its client left. */
type Begin = () => boolean;

/**
 * After this many requests, others wait for the end of the turn. The count goes on from turn to turn, because a new count in
 * each would cost an immediate for each request that comes alone.
 */
const maxTurnRequests = 32;

export class RequestPacer {
  #begun = 0;
  /** Requests that may wait do so until the turn ends. */
  #isFull = false;
  readonly #waiting: Begin[] = [];

  /** Returns whether a request may begin now. If not, it must `wait`. */
  mayBegin(): boolean {
    if (this.#isFull) return false;
    this.#count();
    return true;
  }

  /** Calls `begin` in one of the next turns, in the order of these calls. */
  wait(begin: Begin): void {
    this.#waiting.push(begin);
  }

  /** Begins all that wait. */
  beginAll(): void {
    for (let begin = this.#waiting.shift(); begin !== undefined; begin = this.#waiting.shift()) begin();
  }

  #count(): void {
    this.#begun += 1;
    if (this.#begun < maxTurnRequests) return;
    this.#isFull = true;
    setImmediate(this.#onTurn);
  }

  readonly #onTurn = (): void => {
    this.#begun = 0;
    this.#isFull = false;
    while (!this.#isFull) {
      const begin = this.#waiting.shift();
      if (begin === undefined) return;
      if (begin()) this.#count();
    }
  };
}
