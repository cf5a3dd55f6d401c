/**
 * The HTTP server of the gateway. Owns every client connection and its exchanges (one at a time for each connection),
 * applies the limits of connections, ends what stalls in a sweep once a second, and ends all of it on shutdown. Parsers
 * read the requests, and the pipeline decides about them.
 */

import type { Socket } from 'node:net';
import type { Clock, Unsubscribe } from '../../core/clock.ts';
import { clearLastMatch } from '../../core/detached-string.ts';
import { type ErrorCode, errorTable } from '../../core/errors.ts';
import type { Limits } from '../../core/proxy/limits.ts';
import { rule } from '../../core/rules.ts';
import { type ClientAddress, parseAddress } from '../../core/security/address-rules.ts';
import type { KeyHoldings } from '../../core/security/key-holdings.ts';
import type { SnapshotSource } from '../../core/security/snapshot.ts';
import type { ConnectionEntry, ConnectionTable } from '../connection-table.ts';
import { rawErrorResponse, refuse } from '../error-response.ts';
import { type AbortCause, Exchange } from '../exchange.ts';
import type { HeaderTable } from '../request-headers.ts';
import type { RequestPipeline } from '../request-pipeline.ts';
import type { RequestRecorder } from '../request-recorder.ts';
import { type BodyDeps, HttpBody } from './body.ts';
import { freeUnusedBlocks } from './body-blocks.ts';
import { Connection } from './connection.ts';
import { FastPathParser, type FastPathParserDeps } from './fast-path-parser.ts';
import type { HttpMessage } from './message.ts';
import { NodeHttpParser } from './node-http-parser.ts';
import { OverflowHandler } from './overflow-handler.ts';
import { HttpResponseWriter, type ResponseWriterDeps } from './response-writer.ts';

export interface HttpServerDeps {
  readonly limits: Limits;
  readonly fieldTable: HeaderTable;
  readonly holdings: KeyHoldings;
  /** Drops what the limits keep for keys without requests. Called once a second. */
  readonly forgetIdle: () => void;
  readonly table: ConnectionTable;
  readonly clock: Clock;
  readonly snapshots: SnapshotSource;
  /** Next request id; unique for this process. */
  readonly nextId: () => string;
  readonly pipeline: Pick<RequestPipeline, 'run' | 'finish'>;
  /** Fields of every response: whole lines, each with its CRLF. */
  readonly commonFields: string;
  /** Called for bytes that are not a valid request. */
  readonly malformed: RequestRecorder['malformed'];
  /** Called with an internal error of flm, which ends only one request. */
  readonly onError: (error: unknown) => void;
}

const sweepMs = 1_000;
const unknownAddress: ClientAddress = { text: 'unknown', value: 0n, loopback: false, bucket: 'unknown' };

export class HttpServer {
  readonly #deps: HttpServerDeps;
  readonly #parserDeps: FastPathParserDeps;
  readonly #bodyDeps: BodyDeps;
  readonly #writerDeps: ResponseWriterDeps;
  readonly #connections = new Map<Socket, Connection>();
  readonly #overflow: OverflowHandler;
  /** Exchanges that are not over. Each is the current exchange of its connection. */
  #inFlight = 0;
  readonly #stopSweep: Unsubscribe;
  #draining = false;
  #onIdle: (() => void) | undefined;

