/**
 * Collects lines up to the empty line, over any number of reads: the head of a response, or the trailers of its chunks.
 *
 * Guarantees: each line ends in CRLF, and no other CR, LF or control character occurs (RFC 9112, section 2.2: some
 * readers take a bare LF as the end of a line, so two readers could see two heads). A fault is reported at its byte,
 * not at the end of a block that may never come. Each byte is read once, however the block is cut.
 */
const cr = 0x0d;
const lf = 0x0a;
const tab = 0x09;
const del = 0x7f;

const nothing = Buffer.alloc(0);

export class LineBlock {
  readonly #maxBytes: number;
  /** Bytes of earlier reads; empty if the block fits in one read, which is the normal case. */
  #kept = nothing;
  #length = 0;
  #lineIsEmpty = true;
  #afterCr = false;
  /** All lines with their CRLF, without the empty one; Latin-1. Set when the block is complete. */
  text = '';
  /** The fault, as the end of a sentence that begins with "the engine's answer". */
  fault: string | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  reset(): void {
    this.#kept = nothing;
    this.#length = 0;
    this.#lineIsEmpty = true;
    this.#afterCr = false;
    this.text = '';
    this.fault = undefined;
  }

  /** No byte of a block was read yet. */
  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** Returns the position after the empty line, or -1 if more bytes are needed or there is a fault. */
  read(buffer: Buffer, from: number, to: number): number {
    const end = Math.min(to, from + this.#maxBytes - this.#length);
    let afterCr = this.#afterCr;
    let lineIsEmpty = this.#lineIsEmpty;
    for (let at = from; at < end; at++) {
      const byte = buffer[at] as number;
      if (afterCr) {
        if (byte !== lf) return this.#refuse('has a bare CR in its head');
        if (lineIsEmpty) return this.#complete(buffer, from, at + 1);
        afterCr = false;
        lineIsEmpty = true;
      } else if (byte === cr) afterCr = true;
      else if (byte === lf) return this.#refuse('has a bare LF in its head');
      else if ((byte < 0x20 && byte !== tab) || byte === del)
        return this.#refuse('has a control character in its head');
      else lineIsEmpty = false;
    }
    this.#afterCr = afterCr;
    this.#lineIsEmpty = lineIsEmpty;
    this.#keep(buffer, from, end);
    return this.#length >= this.#maxBytes ? this.#refuse('has too large a head') : -1;
  }

  /** True if the bytes so far match `prefix`, up to the shorter of both. */
  mayBegin(prefix: string): boolean {
    const length = Math.min(prefix.length, this.#length);
    for (let i = 0; i < length; i++) if (this.#kept[i] !== prefix.charCodeAt(i)) return false;
    return true;
  }

  #complete(buffer: Buffer, from: number, to: number): number {
    if (this.#length === 0) this.text = buffer.toString('latin1', from, to - 2);
    else {
      this.#keep(buffer, from, to);
      this.text = this.#kept.toString('latin1', 0, this.#length - 2);
    }
    this.#kept = nothing;
    return to;
  }

  #keep(buffer: Buffer, from: number, to: number): void {
    const length = this.#length + to - from;
    if (length > this.#kept.length) {
      const larger = Buffer.allocUnsafe(Math.min(this.#maxBytes, Math.max(1024, length * 2)));
      this.#kept.copy(larger, 0, 0, this.#length);
      this.#kept = larger;
    }
    buffer.copy(this.#kept, this.#length, from, to);
    this.#length = length;
  }

  #refuse(fault: string): -1 {
    this.fault = fault;
    this.#kept = nothing;
    return -1;
  }
}
