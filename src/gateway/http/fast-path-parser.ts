/**
 * Reads ordinary requests from one connection and writes their responses directly to its socket, one after another. The
 * first request that is not ordinary goes to another parser, with the connection and all later bytes.
 *
 *   resting --head--> a message: its body is read, its response written --both complete--> resting
 *      '---any other bytes---> handed over for good
 *
 * Clients of LLM APIs do not pipeline. Bytes that arrive together with another request are not ordinary. Bytes that
 * arrive while a response is being written wait, up to a size limit.
 */
import assert from 'node:assert/strict';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { RequestHead } from '../exchange.ts';
import type { HeaderTable } from '../request-headers.ts';
import { lastConnectionValue } from '../upgrade.ts';
import type { Connection } from './connection.ts';
import { type FastPathHead, readFastPathHead } from './fast-path-head.ts';
import type { BodyListener, HttpMessage } from './message.ts';
import { ReadPacer } from './read-pacer.ts';
import { readShared, sharedRead } from './shared-reads.ts';
import { countWrite, writeInTurn } from './turn-writes.ts';

export interface FastPathParserDeps {
  readonly maxHeadBytes: number;
  readonly fieldTable: HeaderTable;
  readonly nowMs: () => number;
  readonly begin: (connection: Connection, message: HttpMessage) => void;
  /**
   * Takes over the socket, which has no reader at this point. The bytes of the request are put back into the socket.
   */
  readonly handOver: (socket: Socket) => void;
}

/** Matches characters outside Latin-1, which would lose their upper byte. Costs nothing for valid text. */
const beyondLatin1 = /[^\0-\xff]/;
/** How many bytes may wait while a response is being written. */
const maxWaitingBytes = 64 * 1024;

export class FastPathParser {
  readonly #connection: Connection;
  readonly #socket: Socket;
  readonly #deps: FastPathParserDeps;
  /** Bytes received but not yet consumed: from `#at` on. During `#onRead` they may be those of `sharedRead`. */
  #bytes: Buffer | undefined;
  #at = 0;
  #message: OrdinaryMessage | undefined;
  /** Where the socket puts the bytes of the next read: in memory of the body, or where all connections read. */
  #memory: Buffer = sharedRead;
  #advancing = false;
  readonly #turns: ReadPacer;
  #isHandedOver = false;
  /** The client will send no more bytes. */
  #sawEnd = false;
  /** The last response is written. */
  #closing = false;

  constructor(connection: Connection, deps: FastPathParserDeps) {
    this.#connection = connection;
    this.#socket = connection.socket;
    this.#deps = deps;
    this.#turns = new ReadPacer(connection.socket, () => !connection.socket.destroyed);
    this.#socket.on('data', this.#onData);
    readShared(this.#socket, { onRead: this.#onRead, nextMemory: this.#nextMemory });
    this.#socket.on('end', this.#onEnd);
    this.#socket.on('error', this.#onError);
  }

  /** Continues reading: the message wants bytes, or is over. */
  advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    let more = true;
    while (more) more = this.#step();
    this.#advancing = false;
  }

