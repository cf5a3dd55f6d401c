/**
 * `node:http` in front: turns what its parser (llhttp) hands over into exchanges, one at a time a connection.
 *
 * Owns the connections: their limits, the sweep that ends what stalls, and the answers to what never became a request.
 * Node's defaults that must not stay: `keepAliveTimeout` 5 s makes 502s behind other proxies; `requestTimeout` 300 s
 * cuts uploads (bodies have a rate of their own); there is no limit on a client that does not read.
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock, Off } from '../../core/clock.ts';
import { type ErrorCode, errorHint, errorTable, errorText } from '../../core/errors.ts';
import type { Limits } from '../../core/proxy/limits.ts';
import { type ClientAddress, parseAddress } from '../../core/security/address-rules.ts';
import type { SnapshotSource } from '../../core/security/snapshot.ts';
import { type BreakCause, Exchange, type Refusal } from '../exchange.ts';
import { refuse } from '../refuse.ts';
import { errorEnvelope } from '../relay/dialects.ts';
import { BodyBudget, HttpBody } from './body.ts';
import { Connection } from './connection.ts';
import { LeanRequest } from './lean-request.ts';
import { HttpReply } from './reply.ts';

export interface HttpFrontNeeds {
  readonly limits: Limits;
  readonly clock: Clock;
  readonly snapshots: SnapshotSource;
  /** Next request id; unique for this process. */
  readonly nextId: () => string;
  readonly line: (x: Exchange) => void;
  /** The exchange is over; called once for each. */
  readonly account: (x: Exchange) => void;
  /** Fields that every answer carries: names and values in turn. */
  readonly commonFields: readonly string[];
  /** Bytes that never became a request. */
  readonly malformed: (client: ClientAddress, id: string, code: ErrorCode) => void;
  /** A mistake of flm's own in one request, which alone ends by it. */
  readonly threw: (error: unknown) => void;
}

/** Pipelined requests that may wait on one connection; clients of LLM APIs do not pipeline at all. */
const maxPipelined = 16;
const sweepMs = 1_000;
/** Connections over the limit that may be told so at a time. */
const maxTurnedAway = 64;
const bodyGraceMs = 10_000;
const slowBody: Refusal = { code: 'REQUEST_TIMEOUT', rule: 'minBodyBytesPerSecond', close: true };
const rubbishBody: Refusal = {
  code: 'REQUEST_MALFORMED',
  params: { reason: 'what follows its head does not parse' },
  rule: 'the HTTP parser',
  close: true,
};
const unknownAddress: ClientAddress = { text: 'unknown', value: 0n, loopback: false, bucket: 'unknown' };

export class HttpFront {
  readonly #needs: HttpFrontNeeds;
  readonly #server: Server;
  readonly #connections = new Map<Socket, Connection>();
  readonly #perAddress = new Map<string, number>();
  readonly #turnedAway = new Set<Socket>();
  readonly #budget: BodyBudget;
  /** Exchanges that are not over; each is its connection's current one. */
  #inFlight = 0;
  readonly #stopSweep: Off;
  #draining = false;
  #onIdle: (() => void) | undefined;

