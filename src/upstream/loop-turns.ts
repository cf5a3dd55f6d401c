/**
 * Counts turns of the event loop while a pool has connections that rest. All pools share it: an immediate for each of
 * many engines would cost more than the rest of a request to them.
 */

/** Called once in each turn. Returns whether it needs further turns. */
export type OnTurn = (turn: number) => boolean;

export class LoopTurns {
  /** The number of the current turn. */
  turn = 0;
  #waiting: OnTurn[] = [];
  #next: NodeJS.Immediate | undefined;

  /** Calls this function from the next turn on, until it returns false. */
  follow(onTurn: OnTurn): void {
    this.#waiting.push(onTurn);
    this.#next ??= setImmediate(this.#onTurn);
  }

  /** No function is called any more. */
  close(): void {
    this.#waiting = [];
    clearImmediate(this.#next);
    this.#next = undefined;
  }

  readonly #onTurn = (): void => {
    this.turn += 1;
    const waiting = this.#waiting;
    let kept = 0;
    // A function that is added meanwhile waits for the next turn.
    const count = waiting.length;
    for (let i = 0; i < count && this.#waiting === waiting; i++) {
      const onTurn = waiting[i] as OnTurn;
      if (onTurn(this.turn)) waiting[kept++] = onTurn;
    }
    if (this.#waiting !== waiting) return;
    for (let i = count; i < waiting.length; i++) waiting[kept++] = waiting[i] as OnTurn;
    waiting.length = kept;
    this.#next = kept > 0 ? setImmediate(this.#onTurn) : undefined;
  };
}