  /** The response is written. Its exchange ends in this turn of the event loop; waiting bytes are read in the next. */
  answered(closes: boolean): void {
    if (closes) this.#close();
    else {
      this.#message = undefined;
      if (this.#bytes !== undefined || this.#sawEnd) process.nextTick(this.#advanceLater);
    }
  }

  /** Returns whether the reading continued. */
  #step(): boolean {
    const bytes = this.#bytes;
    const message = this.#message;
    if (bytes === undefined) {
      if (message === undefined && this.#sawEnd) this.#close();
      return false;
    }
    if (this.#closing) {
      this.#bytes = undefined;
      return false;
    }
    if (message !== undefined) {
      if (!message.wantsBytes) return false;
      const from = this.#at;
      const to = Math.min(bytes.length, from + message.leftBytes);
      this.#use(bytes, to);
      message.take(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to));
      return true;
    }
    const read = this.#readHead(bytes, this.#at);
    if (read === undefined || bytes.length - read.end > (read.declaredBytes ?? 0)) {
      this.#handOver(bytes.subarray(this.#at));
      return false;
    }
    this.#use(bytes, read.end);
    const next = new OrdinaryMessage(this, this.#socket, read, this.#deps.nowMs);
    this.#message = next;
    this.#deps.begin(this.#connection, next);
    return true;
  }

  #readHead(bytes: Buffer, from: number): FastPathHead | undefined {
    const { maxHeadBytes, fieldTable } = this.#deps;
    const { heads } = this.#connection;
    const known = heads.recall(bytes, from, maxHeadBytes);
    if (known !== undefined) return known;
    const read = readFastPathHead(bytes, from, maxHeadBytes, fieldTable);
    return read === undefined ? undefined : heads.note(bytes, from, read);
  }

