/**
 * Ends the rests of connections, when the event loop has polled since they began. All pools share it: an immediate for each of
 * many engines would cost more than the rest of a request to them.
 */

/** A connection that rests. */
export interface Resting {
  /** Called once, at the end of the rest. */
  rested(): void;
}

export class Rests {
  /** Those that began before the last check phase of the event loop, and those that began after it. */
  #older: readonly Resting[] = [];
  #younger: Resting[] = [];
  #next: NodeJS.Immediate | undefined;

  begin(resting: Resting): void {
    this.#younger.push(resting);
    this.#next ??= setImmediate(this.#onCheckPhase);
  }

  /** No rest ends any more. */
  close(): void {
    this.#older = [];
    this.#younger = [];
    clearImmediate(this.#next);
    this.#next = undefined;
  }

  /** Between two check phases the event loop polls. */
  readonly #onCheckPhase = (): void => {
    const over = this.#older;
    this.#older = this.#younger;
    this.#younger = [];
    this.#next = this.#older.length > 0 ? setImmediate(this.#onCheckPhase) : undefined;
    for (const resting of over) resting.rested();
  };
}