  constructor(needs: HttpFrontNeeds) {
    this.#needs = needs;
    const { limits } = needs;
    this.#budget = new BodyBudget(limits.maxBufferedBytes);
    this.#server = createServer(
      {
        IncomingMessage: LeanRequest,
        maxHeaderSize: limits.maxHeadBytes,
        // Heads, bodies and rests between requests are timed by the sweep.
        headersTimeout: 0,
        requestTimeout: 0,
        keepAliveTimeout: 0,
        insecureHTTPParser: false,
        // The guard answers in the dialect of the path.
        requireHostHeader: false,
      },
      (req, res) => this.#receive(req, res, false),
    );
    // A client that ends its side after the request still wants the answer; Node would end ours.
    Object.assign(this.#server, { httpAllowHalfOpen: true });
    // Above the guard's own count, so that the guard sees that there were too many.
    this.#server.maxHeadersCount = limits.maxHeadFields * 2 + 2;
    this.#server.on('checkContinue', (req: LeanRequest, res: ServerResponse) =>
      this.#receive(req, res, true),
    );
    this.#server.on('checkExpectation', (req: LeanRequest, res: ServerResponse) =>
      this.#refuseExpectation(req, res),
    );
    this.#server.on('clientError', (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket: Socket) =>
      this.#refuseBytes(error, socket),
    );
    this.#stopSweep = needs.clock.every(sweepMs, () => this.#sweep());
  }

  /** Takes a connection from the listener. */
  accept(socket: Socket): void {
    const address = parseAddress(socket.remoteAddress ?? '') ?? unknownAddress;
    const count = this.#perAddress.get(address.bucket) ?? 0;
    const { limits } = this.#needs;
    const trusted =
      address.loopback || this.#needs.snapshots.current().policy.trustedProxies.matches(address);
    if (
      this.#connections.size >= limits.maxConnections ||
      (!trusted && count >= limits.maxConnectionsPerAddress)
    ) {
      this.#turnAway(socket, address);
      return;
    }
    const connection = new Connection(socket, address, this.#needs.clock.monotonicMs());
    this.#connections.set(socket, connection);
    this.#perAddress.set(address.bucket, count + 1);
    socket.on('drain', () => {
      connection.stalledSinceMs = 0;
      connection.onDrain?.();
    });
    socket.on('close', () => this.#closed(connection));
    socket.on('end', () => this.#halfClosed(connection));
    this.#server.emit('connection', socket);
  }

  /** Too many: an answer, a moment to take it, and the end; without the answer where even these are many. */
  #turnAway(socket: Socket, address: ClientAddress): void {
    socket.on('error', () => socket.destroy());
    if (this.#turnedAway.size >= maxTurnedAway) {
      socket.destroy();
      return;
    }
    this.#turnedAway.add(socket);
    const off = this.#needs.clock.after(sweepMs, () => socket.destroy());
    socket.on('close', () => {
      off();
      this.#turnedAway.delete(socket);
    });
    // Closing over unread bytes would reset the connection and the answer with it.
    socket.resume();
    this.#answerBytes(socket, 'CONNECTIONS_EXHAUSTED', undefined, address);
  }

  get connections(): number {
    return this.#connections.size;
  }
  get inFlight(): number {
    return this.#inFlight;
  }
  get bufferedBytes(): number {
    return this.#budget.used;
  }
  get draining(): boolean {
    return this.#draining;
  }
  /**
   * What is being answered now. No set of exchanges is kept: a set that changes with each request leaves a trail of old
   * tables, through which dead exchanges keep younger ones alive until a full collection (a third of all CPU time).
   */
  running(): readonly Exchange[] {
    const running: Exchange[] = [];
    for (const { current } of this.#connections.values()) if (current !== undefined) running.push(current);
    return running;
  }

  /** From now on every answer says that its connection ends with it. */
  announceEnd(): void {
    this.#draining = true;
  }

  /**
   * Lets running answers finish; resolves when the last one is over. Idle connections stay until they ask for something,
   * which the guard refuses: closing them now would reset the request that is on its way on one of them.
   */
  drain(): Promise<void> {
    this.announceEnd();
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  /** Ends every running exchange from outside. */
  breakAll(why: BreakCause): void {
    for (const x of this.running()) this.break(x, why);
  }

  break(x: Exchange, why: BreakCause): void {
    if (x.onBreak !== undefined) x.onBreak(why);
    else if (x.over) return;
    else if (x.reply.committed) x.reply.cut();
    else if (why === 'key-ended') refuse(x, { code: 'KEY_ENDED', rule: why, ending: why, close: true });
    else refuse(x, { code: 'SHUT_DOWN', rule: why, ending: 'shut-down', close: true });
  }

  /** Ends what is left, at once. Resolves when every socket is closed. */
  async close(): Promise<void> {
    this.#draining = true;
    this.#stopSweep();
    const closing = [...this.#connections.keys(), ...this.#turnedAway].map(
      (socket) =>
        new Promise<void>((resolve) => {
          socket.once('close', () => resolve());
          // What is written may still leave; a client that does not take it is not waited for.
          if (socket.writableLength > 0) {
            socket.destroySoon();
            this.#needs.clock.after(500, () => socket.destroy());
          } else socket.destroy();
        }),
    );
    await Promise.all(closing);
  }

  #receive(req: LeanRequest, res: ServerResponse, expectsContinue: boolean): void {
    const connection = this.#connections.get(req.socket);
    if (connection === undefined) return;
    if (connection.current === undefined && res.socket !== null)
      return this.#begin(connection, req, res, expectsContinue);
    // Pipelined: its turn comes when the answer before it is out.
    if (++connection.waiting > maxPipelined) {
      connection.socket.destroy();
      return;
    }
    res.once('socket', () => {
      connection.waiting -= 1;
      this.#begin(connection, req, res, expectsContinue);
    });
  }

  #begin(connection: Connection, req: LeanRequest, res: ServerResponse, expectsContinue: boolean): void {
    const { limits, clock } = this.#needs;
    const nowMs = (): number => clock.monotonicMs();
    const { fields } = req;
    const body = new HttpBody({
      req,
      res,
      connection,
      declaredBytes: Number(fields.get('content-length') ?? 0),
      maxBytes: limits.maxBodyBytes,
      budget: this.#budget,
      expectsContinue,
      nowMs,
      threw: (error) => this.#threw(connection, x, error),
    });
    const reply = new HttpReply({
      req,
      res,
      connection,
      drainRefusedBytes: limits.drainRefusedBytes,
      nowMs,
      expectsContinue,
      draining: () => this.#draining,
      commonFields: this.#needs.commonFields,
      onOver: () => {
        x.over = true;
        x.onBreak = undefined;
        x.onTick = undefined;
        connection.current = undefined;
        connection.idle();
        body.release();
        this.#inFlight -= 1;
        this.#needs.account(x);
        if (this.#inFlight === 0) this.#onIdle?.();
      },
    });
    const x = new Exchange({
      id: this.#needs.nextId(),
      peer: connection,
      head: {
        method: req.method ?? '',
        target: req.url ?? '',
        version: req.httpVersion,
        fields,
      },
      snapshot: this.#needs.snapshots.current(),
      reply,
      body,
      startedAtMs: nowMs(),
    });
    connection.current = x;
    connection.headSinceMs = undefined;
    const full = this.#inFlight >= limits.maxStreams;
    this.#inFlight += 1;
    if (full) {
      x.outcome.status = 503;
      x.outcome.code = 'STREAMS_EXHAUSTED';
      x.outcome.rule = 'maxStreams';
      x.outcome.ending = 'refused';
      const message = `${errorText('STREAMS_EXHAUSTED')} ${errorHint('STREAMS_EXHAUSTED')}`;
      reply.whole(
        503,
        ['content-type', 'application/json', 'retry-after', '1', 'x-request-id', x.id, 'request-id', x.id],
        errorEnvelope('openai', 'STREAMS_EXHAUSTED', message, x.id),
        false,
      );
      return;
    }
    try {
      this.#needs.line(x);
    } catch (error) {
      this.#threw(connection, x, error);
    }
  }

  /** Thrown on, it would end the process, and with it the answers of everybody else. */
  #threw(connection: Connection, x: Exchange, error: unknown): void {
    this.#needs.threw(error);
    // What it holds of an engine or of a queue is let go of as for a client that left.
    if (x.over || x.reply.committed || x.onBreak !== undefined) connection.socket.destroy();
    else refuse(x, { code: 'INTERNAL', rule: 'a mistake of its own', close: true });
  }

  #closed(connection: Connection): void {
    this.#connections.delete(connection.socket);
    const count = (this.#perAddress.get(connection.address.bucket) ?? 1) - 1;
    if (count <= 0) this.#perAddress.delete(connection.address.bucket);
    else this.#perAddress.set(connection.address.bucket, count);
    const x = connection.current;
    if (x === undefined || x.over) return;
    x.outcome.ending = 'client-left';
    x.outcome.code ??= 'CLIENT_GONE';
    if (x.outcome.status === 0) x.outcome.status = 499;
    x.over = true;
    x.onBreak?.('client-left');
    (x.reply as HttpReply).abandon();
  }

  /**
   * The client's side ended: it has asked for all that it wanted, or it left; TCP tells no difference. Before the answer
   * began, interim responses find out: one that is there takes any of them (RFC 9110, section 15.2), one that is gone
   * resets what it gets, which shows at the write after. In an answer it counts as left: nothing harmless could be sent.
   */
  #halfClosed(connection: Connection): void {
    const x = connection.current;
    if (x === undefined || x.over) return;
    if (x.reply.committed || x.head.version === '1.0') {
      connection.socket.destroy();
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
    const now = this.#needs.clock.monotonicMs();
    const { limits } = this.#needs;
    for (const connection of this.#connections.values()) {
      connection.current?.onTick?.(now);
      if (connection.deadlineMs !== 0 && now > connection.deadlineMs) {
        connection.socket.destroy();
        continue;
      }
      if (connection.halfClosed) this.#probe(connection);
      if (connection.restedFor(now) > limits.keepAliveTimeoutMs) {
        connection.socket.destroySoon();
        continue;
      }
      if (connection.headTook(now) > limits.headTimeoutMs) {
        this.#answerBytes(connection.socket, 'REQUEST_TIMEOUT', undefined, connection.address);
        connection.deadlineMs = now + sweepMs;
        continue;
      }
      if (connection.stalledSinceMs !== 0 && now - connection.stalledSinceMs > limits.writeStallMs) {
        const x = connection.current;
        if (x !== undefined) {
          x.outcome.code = 'CLIENT_STALLED';
          this.break(x, 'client-stalled');
        }
        connection.socket.destroy();
        continue;
      }
      if (connection.bodySinceMs !== 0) {
        const tookMs = now - connection.bodySinceMs;
        if (
          tookMs > bodyGraceMs &&
          connection.bodyBytes < ((tookMs - bodyGraceMs) / 1000) * limits.minBodyBytesPerSecond
        ) {
          connection.onBodyFault?.(slowBody);
        }
      }
    }
  }

  #refuseExpectation(req: LeanRequest, res: ServerResponse): void {
    const code: ErrorCode = 'EXPECTATION_FAILED';
    const id = this.#needs.nextId();
    const body = errorEnvelope('openai', code, `${errorText(code)} ${errorHint(code)}`, id);
    const fields = ['content-type', 'application/json', 'x-request-id', id, 'request-id', id];
    fields.push('content-length', String(Buffer.byteLength(body)), 'connection', 'close');
    res.writeHead(errorTable[code].status, fields);
    res.end(body);
    this.#needs.malformed(this.#connections.get(req.socket)?.address ?? unknownAddress, id, code);
  }

  /** What llhttp refused: an answer that can be read, then the end of the connection. */
  #refuseBytes(error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket: Socket): void {
    const connection = this.#connections.get(socket);
    // What TLS refused cannot be answered: a renegotiation, a record that does not decrypt.
    const ofTls = error.code?.startsWith('ERR_SSL') === true;
    if (!socket.writable || error.code === 'ECONNRESET' || ofTls || connection === undefined) {
      socket.destroy();
      return;
    }
    if (connection.current !== undefined) {
      connection.unreadable = true;
      // A body that is none can still be answered; one that ended too early is that of a client that left, and behind
      // a request that is being answered nothing can be said.
      if (connection.onBodyFault !== undefined && error.code !== 'HPE_INVALID_EOF_STATE')
        connection.onBodyFault(rubbishBody);
      else socket.destroy();
      return;
    }
    // The body of a request that was refused already: one answer is enough.
    if (connection.deadlineMs !== 0) {
      socket.destroySoon();
      return;
    }
    const code: ErrorCode = error.code === 'HPE_HEADER_OVERFLOW' ? 'HEAD_TOO_LARGE' : 'REQUEST_MALFORMED';
    const hello = error.rawPacket?.[0] === 0x16;
    this.#answerBytes(
      socket,
      code,
      hello ? 'this port speaks plain HTTP, so use http:// in the URL' : 'it does not parse',
      connection.address,
    );
    connection.deadlineMs = this.#needs.clock.monotonicMs() + sweepMs;
  }

  #answerBytes(socket: Socket, code: ErrorCode, reason: string | undefined, client: ClientAddress): void {
    const id = this.#needs.nextId();
    const params = reason === undefined ? {} : { reason };
    const body = errorEnvelope('openai', code, `${errorText(code, params)} ${errorHint(code, params)}`, id);
    const { status } = errorTable[code];
    socket.end(
      `HTTP/1.1 ${status} Refused\r\ncontent-type: application/json\r\nx-request-id: ${id}\r\nrequest-id: ${id}\r\nconnection: close\r\n` +
        `${status === 503 ? 'retry-after: 1\r\n' : ''}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
    this.#needs.malformed(client, id, code);
  }
}