  #use(bytes: Buffer, to: number): void {
    if (to === bytes.length) this.#bytes = undefined;
    else this.#at = to;
  }

  #handOver(rest: Buffer): void {
    this.#bytes = undefined;
    this.#isHandedOver = true;
    this.#connection.heads.forget();
    const socket = this.#socket;
    // Node may end the connection in this turn, and would lose the response before these bytes.
    socket.uncork();
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('error', this.#onError);
    // Bytes cannot be put back into a socket that has ended. The remaining bytes are an incomplete request, or none.
    if (this.#sawEnd) return this.#close();
    socket.unshift(ownBytes(rest, this.#memory));
    this.#deps.handOver(socket);
  }

  #close(): void {
    this.#closing = true;
    this.#socket.destroySoon();
  }

  readonly #advanceLater = (): void => this.advance();

  readonly #onRead = (length: number): boolean => {
    const memory = this.#memory;
    if (memory !== sharedRead && this.#message?.filled(length) === true) {
      this.#turns.took(length);
      return true;
    }
    const chunk = memory.subarray(0, length);
    let goesOn = true;
    if (this.#isHandedOver) goesOn = this.#socket.push(Buffer.from(chunk));
    else {
      this.#onData(chunk);
      if (this.#bytes !== undefined) {
        this.#bytes = ownBytes(this.#bytes.subarray(this.#at), memory);
        this.#at = 0;
      }
    }
    // A prompt does not stay here: the next read may be short, or never happen.
    chunk.fill(0);
    return goesOn;
  };

  readonly #nextMemory = (): Buffer | undefined => {
    const next = this.#message?.lend() ?? sharedRead;
    if (next === this.#memory) return undefined;
    this.#memory = next;
    return next;
  };

  readonly #onData = (chunk: Buffer): void => {
    this.#turns.took(chunk.length);
    const bytes = this.#bytes;
    this.#bytes = bytes === undefined ? chunk : Buffer.concat([bytes.subarray(this.#at), chunk]);
    this.#at = 0;
    this.advance();
    if (this.#bytes !== undefined && this.#bytes.length - this.#at > maxWaitingBytes)
      this.#connection.destroy();
  };

  readonly #onEnd = (): void => {
    this.#sawEnd = true;
    // In the middle of a body: the client left. A refused body already has its response.
    const held = this.#bytes === undefined ? 0 : this.#bytes.length - this.#at;
    if (this.#message === undefined || this.#message.leftBytes <= held) return this.advance();
    if (this.#connection.current === undefined) this.#close();
    else this.#connection.destroy();
  };

  readonly #onError = (): void => {
    this.#connection.destroy();
  };
}

/** Copies bytes of `memory`, where the next read puts its bytes. */
function ownBytes(bytes: Buffer, memory: Buffer): Buffer {
  return bytes.buffer === memory.buffer ? Buffer.from(bytes) : bytes;
}

class OrdinaryMessage implements HttpMessage {
  readonly head: RequestHead;
  readonly declaredBytes: number | undefined;
  readonly expectsContinue = false;
  readonly takesChunks = true;
  readonly sharesBytes = true;
  /** Body bytes received but not yet consumed. */
  leftBytes: number;
  readonly #reader: FastPathParser;
  readonly #socket: Socket;
  readonly #nowMs: () => number;
  #closes: boolean;
  #listener: BodyListener | undefined;
  /** The head of the response, until it is sent. */
  #waiting = '';

  constructor(reader: FastPathParser, socket: Socket, read: FastPathHead, nowMs: () => number) {
    this.head = read.head;
    this.declaredBytes = read.declaredBytes;
    this.leftBytes = read.declaredBytes ?? 0;
    this.#reader = reader;
    this.#socket = socket;
    this.#nowMs = nowMs;
    this.#closes = read.closes;
  }

  get unread(): boolean {
    return this.leftBytes > 0;
  }

  get wantsBytes(): boolean {
    return this.#listener !== undefined && this.leftBytes > 0;
  }

  take(chunk: Buffer): void {
    this.leftBytes -= chunk.length;
    this.#listener?.data(chunk);
    // The listener may have changed during the call.
    if (this.leftBytes === 0) this.#listener?.end();
  }

  /** Memory for the next bytes of the body, where its reader has some. */
  lend(): Buffer | undefined {
    return this.#listener?.lend?.(this.leftBytes);
  }

  /** So many bytes are in the memory that was lent. Returns false if its lender no longer reads the body. */
  filled(bytes: number): boolean {
    if (this.#listener?.filled === undefined) return false;
    this.leftBytes -= bytes;
    this.#listener.filled(bytes);
    // The listener may have changed during the call.
    if (this.leftBytes === 0) this.#listener?.end();
    return true;
  }

  sendContinue(): void {
    throw new Error('a common request has no expectation');
  }

  receive(listener: BodyListener | undefined): void {
    this.#listener = listener;
    if (this.leftBytes > 0) this.#reader.advance();
    else listener?.end();
  }

  start(status: number, fields: string, _framed: boolean, close: boolean): void {
    if (close) this.#closes = true;
    const connection = this.#closes ? `connection: ${lastConnectionValue(fields)}\r\n\r\n` : keepAlive;
    const head = statusLine(status) + fields + dateField(this.#nowMs()) + connection;
    assert(head.indexOf('\r\n\r\n') === head.length - 4, 'the head of a response has no empty line');
    assert(!beyondLatin1.test(head), 'the head of a response is Latin-1');
    this.#waiting = head;
  }

  flush(): void {
    if (this.#waiting !== '') this.write('');
  }

  /** At once: an event must not wait for the end of the turn. */
  write(text: string): boolean {
    countWrite();
    return this.#socket.write(this.#take(text), 'latin1');
  }

  end(text: string): void {
    const isWhole = this.#waiting !== '';
    const last = this.#take(text);
    if (isWhole) writeInTurn(this.#socket, last);
    else if (last !== '') this.#socket.write(last, 'latin1');
    this.#reader.answered(this.#closes);
  }

  #take(text: string): string {
    const all = this.#waiting + text;
    this.#waiting = '';
    return all;
  }
}

const keepAlive = 'connection: keep-alive\r\n\r\n';
const okLine = 'HTTP/1.1 200 OK\r\n';

function statusLine(status: number): string {
  return status === 200 ? okLine : `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`;
}

/** RFC 9110, section 5.6.7, made once a second. */
let dateLine = '';
let dateSecond = -1;

function dateField(nowMs: number): string {
  const second = Math.floor(nowMs / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    // Joined: V8 keeps a text that was added up as its parts, and would copy them one by one into each response.
    dateLine = ['date: ', new Date(second * 1000).toUTCString(), '\r\n'].join('');
  }
  return dateLine;
}