  constructor(deps: HttpServerDeps) {
    this.#deps = deps;
    const { limits, clock } = deps;
    const nowMs = (): number => clock.monotonicMs();
    this.#bodyDeps = {
      maxBodyBytes: limits.maxBodyBytes,
      minBytesPerSecond: limits.minBodyBytesPerSecond,
      holdings: deps.holdings,
      onError: (connection, error) => this.#onError(connection, error),
    };
    this.#writerDeps = {
      drainRefusedBytes: limits.drainRefusedBytes,
      nowMs,
      draining: () => this.#draining,
      commonFields: deps.commonFields,
      over: (connection) => this.#over(connection),
    };
    const nodeHttp = new NodeHttpParser({
      limits,
      fieldTable: deps.fieldTable,
      connectionOf: (socket) => this.#connections.get(socket),
      begin: (connection, message) => this.#begin(connection, message),
      rejectUnparsed: (connection, code, reason) => this.#rejectUnparsed(connection, code, reason),
      recordRejection: (connection, code) => this.#recordRejection(connection.address, code),
    });
    this.#parserDeps = {
      maxHeadBytes: limits.maxHeadBytes,
      fieldTable: deps.fieldTable,
      nowMs: () => clock.nowMs(),
      begin: (connection, message) => this.#begin(connection, message),
      handOver: (socket) => nodeHttp.accept(socket),
    };
    this.#overflow = new OverflowHandler(clock);
    this.#stopSweep = clock.every(sweepMs, () => this.#sweep());
  }

  /** Accepts a connection. `known` is its entry in the connection table, if the entry exists already. */
  accept(socket: Socket, known?: ConnectionEntry): void {
    const address = known?.address ?? parseAddress(socket.remoteAddress ?? '') ?? unknownAddress;
    const entry = known ?? this.#deps.table.add(address);
    if (entry === undefined) {
      this.#overflow.rejectConnection(socket, () => {
        const id = this.#recordRejection(address, 'CONNECTIONS_EXHAUSTED');
        return unparsedResponse(id, 'CONNECTIONS_EXHAUSTED');
      });
      return;
    }
    const connection = new Connection(socket, entry, this.#deps.clock.monotonicMs());
    this.#connections.set(socket, connection);
    const close = (): void => {
      // Closing an idle connection is not a refusal: its client opens another connection.
      if (!entry.isKnown) this.#recordRejection(address, 'CONNECTIONS_EXHAUSTED');
      connection.destroy();
    };
    const isWriting = (): boolean => {
      socket.uncork();
      return socket.writableLength > 0;
    };
    entry.close = close;
    entry.isWriting = isWriting;
    socket.on('drain', () => {
      connection.stalledSinceMs = 0;
      connection.onDrain?.();
    });
    socket.on('close', () => this.#closed(connection));
    socket.on('end', () => this.#halfClosed(connection));
    new FastPathParser(connection, this.#parserDeps);
  }

  get connections(): number {
    return this.#connections.size;
  }
  /** Connections whose first request has not been read. */
  get newConnections(): number {
    let count = 0;
    for (const connection of this.#connections.values()) if (connection.isNew) count += 1;
    return count;
  }
  get inFlight(): number {
    return this.#inFlight;
  }
  get bufferedBytes(): number {
    return this.#deps.holdings.bodyBytes;
  }
  get draining(): boolean {
    return this.#draining;
  }
  /**
   * The exchanges that run now. No set of exchanges is kept: a set that changes with each request leaves a trail of old
   * tables, through which dead exchanges keep younger ones alive until a full collection (a third of all CPU time).
   */
  running(): readonly Exchange[] {
    const running: Exchange[] = [];
    for (const { current } of this.#connections.values()) if (current !== undefined) running.push(current);
    return running;
  }

  /** From now on every response closes its connection. */
  announceEnd(): void {
    this.#draining = true;
  }

  /**
   * Resolves when the last running exchange is over. Idle connections stay open until their next request, which the guard
   * refuses: closing them now would reset a request that is on its way.
   */
  drain(): Promise<void> {
    this.announceEnd();
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  /** Ends every running exchange, for the given reason. */
  abortAll(why: AbortCause): void {
    for (const x of this.running()) this.abort(x, why);
  }

  abort(x: Exchange, why: AbortCause): void {
    if (x.onAbort !== undefined) x.onAbort(why);
    else if (x.over) return;
    else if (x.reply.committed) x.reply.cut();
    else if (why === 'cancelled')
      refuse(x, { code: 'REQUEST_CANCELLED', rule: rule(why), ending: why, close: true });
    else if (why === 'key-ended') refuse(x, { code: 'KEY_ENDED', rule: rule(why), ending: why, close: true });
    else refuse(x, { code: 'SHUT_DOWN', rule: rule('shut-down'), ending: 'shut-down', close: true });
  }

  /** Closes every connection at once. Resolves when all sockets are closed. */
  async close(): Promise<void> {
    this.#draining = true;
    this.#stopSweep();
    // What was used since the last look is freed by the second one.
    freeUnusedBlocks();
    freeUnusedBlocks();
    const closing = [...this.#connections.keys(), ...this.#overflow.sockets].map(
      (socket) =>
        new Promise<void>((resolve) => {
          socket.once('close', () => resolve());
          // Bytes that are written may still be sent, within half a second.
          socket.uncork();
          if (socket.writableLength > 0) {
            socket.destroySoon();
            this.#deps.clock.after(500, () => socket.destroy());
          } else socket.destroy();
        }),
    );
    await Promise.all(closing);
  }

  /** A request was read, and the one before it on this connection is over. */
  #begin(connection: Connection, message: HttpMessage): void {
    const { clock, table } = this.#deps;
    const { entry } = connection;
    table.begin(entry);
    const body = new HttpBody(message, connection, this.#bodyDeps);
    const reply = new HttpResponseWriter(message, connection, this.#writerDeps);
    const x = new Exchange({
      id: this.#deps.nextId(),
      peer: connection,
      head: message.head,
      snapshot: this.#deps.snapshots.current(),
      reply,
      body,
      startedAtMs: clock.monotonicMs(),
    });
    connection.current = x;
    connection.headSinceMs = undefined;
    this.#inFlight += 1;
    // Steps that do not wait run within this call.
    this.#deps.pipeline.run(x, (error) => this.#onError(connection, error, x));
    if (x.key === undefined || entry.isKnown) return;
    table.authenticated(entry);
    if (connection.current === undefined) table.rest(entry);
  }

  /** The current exchange of this connection is complete, cut or abandoned. */
  #over(connection: Connection): void {
    const x = connection.current;
    if (x === undefined) return;
    connection.current = undefined;
    connection.idle();
    this.#deps.table.rest(connection.entry);
    // An engine may answer before it has read the request: then the rest of the body is still queued here.
    const isSent = x.outcome.ending === 'done' && x.progress?.requestSent === true;
    (x.body as HttpBody).release(isSent);
    this.#inFlight -= 1;
    this.#deps.pipeline.finish(x);
    clearLastMatch();
    if (this.#inFlight === 0) this.#onIdle?.();
  }

  /** An internal error ends only the request in which it occurred, not the process with all other requests. */
  #onError(connection: Connection, error: unknown, x = connection.current): void {
    this.#deps.onError(error);
    // The exchange ended before the error was seen; the connection may serve the next one.
    if (x !== connection.current) return;
    // The engine's slot or the place in the queue is released as for a client that left.
    if (x === undefined || x.over || x.reply.committed || x.onAbort !== undefined) connection.destroy();
    else refuse(x, { code: 'INTERNAL', rule: rule('mistake'), close: true });
  }

  #closed(connection: Connection): void {
    this.#connections.delete(connection.socket);
    this.#deps.table.remove(connection.entry);
    const x = connection.current;
    if (x === undefined || x.over) return;
    x.clientLeft('CLIENT_GONE');
    x.over = true;
    x.onAbort?.('client-left');
    (x.reply as HttpResponseWriter).abandon();
  }

  /**
   * The client closed its sending side. TCP does not show whether the client only finished sending or left. Before
   * the response begins, interim responses (RFC 9110, section 15.2) test this: a present client accepts them. The host
   * of a client that left resets the connection, and the next write fails. During a response the client counts as gone,
   * because no harmless bytes could be sent.
   */
  #halfClosed(connection: Connection): void {
    const x = connection.current;
    if (x === undefined || x.over) return;
    if (x.reply.committed || x.head.version === '1.0') {
      connection.destroy();
      return;
    }
    connection.halfClosed = true;
    this.#probe(connection);
    // Over loopback the reset is here by then; over a network the sweep asks again.
    setImmediate(() => this.#probe(connection));
  }

  #probe(connection: Connection): void {
    const x = connection.current;
    if (x !== undefined && !x.over && !x.reply.committed)
      connection.socket.write('HTTP/1.1 102 Processing\r\n\r\n');
  }

  #sweep(): void {
    const now = this.#deps.clock.monotonicMs();
    const { limits } = this.#deps;
    this.#deps.forgetIdle();
    freeUnusedBlocks();
    for (const connection of this.#connections.values()) {
      connection.heads.tick();
      connection.current?.onTick?.(now);
      if (connection.deadlineMs !== 0 && now > connection.deadlineMs) {
        connection.destroy();
        continue;
      }
      if (connection.halfClosed) this.#probe(connection);
      if (connection.restedFor(now) > limits.keepAliveTimeoutMs) {
        // The client has not read the last bytes for so long that it will not read them now.
        if (connection.socket.writableLength > 0) connection.destroy();
        else connection.socket.destroySoon();
        continue;
      }
      if (connection.headTook(now) > limits.headTimeoutMs) {
        this.#rejectUnparsed(connection, 'REQUEST_TIMEOUT', undefined);
        continue;
      }
      if (connection.stalledSinceMs !== 0 && now - connection.stalledSinceMs > limits.writeStallMs) {
        const x = connection.current;
        if (x !== undefined) {
          x.clientLeft('CLIENT_STALLED');
          this.abort(x, 'client-stalled');
        }
        connection.destroy();
        continue;
      }
      connection.body?.tick();
    }
  }

  /** Answers bytes that are not a valid request. The client has until the next sweep to read the response. */
  #rejectUnparsed(connection: Connection, code: ErrorCode, reason: string | undefined): void {
    connection.socket.end(
      unparsedResponse(this.#recordRejection(connection.address, code, reason), code, reason),
    );
    connection.deadlineMs = this.#deps.clock.monotonicMs() + sweepMs;
  }

  /** Records the rejection, and returns its request id. */
  #recordRejection(client: ClientAddress, code: ErrorCode, reason?: string): string {
    const id = this.#deps.nextId();
    this.#deps.malformed(client, id, code, reason === undefined ? {} : { reason });
    return id;
  }
}

/** The response on a connection on which no request could be read. */
function unparsedResponse(requestId: string, code: ErrorCode, reason?: string): string {
  const { status } = errorTable[code];
  // The target of a CONNECT allows no method at all (RFC 9110, section 10.2.1).
  const fields = status === 503 ? 'retry-after: 1\r\n' : status === 405 ? 'allow:\r\n' : '';
  const params = reason === undefined ? {} : { reason };
  return rawErrorResponse({ code, params, requestId, dialect: 'openai', fields });
}
