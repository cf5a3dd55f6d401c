/**
 * Collects bytes that arrive in chunks into one buffer, up to a limit. Every body that is read as a whole uses this
 * class.
 *
 * The sender chooses the size of the chunks, and a buffer per chunk costs about 400 bytes: 4 MB in chunks of one byte
 * would take more than 1 GB. This class uses at most three times the memory of the received bytes.
 */
export class GatheredBytes {
  readonly #maxBytes: number;
  #buffer = Buffer.allocUnsafe(0);
  length = 0;
  /** More bytes arrived than the limit allows. No bytes are kept any more. */
  tooLong = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Copies [from, to) of the chunk. Returns false once the limit is exceeded. */
  add(part: Buffer, from = 0, to = part.length): boolean {
    const before = this.length;
    const length = before + to - from;
    if (this.tooLong || length > this.#maxBytes) {
      this.tooLong = true;
      this.length = 0;
      this.#buffer = Buffer.allocUnsafe(0);
      return false;
    }
    if (length > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.min(this.#maxBytes, Math.max(1024, length * 2)));
      this.#buffer.copy(grown, 0, 0, before);
      this.#buffer = grown;
    }
    part.copy(this.#buffer, before, from, to);
    this.length = length;
    return true;
  }

  /** The bytes so far. Valid until the next `add`. */
  bytes(): Buffer {
    return this.#buffer.subarray(0, this.length);
  }
}

/**
 * Resolves with the whole text of a stream, or with undefined if the text exceeds the limit. Rejects if the stream
 * fails.
 */
export async function gatherText(
  parts: AsyncIterable<Buffer>,
  maxBytes: number,
): Promise<string | undefined> {
  const gathered = new GatheredBytes(maxBytes);
  for await (const part of parts) if (!gathered.add(part)) return undefined;
  return gathered.bytes().toString();
}
