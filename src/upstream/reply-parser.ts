/**
 * An engine's answer, read strictly (RFC 9112) and incrementally, straight from the read buffer.
 *
 *   status line -> fields -> (1xx: again) -> body by length | chunks | until close | none -> done
 *
 * The head is collected as latin-1 text because it may come in pieces; body bytes are never copied. What two readers
 * could read in two ways is an error: bare CR or LF, folded lines, a blank before the colon, both framings, two
 * lengths, any transfer coding but exactly `chunked`, chunk extensions, 101 without asking.
 */
import type { ChunkMap, EngineHead } from '../core/engine/upstream.ts';

/** What the parser tells while it is fed. */
export interface ReplyEvents {
  onHead(head: EngineHead): void;
  onData(buffer: Buffer, from: number, to: number): void;
  onFramed(buffer: Buffer, from: number, to: number, chunks: ChunkMap): void;
  /** The answer is complete; `from` is where bytes that belong to nothing would begin. */
  onEnd(): void;
}

const State = { head: 0, length: 1, chunkSize: 2, chunkData: 3, chunkDataEnd: 4, trailers: 5, untilClose: 6, done: 7 } as const;
type State = (typeof State)[keyof typeof State];

const maxHeadBytes = 32 * 1024;
const maxFields = 128;
const maxTrailerBytes = 8 * 1024;
const maxInterim = 64;
const maxChunksMapped = 512;

const cr = 0x0d;
const lf = 0x0a;

const statusLine = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const fieldLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/;
/** Such a head never ends in CRLF CRLF; it must not be waited for. */
const bareLineFeed = /(?:^|[^\r])\n/;
const digits = /^\d{1,15}$/;

export class ReplyParser {
  readonly #events: ReplyEvents;
  readonly #chunks: ChunkMap = { count: 0, starts: new Int32Array(maxChunksMapped), ends: new Int32Array(maxChunksMapped) };
  #state: State = State.head;
  #bodyless = false;
  /** Head or trailer bytes of earlier reads. */
  #text = '';
  #interim = 0;
  /** Bytes of the body or of the current chunk that are still to come. */
  #left = 0;
  /** Hex digits of the chunk size read so far, and where in its line the parser stands: digits, CR seen. */
  #sizeDigits = 0;
  #sizeCr = false;
  #endCr = false;
  #keepAlive = true;

  constructor(events: ReplyEvents) {
    this.#events = events;
  }

  /** For the next answer on the same connection. `bodyless` for HEAD. */
  reset(bodyless: boolean): void {
    this.#state = State.head;
    this.#bodyless = bodyless;
    this.#text = '';
    this.#interim = 0;
    this.#left = 0;
    this.#sizeDigits = 0;
    this.#sizeCr = false;
    this.#endCr = false;
    this.#keepAlive = true;
  }

  get done(): boolean {
    return this.#state === State.done;
  }
  /** The connection may carry another request once the answer is done. */
  get keepAlive(): boolean {
    return this.#keepAlive;
  }
  /** The end of the connection is the proper end of the body. */
  get endsByClose(): boolean {
    return this.#state === State.untilClose;
  }
  get headSeen(): boolean {
    return this.#state !== State.head;
  }

