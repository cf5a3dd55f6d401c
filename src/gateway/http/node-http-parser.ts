/**
 * Reads requests with `node:http`: every request that the fast path does not take. Its parser, llhttp, is strict about
 * framing and much attacked. The guard refuses the bad requests that llhttp accepts.
 *
 * Node's defaults that must not stay: `keepAliveTimeout` 5 s makes 502s behind other proxies; `requestTimeout` 300 s
 * cuts uploads (bodies have a rate of their own); there is no limit on a client that does not read.
 */

import { createServer, IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ErrorCode } from '../../core/errors.ts';
import type { Limits } from '../../core/proxy/limits.ts';
import { rule } from '../../core/rules.ts';
import { dialectOfTarget } from '../advice.ts';
import { errorResponse } from '../error-response.ts';
import type { Refusal, RequestHead } from '../exchange.ts';
import { type HeaderTable, plainTable, RequestHeaders } from '../request-headers.ts';
import { hidesWhatFollows, lastConnectionValue } from '../upgrade.ts';
import type { Connection } from './connection.ts';
import type { BodyListener, HttpMessage } from './message.ts';
import { ReadPacer } from './read-pacer.ts';
import { RequestLines } from './request-lines.ts';

export interface NodeHttpParserDeps {
  readonly limits: Limits;
  readonly fieldTable: HeaderTable;
  readonly connectionOf: (socket: Socket) => Connection | undefined;
  readonly begin: (connection: Connection, message: HttpMessage) => void;
  /** Answers bytes that are not a valid request, then closes the connection after a short time. */
  readonly rejectUnparsed: (connection: Connection, code: ErrorCode, reason: string | undefined) => void;
  /** The same if another component writes the response; returns the request id. */
  readonly recordRejection: (connection: Connection, code: ErrorCode) => string;
}

/** Pipelined requests that may wait on one connection; clients of LLM APIs do not pipeline at all. */
const maxPipelined = 16;
const rubbishBody: Refusal = {
  code: 'REQUEST_MALFORMED',
  params: { reason: 'the bytes after its head are not a valid request' },
  rule: rule('parser'),
  close: true,
};

export class NodeHttpParser {
  readonly #deps: NodeHttpParserDeps;
  readonly #server: Server;
  readonly #lines = new WeakMap<Socket, RequestLines>();

  constructor(deps: NodeHttpParserDeps) {
    this.#deps = deps;
    const { limits } = deps;
    this.#server = createServer(
      {
        IncomingMessage: requestsOf(deps.fieldTable),
        maxHeaderSize: limits.maxHeadBytes,
        // The sweep applies the timeouts for heads, bodies and idle connections.
        headersTimeout: 0,
        requestTimeout: 0,
        keepAliveTimeout: 0,
        insecureHTTPParser: false,
        // The guard refuses such requests in the dialect of the path.
        requireHostHeader: false,
      },
      (req, res) => this.#receive(req, res, false),
    );
    // A client that closes its sending side after the request still expects the response. By default Node would close
    // the connection.
    Object.assign(this.#server, { httpAllowHalfOpen: true });
    // Higher than the guard's own limit, so that the guard can count too many fields.
    this.#server.maxHeadersCount = limits.maxHeadFields * 2 + 2;
    this.#server.on('checkContinue', (req: LeanRequest, res: ServerResponse) =>
      this.#receive(req, res, true),
    );
    this.#server.on('checkExpectation', (req: LeanRequest, res: ServerResponse) =>
      this.#refuseExpectation(req, res),
    );
    this.#server.on('connect', (_req, socket: Socket) => this.#refuseConnect(socket));
    this.#server.on('clientError', (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket: Socket) =>
      this.#refuseBytes(error, socket),
    );
  }

  /** Reads from this connection until it ends. */
  accept(socket: Socket): void {
    this.#server.emit('connection', socket);
    const lines = new RequestLines();
    this.#lines.set(socket, lines);
    // Registered before Node's own listener, which may answer within the same call.
    socket.prependListener('data', (bytes: Buffer) => lines.read(bytes));
  }

  #receive(req: LeanRequest, res: ServerResponse, expectsContinue: boolean): void {
    const connection = this.#deps.connectionOf(req.socket);
    if (connection === undefined) return;
    const looseLine = this.#lines.get(req.socket)?.take() !== true;
    const message = new NodeMessage(req, res, expectsContinue, looseLine);
    if (connection.current === undefined && res.socket !== null) return this.#deps.begin(connection, message);
    // Pipelined: handled after the response before it is sent.
    if (++connection.waiting > maxPipelined) {
      connection.destroy();
      return;
    }
    res.once('socket', () => {
      connection.waiting -= 1;
      this.#deps.begin(connection, message);
    });
  }

  #refuseExpectation(req: LeanRequest, res: ServerResponse): void {
    const connection = this.#deps.connectionOf(req.socket);
    if (connection === undefined) return;
    const code: ErrorCode = 'EXPECTATION_FAILED';
    const id = this.#deps.recordRejection(connection, code);
    const dialect = dialectOfTarget(req.url ?? '');
    const { status, fields, body } = errorResponse({ code, requestId: id, dialect });
    const framing = `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n`;
    res.writeHead(status, namesAndValues(fields + framing));
    res.end(body);
  }

  /**
   * Refuses CONNECT. Node has removed all its handlers from the connection and would close it without a response. While
   * an earlier request is being answered, no response is possible.
   */
  #refuseConnect(socket: Socket): void {
    const connection = this.#deps.connectionOf(socket);
    socket.on('error', () => socket.destroy());
    if (connection === undefined || connection.current !== undefined) {
      socket.destroy();
      return;
    }
    socket.resume();
    this.#deps.rejectUnparsed(connection, 'METHOD_NOT_ALLOWED', undefined);
  }

  /** Sends a readable response to bytes that llhttp refused, then ends the connection. */
  #refuseBytes(error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket: Socket): void {
    const connection = this.#deps.connectionOf(socket);
    // Errors of TLS cannot be answered: a renegotiation, or a record that does not decrypt.
    const ofTls = error.code?.startsWith('ERR_SSL') === true;
    if (!socket.writable || error.code === 'ECONNRESET' || ofTls || connection === undefined) {
      socket.destroy();
      return;
    }
    if (connection.current !== undefined) {
      connection.unreadable = true;
      // llhttp drops the bytes after a request that offers an upgrade. The response to that request is the last one.
      if (connection.body === undefined && hidesWhatFollows(connection.current.head)) return;
      // A malformed body can still be answered. If the body ended too early, the client has left. While an earlier
      // request is being answered, no response is possible.
      if (connection.body !== undefined && error.code !== 'HPE_INVALID_EOF_STATE')
        connection.body.refuse(rubbishBody);
      else socket.destroy();
      return;
    }
    // The body belongs to a request that was refused already, and one response is enough.
    if (connection.deadlineMs !== 0) {
      socket.destroySoon();
      return;
    }
    const code: ErrorCode = error.code === 'HPE_HEADER_OVERFLOW' ? 'HEAD_TOO_LARGE' : 'REQUEST_MALFORMED';
    const hello = error.rawPacket?.[0] === 0x16;
    this.#deps.rejectUnparsed(
      connection,
      code,
      hello ? 'this port speaks plain HTTP, so use http:// in the URL' : 'it is not a valid HTTP request',
    );
  }
}

