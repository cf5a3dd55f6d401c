/**
 * Writes the response to the client, with as few writes as the bytes allow.
 *
 * - A small response is one write: head and body joined as one latin-1 string (byte for byte the same bytes).
 * - flm frames streams. The socket gets either the engine's own validated framing or one string of size, payload and
 *   CRLF. So an event is one write, not a `writev` of three parts.
 * - Strings are immutable copies, so all sockets can share the engine's read buffer and reuse it at once.
 */
import type { ResponseHead, ResponseWriter } from '../exchange.ts';
import type { Connection } from './connection.ts';
import type { BodyListener, HttpMessage } from './message.ts';

type Framing = 'none' | 'length' | 'chunked' | 'until-close';

/** The values that are the same for every response of a proxy. */
export interface ResponseWriterDeps {
  readonly drainRefusedBytes: number;
  readonly nowMs: () => number;
  readonly draining: () => boolean;
  /** Fields of every response: whole lines, each with its CRLF. */
  readonly commonFields: string;
  /** The response is complete or cut; called once for each connection's current exchange. */
  readonly over: (connection: Connection) => void;
}

/** How long the client may take to finish a refused body before the connection is closed. */
const lingerMs = 2_000;

export class HttpResponseWriter implements ResponseWriter {
  committed = false;
  bytesOut = 0;
  firstByteAtMs = 0;
  readonly relaysFraming: boolean;

  readonly #message: HttpMessage;
  readonly #connection: Connection;
  readonly #deps: ResponseWriterDeps;
  #staged: ResponseHead | undefined;
  #framing: Framing = 'none';
  #over = false;

  constructor(message: HttpMessage, connection: Connection, deps: ResponseWriterDeps) {
    this.#message = message;
    this.#connection = connection;
    this.#deps = deps;
    this.relaysFraming = message.takesChunks && message.head.method !== 'HEAD';
  }

  sendWhole(status: number, fields: string, body: string, close: boolean): void {
    if (this.committed) return;
    this.committed = true;
    const message = this.#message;
    const { drainRefusedBytes, commonFields } = this.#deps;
    const length = Buffer.byteLength(body);
    const framing = status === 204 ? '' : `content-length: ${length}\r\n`;
    this.bytesOut = length;
    this.#touch();

    const unread = message.unread && !this.#connection.unreadable;
    const declared = message.declaredBytes ?? Number.POSITIVE_INFINITY;
    const drainable = declared <= drainRefusedBytes && !message.expectsContinue;
    const last = close || this.#deps.draining() || (unread && !drainable);
    message.start(status, fields + framing + commonFields, false, last);
    // Latin-1 on the wire: each character of this text is one byte of the UTF-8.
    const text = length === body.length ? body : Buffer.from(body).toString('latin1');
    if (unread && !message.expectsContinue) this.#endAfterRest(text);
    else message.end(text);
    this.#finish();
  }

  head(h: ResponseHead): void {
    this.#staged = h;
    this.committed = true;
  }

  flush(): void {
    if (this.#staged === undefined) return;
    this.#start(this.#staged);
    this.#message.flush();
  }

  withdraw(): boolean {
    if (this.#staged === undefined) return false;
    this.#staged = undefined;
    this.committed = false;
    return true;
  }

  write(buffer: Buffer, from: number, to: number): boolean {
    if (this.#over || from === to) return true;
    const text = buffer.toString('latin1', from, to);
    const staged = this.#staged;
    if (staged !== undefined) {
      this.#touch();
      this.bytesOut += to - from;
      if (staged.contentLength === to - from && this.#message.head.method !== 'HEAD') {
        this.#start(staged);
        this.#message.end(text);
        this.#finish();
        return true;
      }
      this.#start(staged);
    } else {
      this.#touch();
      this.bytesOut += to - from;
    }
    return this.#send(this.#framing === 'chunked' ? `${(to - from).toString(16)}\r\n${text}\r\n` : text);
  }

  writeFramed(text: string): boolean {
    if (this.#over) return true;
    this.#touch();
    this.bytesOut += text.length;
    if (this.#staged !== undefined) this.#start(this.#staged);
    return this.#send(text);
  }

  writeText(text: string): boolean {
    const bytes = Buffer.from(text);
    return this.write(bytes, 0, bytes.length);
  }

  onDrain(f: (() => void) | undefined): void {
    this.#connection.onDrain = f;
  }

  end(): void {
    if (this.#over) return;
    if (this.#staged !== undefined) this.#start(this.#staged);
    this.#message.end(this.#framing === 'chunked' ? '0\r\n\r\n' : '');
    this.#finish();
  }

  cut(): void {
    if (this.#over) return;
    this.#connection.destroy();
    this.#finish();
  }

  /** Ends the exchange after the client left. */
  abandon(): void {
    this.#finish();
  }

  /**
   * Closing a socket with unread bytes resets the connection, and the client could lose the response. So the response
   * is sent first, then the rest of the body is read and discarded up to a limit of bytes and time, and only then the
   * message ends.
   */
  #endAfterRest(text: string): void {
    const message = this.#message;
    const connection = this.#connection;
    connection.deadlineMs = this.#deps.nowMs() + lingerMs;
    let left = this.#deps.drainRefusedBytes;
    const rest: BodyListener = {
      data: (chunk) => {
        const enough = left < 0;
        left -= chunk.length;
        if (left < 0 && !enough) rest.end();
      },
      end: () => {
        connection.deadlineMs = 0;
        connection.idle();
        message.end('');
      },
    };
    if (text === '') message.flush();
    else message.write(text);
    message.receive(rest);
  }

  #start(h: ResponseHead): void {
    this.#staged = undefined;
    const message = this.#message;
    const { commonFields, draining } = this.#deps;
    let framing = '';
    const bodyless = message.head.method === 'HEAD' || h.status === 204 || h.status === 304;
    if (h.contentLength !== undefined) {
      if (h.status !== 204) framing = `content-length: ${h.contentLength}\r\n`;
      this.#framing = bodyless ? 'none' : 'length';
    } else if (bodyless) this.#framing = 'none';
    else if (this.relaysFraming) {
      framing = 'transfer-encoding: chunked\r\n';
      this.#framing = 'chunked';
    } else this.#framing = 'until-close';
    const fields = h.fields + framing + commonFields;
    message.start(h.status, fields, this.#framing === 'chunked', draining() || message.unread);
  }

  #send(text: string): boolean {
    const flowing = this.#message.write(text);
    if (!flowing && this.#connection.stalledSinceMs === 0)
      this.#connection.stalledSinceMs = this.#deps.nowMs();
    return flowing;
  }

  #touch(): void {
    if (this.firstByteAtMs === 0) this.firstByteAtMs = this.#deps.nowMs();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#staged = undefined;
    this.#connection.onDrain = undefined;
    this.#deps.over(this.#connection);
  }
}
