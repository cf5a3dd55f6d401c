/**
 * The way out over `node:http`, with as few writes as the bytes allow.
 *
 * - A small answer leaves in one write: head and body joined as one latin-1 string (byte for byte the same bytes).
 * - A stream's framing is ours, not Node's: the head says `chunked`, Node is told that it does not chunk, and what goes
 *   to the socket is either the engine's own validated framing or one string of size, payload and CRLF. So an event is
 *   one write, not a `writev` of three parts.
 * - Strings are immutable copies, so that the engine's read buffer can be shared by all sockets and reused at once.
 */
import type { ServerResponse } from 'node:http';
import type { Reply, ResponseHead } from '../exchange.ts';
import type { Connection } from './connection.ts';
import type { LeanRequest } from './lean-request.ts';

type Framing = 'none' | 'length' | 'chunked' | 'until-close';

export interface ReplyNeeds {
  readonly req: LeanRequest;
  readonly res: ServerResponse;
  readonly connection: Connection;
  readonly drainRefusedBytes: number;
  readonly nowMs: () => number;
  /** The client waits for `100 Continue` and has sent no body. */
  readonly expectsContinue: boolean;
  readonly draining: () => boolean;
  /** Fields that every answer carries: names and values in turn. */
  readonly commonFields: readonly string[];
  /** The answer is complete or cut; called once. */
  readonly onOver: () => void;
}

/** How long a refused body may take to end before its connection is closed. */
const lingerMs = 2_000;

export class HttpReply implements Reply {
  committed = false;
  bytesOut = 0;
  firstByteAtMs = 0;
  readonly relaysFraming: boolean;

  readonly #needs: ReplyNeeds;
  #staged: ResponseHead | undefined;
  #framing: Framing = 'none';
  #over = false;

  constructor(needs: ReplyNeeds) {
    this.#needs = needs;
    this.relaysFraming = needs.req.httpVersionMinor === 1 && needs.req.method !== 'HEAD';
  }

  whole(status: number, fields: string[], body: string, close: boolean): void {
    if (this.committed) return;
    this.committed = true;
    const { req, res, drainRefusedBytes } = this.#needs;
    const length = Buffer.byteLength(body);
    if (status !== 204) fields.push('content-length', String(length));
    if (this.#needs.commonFields.length > 0) fields.push(...this.#needs.commonFields);
    this.bytesOut = length;
    this.#touch();

    const unread = isUnread(req) && !this.#needs.connection.unreadable;
    const declared = Number(req.fields.get('content-length') ?? Number.POSITIVE_INFINITY);
    const drainable = declared <= drainRefusedBytes && !this.#needs.expectsContinue;
    const mustClose = close || this.#needs.draining() || (unread && !drainable);
    if (mustClose) fields.push('connection', 'close');
    res.writeHead(status, fields);
    if (unread && !this.#needs.expectsContinue) {
      // Closing over unread bytes resets the connection, and the answer could be lost with it: the answer is sent,
      // the rest is read under a cap of bytes and time, and only then does the message end.
      this.#needs.connection.deadlineMs = this.#needs.nowMs() + lingerMs;
      let left = drainRefusedBytes;
      const finish = (): void => {
        req.off('data', onData);
        req.off('end', finish);
        this.#needs.connection.deadlineMs = 0;
        this.#needs.connection.idle();
        res.end();
      };
      const onData = (chunk: Buffer): void => {
        left -= chunk.length;
        if (left < 0) finish();
      };
      if (length > 0) res.write(body);
      else res.flushHeaders();
      req.on('data', onData);
      req.on('end', finish);
      req.resume();
    } else if (length > 0) res.end(body);
    else res.end();
    this.#finish();
  }

  head(h: ResponseHead): void {
    this.#staged = h;
    this.committed = true;
  }

  flush(): void {
    if (this.#staged === undefined) return;
    this.#start(this.#staged);
    this.#needs.res.flushHeaders();
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
      if (staged.contentLength === to - from && this.#needs.req.method !== 'HEAD') {
        this.#start(staged);
        this.#needs.res.end(text, 'latin1');
        this.#finish();
        return true;
      }
      this.#start(staged);
      return this.#first(this.#framing === 'chunked' ? `${(to - from).toString(16)}\r\n${text}\r\n` : text);
    }
    this.#touch();
    this.bytesOut += to - from;
    return this.#more(this.#framing === 'chunked' ? `${(to - from).toString(16)}\r\n${text}\r\n` : text);
  }

  writeFramed(buffer: Buffer, from: number, to: number): boolean {
    if (this.#over) return true;
    this.#touch();
    this.bytesOut += to - from;
    const text = buffer.toString('latin1', from, to);
    const staged = this.#staged;
    if (staged === undefined) return this.#more(text);
    this.#start(staged);
    return this.#first(text);
  }

  writeText(text: string): boolean {
    const bytes = Buffer.from(text);
    return this.write(bytes, 0, bytes.length);
  }

  onDrain(f: (() => void) | undefined): void {
    this.#needs.connection.onDrain = f;
  }

  end(): void {
    if (this.#over) return;
    const { res } = this.#needs;
    const staged = this.#staged;
    if (staged !== undefined) this.#start(staged);
    if (this.#framing === 'chunked') res.end('0\r\n\r\n', 'latin1');
    else res.end();
    this.#finish();
  }

  cut(): void {
    if (this.#over) return;
    this.#needs.connection.socket.destroy();
    this.#finish();
  }

  /** Nobody is there any more. */
  abandon(): void {
    this.#finish();
  }

  #start(h: ResponseHead): void {
    this.#staged = undefined;
    const { req, res } = this.#needs;
    if (this.#needs.commonFields.length > 0) h.fields.push(...this.#needs.commonFields);
    const bodyless = req.method === 'HEAD' || h.status === 204 || h.status === 304;
    if (h.contentLength !== undefined) {
      if (h.status !== 204) h.fields.push('content-length', String(h.contentLength));
      this.#framing = bodyless ? 'none' : 'length';
    } else if (bodyless) this.#framing = 'none';
    else if (this.relaysFraming) {
      h.fields.push('transfer-encoding', 'chunked');
      this.#framing = 'chunked';
    } else this.#framing = 'until-close';
    if (this.#needs.draining() || isUnread(req)) h.fields.push('connection', 'close');
    res.writeHead(h.status, h.fields);
    // The framing is written by this class; Node must not add its own.
    if (this.#framing === 'chunked') res.chunkedEncoding = false;
  }

  /** Through the message, which joins the head to it. */
  #first(text: string): boolean {
    return this.#noteStall(this.#needs.res.write(text, 'latin1'));
  }

  /** Straight to the socket: the head is out, and requests of one connection are answered one at a time. */
  #more(text: string): boolean {
    return this.#noteStall(this.#needs.connection.socket.write(text, 'latin1'));
  }

  #noteStall(flowing: boolean): boolean {
    if (!flowing && this.#needs.connection.stalledSinceMs === 0)
      this.#needs.connection.stalledSinceMs = this.#needs.nowMs();
    return flowing;
  }

  #touch(): void {
    if (this.firstByteAtMs === 0) this.firstByteAtMs = this.#needs.nowMs();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#staged = undefined;
    this.#needs.connection.onDrain = undefined;
    this.#needs.onOver();
  }
}

/** A request without a body is not yet `complete` while Node announces it, and yet nothing of it can follow. */
function isUnread(req: LeanRequest): boolean {
  if (req.complete) return false;
  const { fields } = req;
  return fields.get('transfer-encoding') !== undefined || Number(fields.get('content-length') ?? 0) > 0;
}