/**
 * A request whose fields are read once, into the slots of `Fields`. Node reads `headers.expect` of each request and
 * would build an object of all fields for that. Here it gets an object that holds this field only.
 */
class LeanRequest extends IncomingMessage {
  #fields: RequestHeaders | undefined;

  /** The header names that this proxy knows. */
  get fieldTable(): HeaderTable {
    return plainTable;
  }

  get fields(): RequestHeaders {
    this.#fields ??= RequestHeaders.of(this.rawHeaders, this.fieldTable);
    return this.#fields;
  }
}

/** Node constructs requests from a class and passes only the socket. */
function requestsOf(table: HeaderTable): typeof LeanRequest {
  return class extends LeanRequest {
    override get fieldTable(): HeaderTable {
      return table;
    }
  };
}

const none = Object.freeze({});

// Replaces Node's own getter; TypeScript declares `headers` as a plain property.
Object.defineProperty(LeanRequest.prototype, 'headers', {
  get(this: LeanRequest) {
    const expect = this.fields.get('expect');
    return expect === undefined ? none : { expect };
  },
});

/** A request and a response of Node. The response writer frames the body, so Node is told not to chunk it. */
class NodeMessage implements HttpMessage {
  readonly head: RequestHead;
  readonly declaredBytes: number | undefined;
  readonly expectsContinue: boolean;
  readonly takesChunks: boolean;
  readonly sharesBytes = false;
  readonly #req: LeanRequest;
  readonly #res: ServerResponse;
  #listener: BodyListener | undefined;
  #receiving = false;
  #headOut = false;

  constructor(req: LeanRequest, res: ServerResponse, expectsContinue: boolean, looseLine: boolean) {
    const { fields } = req;
    const { method = '', url: target = '', httpVersion: version } = req;
    this.head = { method, target, version, looseLine, fields, findings: undefined };
    const length = fields.get('content-length');
    this.declaredBytes = length === undefined ? undefined : Number(length);
    this.expectsContinue = expectsContinue;
    this.takesChunks = req.httpVersionMinor === 1;
    this.#req = req;
    this.#res = res;
  }

  /** While Node announces a request without a body, the request is not `complete` yet, although no body can follow. */
  get unread(): boolean {
    if (this.#req.complete) return false;
    return this.head.fields.get('transfer-encoding') !== undefined || (this.declaredBytes ?? 0) > 0;
  }

  sendContinue(): void {
    this.#res.writeContinue();
  }

  receive(listener: BodyListener | undefined): void {
    const req = this.#req;
    this.#listener = listener;
    if (listener === undefined) {
      req.pause();
      return;
    }
    if (!this.#receiving) {
      this.#receiving = true;
      const turns = new ReadPacer(req, () => this.#listener !== undefined && !req.destroyed);
      req.on('data', (chunk: Buffer) => {
        turns.took(chunk.length);
        this.#listener?.data(chunk);
      });
      req.on('end', () => this.#listener?.end());
    }
    req.resume();
  }

  start(status: number, fields: string, framed: boolean, close: boolean): void {
    const last = close || hidesWhatFollows(this.head);
    const connection = last ? `connection: ${lastConnectionValue(fields)}\r\n` : '';
    this.#res.writeHead(status, namesAndValues(fields + connection));
    if (framed) this.#res.chunkedEncoding = false;
  }

  flush(): void {
    this.#headOut = true;
    this.#res.flushHeaders();
  }

  /** Sends the first text through the message, which adds the head to it, and then writes directly to the socket. */
  write(text: string): boolean {
    if (this.#headOut) return this.#req.socket.write(text, 'latin1');
    this.#headOut = true;
    return this.#res.write(text, 'latin1');
  }

  end(text: string): void {
    if (text === '') this.#res.end();
    else this.#res.end(text, 'latin1');
  }
}

/** Node takes names and values in turn, and refuses what may not stand in them. */
function namesAndValues(lines: string): string[] {
  return lines
    .split('\r\n')
    .slice(0, -1)
    .flatMap((line) => {
      const nameEnd = line.indexOf(':');
      return [line.slice(0, nameEnd), line.slice(nameEnd + 1).trimStart()];
    });
}
