/**
 * Whether a sender keeps up a least rate over the last ten seconds. Time is counted in ticks of one second that the
 * event loop was free to read: seconds in which flm itself was busy do not count.
 */
const windowSeconds = 10;

export class RateWindow {
  readonly #leastBytes: number;
  /** What had come at each of the last ticks, in a ring. */
  readonly #totals: number[] = [];
  #oldest = 0;

  constructor(bytesPerSecond: number) {
    this.#leastBytes = bytesPerSecond * windowSeconds;
  }

  /** To be called once a tick, with all that came until now. */
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