  /**
   * Reads [from, to). Returns the position behind what belongs to this answer, or a sentence that says what was wrong
   * with it. A sink may end the attempt from inside an event; `stopped` is asked after each.
   */
  feed(buffer: Buffer, from: number, to: number, stopped: () => boolean): number | string {
    let at = from;
    while (at < to && this.#state !== State.done) {
      switch (this.#state) {
        case State.head: {
          const next = this.#readHead(buffer, at, to);
          if (typeof next === 'string') return next;
          at = next;
          break;
        }
        case State.length: {
          const end = Math.min(to, at + this.#left);
          this.#left -= end - at;
          this.#events.onData(buffer, at, end);
          at = end;
          if (this.#left === 0 && !stopped()) this.#finish();
          break;
        }
        case State.untilClose:
          this.#events.onData(buffer, at, to);
          at = to;
          break;
        default: {
          const next = this.#readChunks(buffer, at, to, stopped);
          if (typeof next === 'string') return next;
          at = next;
        }
      }
      if (stopped()) return to;
    }
    return at;
  }

  // --- head

  #readHead(buffer: Buffer, from: number, to: number): number | string {
    // Only the seam between two reads needs the text of the earlier one.
    const seam = this.#text.length;
    const text = this.#text + buffer.toString('latin1', from, Math.min(to, from + maxHeadBytes + 4));
    const end = text.indexOf('\r\n\r\n', Math.max(0, seam - 3));
    if (end < 0) {
      if (text.length > maxHeadBytes) return 'its head is too large';
      this.#text = text;
      if (bareLineFeed.test(text)) return 'a line of its head ends in a bare LF';
      return badStart(text) ? 'it does not begin like an HTTP answer' : to;
    }
    if (end > maxHeadBytes) return 'its head is too large';
    this.#text = '';
    const fault = this.#takeHead(text.slice(0, end));
    return fault ?? from + end + 4 - seam;
  }

  #takeHead(text: string): string | undefined {
    const lines = text.split('\r\n');
    const status = statusLine.exec(lines[0] as string);
    if (status === null) return 'its status line is malformed';
    if (lines.length - 1 > maxFields) return 'it has too many fields';
    const code = Number(status[2]);
    const old = status[1] === '0';
    const fields: string[] = [];
    let length: number | undefined;
    let chunked = false;
    let close = old;
    for (let i = 1; i < lines.length; i++) {
      const line = fieldLine.exec(lines[i] as string);
      if (line === null) return 'one of its fields is malformed';
      const name = (line[1] as string).toLowerCase();
      const value = line[2] as string;
      if (name === 'content-length') {
        if (length !== undefined || !digits.test(value)) return 'its content length is malformed or stands twice';
        length = Number(value);
      } else if (name === 'transfer-encoding') {
        if (chunked || value.toLowerCase() !== 'chunked') return 'its transfer coding is not exactly "chunked"';
        chunked = true;
      } else if (name === 'connection') {
        const options = value.toLowerCase();
        if (/(?:^|[ ,\t])close(?:$|[ ,\t])/.test(options)) close = true;
        else if (old && /(?:^|[ ,\t])keep-alive(?:$|[ ,\t])/.test(options)) close = false;
      }
      fields.push(name, value);
    }
    if (chunked && length !== undefined) return 'it has both a length and chunks';
    if (chunked && old) return 'it is HTTP/1.0 and chunked';
    if (code === 101) return 'it switched protocols without being asked';
    if (code < 200) {
      this.#interim += 1;
      return this.#interim > maxInterim ? 'it sent too many interim answers' : undefined;
    }
    this.#keepAlive = !close;
    const bodyless = this.#bodyless || code === 204 || code === 304;
    if (bodyless) {
      this.#events.onHead({ status: code, fields, framing: 'none', contentLength: this.#bodyless ? length : undefined });
      // A length with 204 promises what must not come; the connection is not trusted with another request.
      if (code === 204 && (chunked || (length ?? 0) > 0)) this.#keepAlive = false;
      this.#finish();
    } else if (chunked) {
      this.#state = State.chunkSize;
      this.#events.onHead({ status: code, fields, framing: 'chunked', contentLength: undefined });
    } else if (length !== undefined) {
      this.#left = length;
      this.#state = State.length;
      this.#events.onHead({ status: code, fields, framing: 'length', contentLength: length });
      if (length === 0) this.#finish();
    } else {
      this.#keepAlive = false;
      this.#state = State.untilClose;
      this.#events.onHead({ status: code, fields, framing: 'close', contentLength: undefined });
    }
    return undefined;
  }

  #finish(): void {
    if (this.#state === State.done) return;
    this.#state = State.done;
    this.#events.onEnd();
  }

  // --- chunks

