/**
 * Checks whether a sender keeps a minimum rate over the last ten seconds. Time is counted in ticks of one second in
 * which the event loop was free to read. Seconds in which flm itself was busy do not count.
 */
const windowSeconds = 10;

export class RateWindow {
  readonly #leastBytes: number;
  /** The total at each of the last ticks, in a ring buffer. */
  readonly #totals: number[] = [];
  #oldest = 0;

  constructor(bytesPerSecond: number) {
    this.#leastBytes = bytesPerSecond * windowSeconds;
  }

  /** Must be called once per tick, with the total received so far. */
  isTooSlow(totalBytes: number): boolean {
    if (this.#totals.length < windowSeconds) {
      this.#totals.push(totalBytes);
      return false;
    }
    const thenBytes = this.#totals[this.#oldest] as number;
    this.#totals[this.#oldest] = totalBytes;
    this.#oldest = (this.#oldest + 1) % windowSeconds;
    return totalBytes - thenBytes < this.#leastBytes;
  }
}
