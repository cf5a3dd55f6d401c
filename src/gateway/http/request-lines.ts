/**
 * Follows the bytes that `node:http` reads from one connection, and records for each request whether its request line has
 * single spaces (RFC 9112, section 3). llhttp accepts any number of spaces around the target and does not report them.
 *
 *   line --> fields --> body: so many bytes, or chunks and trailers --> line ...
 *
 * This class checks nothing else. If the framing is malformed, llhttp ends the connection, and the result for the bytes
 * after it does not matter.
 */

const line = 0;
const fields = 1;
const data = 2;
const chunkSize = 3;
const chunkData = 4;
const trailers = 5;

const space = 0x20;
const lf = 0x0a;
/** How many bytes of a head line are kept: enough for the name and value of a framing field. */
const maxKept = 256;
/** Few requests are read ahead, and their number has its own limit. */
const maxVerdicts = 64;

export class RequestLines {
  readonly #verdicts: boolean[] = [];
  #state = line;
  /** The current line: the number of spaces in it, its length, and its beginning. */
  #spaces = 0;
  #length = 0;
  #kept = '';
  /** Bytes of the body or of a chunk that have not arrived yet. */
  #left = 0;
  #chunked = false;

  /** Whether the next request has a request line with single spaces. Called once for each request, in their order. */
  take(): boolean {
    return this.#verdicts.shift() ?? false;
  }

  read(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#state === data || this.#state === chunkData) {
        const taken = Math.min(this.#left, bytes.length - at);
        at += taken;
        this.#left -= taken;
        if (this.#left === 0) this.#begin(this.#state === data ? line : chunkSize);
        continue;
      }
      const found = bytes.indexOf(lf, at);
      const end = found < 0 ? bytes.length : found;
      this.#addToLine(bytes, at, end);
      at = end + 1;
      if (found >= 0) this.#endLine();
    }
  }

  #addToLine(bytes: Buffer, from: number, to: number): void {
    this.#length += to - from;
    if (this.#state === line) {
      for (let at = from; at < to; at++) if (bytes[at] === space) this.#spaces += 1;
    } else if (this.#kept.length < maxKept)
      this.#kept += bytes.toString('latin1', from, Math.min(to, from + maxKept - this.#kept.length));
  }

  #endLine(): void {
    const text = this.#kept;
    // The length counts CR but not LF.
    const isEmpty = this.#length <= 1;
    switch (this.#state) {
      case line:
        // RFC 9112, section 2.2: empty lines before a request are ignored.
        if (!isEmpty && this.#verdicts.length < maxVerdicts) this.#verdicts.push(this.#spaces === 2);
        if (!isEmpty) this.#begin(fields);
        break;
      case fields:
        if (isEmpty) return this.#beginBody();
        this.#readField(text);
        break;
      case chunkSize:
        this.#left = Number.parseInt(text, 16) || 0;
        if (this.#left === 0) this.#begin(trailers);
        else {
          // The line end after the chunk counts too.
          this.#left += 2;
          this.#begin(chunkData);
        }
        break;
      default:
        if (isEmpty) this.#begin(line);
    }
    this.#clearLine();
  }

  #readField(text: string): void {
    const colon = text.indexOf(':');
    const name = text.slice(0, colon).toLowerCase();
    if (name === 'content-length') this.#left = Number.parseInt(text.slice(colon + 1), 10) || 0;
    else if (name === 'transfer-encoding') this.#chunked = true;
  }

  #beginBody(): void {
    if (this.#chunked) this.#begin(chunkSize);
    else this.#begin(this.#left > 0 ? data : line);
  }

  #begin(state: number): void {
    this.#state = state;
    if (state !== data && state !== chunkData) this.#left = 0;
    if (state === line) this.#chunked = false;
    this.#clearLine();
  }

  /** Forgets a line of the head, so that no part of a head stays in memory. */
  #clearLine(): void {
    this.#spaces = 0;
    this.#length = 0;
    this.#kept = '';
  }
}