  /**
   * Reads as far as the buffer goes. Whole chunks from border to border are told in one `onFramed`; a chunk that
   * began or ends in another read is told as data.
   */
  #readChunks(buffer: Buffer, from: number, to: number, stopped: () => boolean): number | string {
    let at = from;
    if (this.#state === State.chunkSize && this.#sizeDigits === 0 && !this.#sizeCr) {
      const next = this.#readWholeChunks(buffer, from, to);
      if (typeof next === 'string') return next;
      at = next;
      if (stopped()) return to;
    }
    while (at < to && this.#state !== State.done) {
      if (this.#state === State.chunkSize) {
        const fault = this.#readSizeByte(buffer[at] as number);
        if (fault !== undefined) return fault;
        at += 1;
      } else if (this.#state === State.chunkData) {
        const end = Math.min(to, at + this.#left);
        this.#left -= end - at;
        if (this.#left === 0) this.#state = State.chunkDataEnd;
        this.#events.onData(buffer, at, end);
        if (stopped()) return to;
        at = end;
      } else if (this.#state === State.chunkDataEnd) {
        const byte = buffer[at] as number;
        if (byte !== (this.#endCr ? lf : cr)) return 'a chunk does not end where it says';
        if (this.#endCr) this.#state = State.chunkSize;
        this.#endCr = !this.#endCr;
        at += 1;
        // A read that came back to a border may go on with whole chunks.
        if (this.#state === State.chunkSize) return at;
      } else {
        const next = this.#readTrailers(buffer, at, to);
        if (typeof next === 'string') return next;
        at = next;
      }
    }
    return at;
  }

  /** As many whole, non-final chunks as stand in [from, to); returns where the first other byte is. */
  #readWholeChunks(buffer: Buffer, from: number, to: number): number | string {
    const chunks = this.#chunks;
    chunks.count = 0;
    let at = from;
    while (at < to && chunks.count < maxChunksMapped) {
      let size = 0;
      let cursor = at;
      for (; cursor < to; cursor++) {
        const digit = hexDigit(buffer[cursor] as number);
        if (digit < 0) break;
        if (cursor - at >= 8) return 'a chunk size is too long';
        size = size * 16 + digit;
      }
      // Two for the CRLF behind the size, two for the one behind the data.
      const start = cursor + 2;
      const end = start + size;
      if (size === 0 || end + 2 > to) break;
      if (buffer[cursor] !== cr || buffer[cursor + 1] !== lf) return 'a chunk size is malformed';
      if (buffer[end] !== cr || buffer[end + 1] !== lf) return 'a chunk does not end where it says';
      chunks.starts[chunks.count] = start;
      chunks.ends[chunks.count] = end;
      chunks.count += 1;
      at = end + 2;
    }
    if (chunks.count > 0) this.#events.onFramed(buffer, from, at, chunks);
    return at;
  }

  #readSizeByte(byte: number): string | undefined {
    if (this.#sizeCr) {
      if (byte !== lf) return 'a chunk size is malformed';
      this.#sizeCr = false;
      this.#sizeDigits = 0;
      this.#state = this.#left === 0 ? State.trailers : State.chunkData;
      return undefined;
    }
    if (byte === cr && this.#sizeDigits > 0) {
      this.#sizeCr = true;
      return undefined;
    }
    const digit = hexDigit(byte);
    if (digit < 0) return 'a chunk size is malformed';
    if (++this.#sizeDigits > 8) return 'a chunk size is too long';
    this.#left = (this.#sizeDigits === 1 ? 0 : this.#left) * 16 + digit;
    return undefined;
  }

  /** Trailers are read as strictly as fields, and dropped. */
  #readTrailers(buffer: Buffer, from: number, to: number): number | string {
    const seam = this.#text.length;
    const text = this.#text + buffer.toString('latin1', from, Math.min(to, from + maxTrailerBytes + 4));
    if (text.startsWith('\r\n')) {
      this.#text = '';
      this.#finish();
      return from + 2 - seam;
    }
    const end = text.indexOf('\r\n\r\n');
    if (end < 0) {
      if (text.length > maxTrailerBytes) return 'its trailers are too large';
      this.#text = text;
      return to;
    }
    for (const line of text.slice(0, end).split('\r\n')) if (!fieldLine.test(line)) return 'one of its trailers is malformed';
    this.#text = '';
    this.#finish();
    return from + end + 4 - seam;
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** What can never become a status line is refused at once, and not waited on for the rest of a head. */
function badStart(text: string): boolean {
  const wanted = 'HTTP/1.';
  return !text.startsWith(wanted.slice(0, Math.min(wanted.length, text.length)));
}
