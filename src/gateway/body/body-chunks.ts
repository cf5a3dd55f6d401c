/**
 * A body in memory, in the pieces in which it came, for as long as they are few.
 *
 * A client chooses how it cuts its body into chunks. A piece of one byte costs some four hundred as a buffer of its own,
 * so a body that the budget counts as 4 MB would take 1.5 GB. From the 17th piece on, small ones are copied together.
 */
const fewPieces = 16;
/** From here on a piece is worth what its buffer costs. */
const smallBytes = 4_096;
const gatherBytes = 16_384;

export class BodyChunks {
  readonly #pieces: Buffer[] = [];
  /** Small pieces: [from, to) of it is filled and not yet among the pieces. */
  #gathered: Buffer | undefined;
  #from = 0;
  #to = 0;
  length = 0;

  add(piece: Buffer): void {
    this.length += piece.length;
    if (this.#pieces.length < fewPieces || piece.length >= smallBytes) {
      this.#close();
      this.#pieces.push(piece);
      return;
    }
    for (let at = 0; at < piece.length; ) {
      if (this.#gathered === undefined || this.#to === this.#gathered.length) this.#renew();
      const copied = piece.copy(this.#gathered as Buffer, this.#to, at);
      this.#to += copied;
      at += copied;
    }
  }

  /** All of it, in order. */
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

  /** What was gathered becomes a piece; the rest of its buffer serves the next ones. */
  #close(): void {
    if (this.#gathered === undefined || this.#to === this.#from) return;
    this.#pieces.push(this.#gathered.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }
}
