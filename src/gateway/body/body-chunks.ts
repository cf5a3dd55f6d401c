/**
 * Holds a body in memory as the chunks in which it arrived, as long as there are few of them. Chunks that follow each other in
 * memory become one.
 *
 * The client chooses the size of the chunks. A buffer of one byte costs about 400 bytes, so a body that the memory
 * budget counts as 4 MB could take 1.5 GB. From the 17th chunk on, small chunks are therefore copied together, except at the
 * beginning of a large block, where further chunks will follow.
 */
const fewPieces = 16;
/** A chunk of this size or more is kept as its own buffer. */
const smallBytes = 4_096;
const gatherBytes = 16_384;

export class BodyChunks {
  readonly #pieces: Buffer[] = [];
  /** The bytes that follow the last chunk in memory and belong to it. */
  #more = 0;
  /** Collects small chunks. The bytes [from, to) are filled and not yet in the list of chunks. */
  #gathered: Buffer | undefined;
  #from = 0;
  #to = 0;
  length = 0;

  add(piece: Buffer): void {
    this.length += piece.length;
    if (this.#isNext(piece)) return;
    if (this.#pieces.length < fewPieces || piece.length >= smallBytes || beginsBlock(piece)) {
      this.#close();
      this.#pieces.push(piece);
      return;
    }
    if (this.#more > 0) this.#close();
    for (let at = 0; at < piece.length; ) {
      if (this.#gathered === undefined || this.#to === this.#gathered.length) this.#renew();
      const copied = piece.copy(this.#gathered as Buffer, this.#to, at);
      this.#to += copied;
      at += copied;
    }
  }

  /** Whether the bytes are right behind those of the last chunk. Then they make it longer. */
  #isNext(piece: Buffer): boolean {
    const last = this.#pieces.at(-1);
    if (last === undefined || this.#from !== this.#to || last.buffer !== piece.buffer) return false;
    if (last.byteOffset + last.length + this.#more !== piece.byteOffset) return false;
    this.#more += piece.length;
    return true;
  }

  /** The chunk at this place; undefined while further chunks may change it. */
  finished(place: number): Buffer | undefined {
    return place + 1 < this.#pieces.length ? this.#pieces[place] : undefined;
  }

  /** The whole body, in order. */
  all(): readonly Buffer[] {
    this.#close();
    return this.#pieces;
  }

  #renew(): void {
    this.#close();
    this.#gathered = Buffer.allocUnsafeSlow(gatherBytes);
    this.#from = 0;
    this.#to = 0;
  }

  /** Adds the collected bytes to the chunks. The rest of the buffer serves the next small chunks. */
  #close(): void {
    const last = this.#pieces.at(-1);
    if (last !== undefined && this.#more > 0) {
      this.#pieces[this.#pieces.length - 1] = Buffer.from(
        last.buffer,
        last.byteOffset,
        last.length + this.#more,
      );
      this.#more = 0;
    }
    if (this.#gathered === undefined || this.#to === this.#from) return;
    this.#pieces.push(this.#gathered.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }
}

function beginsBlock({ byteOffset, buffer }: Buffer): boolean {
  return byteOffset === 0 && buffer.byteLength >= gatherBytes;
}
