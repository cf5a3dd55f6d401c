/**
 * Keeps the last bytes of a stream, up to a fixed number. Each byte is copied at most three times, however small the
 * chunks of an engine are. Copying the whole tail for each chunk would cost 16 KB for one byte.
 */
export class TailBuffer {
  readonly #most: number;
  /** Twice as large as the tail, so that the tail moves to the front only once per buffer. */
  #buffer: Buffer;
  #length = 0;

  constructor(most: number) {
    this.#most = most;
    this.#buffer = Buffer.allocUnsafe(Math.min(1024, 2 * most));
  }

  add(buffer: Buffer, from: number, to: number): void {
    const start = Math.max(from, to - this.#most);
    const size = to - start;
    if (this.#length + size > this.#buffer.length) this.#makeRoom(size);
    buffer.copy(this.#buffer, this.#length, start, to);
    this.#length += size;
  }

  /** Valid until the next `add`. */
  bytes(): Buffer {
    return this.#buffer.subarray(Math.max(0, this.#length - this.#most), this.#length);
  }

  #makeRoom(size: number): void {
    const kept = Math.min(this.#length, this.#most);
    const wanted = Math.min(2 * this.#most, 2 * (kept + size));
    const target = wanted > this.#buffer.length ? Buffer.allocUnsafe(wanted) : this.#buffer;
    this.#buffer.copy(target, 0, this.#length - kept, this.#length);
    this.#buffer = target;
    this.#length = kept;
  }
}
