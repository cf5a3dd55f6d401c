/**
 * Lets responses go out while many requests arrive at once. Without this, a turn of the event loop begins every request
 * that has arrived, and engines' responses wait until the last one has begun: after a pause of a few milliseconds, clients
 * and engines then take turns with flm instead of working at the same time, and a queue that built up stays for long.
 */

/**
 * After this many requests, others wait for the end of the turn. The count goes on from turn to turn, because a new count in
 * each would cost an immediate for each request that comes alone.
 */
const maxTurnRequests = 32;

export class RequestPacer {
  #begun = 0;
  /** No request begins until the turn ends. */
  #isFull = false;
  /** In order of arrival. */
  readonly #waiting: (() => void)[] = [];

  /** Returns whether a request may begin now. If not, calls `later` in one of the next turns, when it may. */
  mayBegin(later: () => void): boolean {
    if (this.#isFull) {
      this.#waiting.push(later);
      return false;
    }
    this.#count();
    return true;
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
    let called = 0;
    while (called < this.#waiting.length && !this.#isFull) {
      this.#count();
      this.#waiting[called++]?.();
    }
    this.#waiting.splice(0, called);
  };
}
