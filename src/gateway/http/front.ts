/**
 * The front of the gateway: owns every client connection and the exchanges on it, one at a time a connection; their
 * limits, the sweep that ends what stalls, and how all of it ends. Who reads the requests is not its business.
 */
import type { Socket } from 'node:net';
import type { Clock, Off } from '../../core/clock.ts';
import type { ErrorCode } from '../../core/errors.ts';
import type { Limits } from '../../core/proxy/limits.ts';
import { type ClientAddress, parseAddress } from '../../core/security/address-rules.ts';
import type { KeyHoldings } from '../../core/security/key-holdings.ts';
import type { SnapshotSource } from '../../core/security/snapshot.ts';
import type { Account } from '../account.ts';
import type { ConnectionEntry, ConnectionTable } from '../connection-table.ts';
import { type BreakCause, Exchange } from '../exchange.ts';
import type { FieldTable } from '../fields.ts';
import { refuse } from '../refuse.ts';
import { type BodyNeeds, HttpBody } from './body.ts';
import { Connection } from './connection.ts';
import { Crowd } from './crowd.ts';
import type { HttpMessage } from './message.ts';
import { NodeHttp } from './node-http.ts';
import { OrdinaryReader, type OrdinaryReaderNeeds } from './ordinary-reader.ts';
import { HttpReply, type ReplyNeeds } from './reply.ts';
import { wholeRefusal } from './whole-refusal.ts';

export interface HttpFrontNeeds {
  readonly limits: Limits;
  readonly fieldTable: FieldTable;
  readonly holdings: KeyHoldings;
  readonly table: ConnectionTable;
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
  readonly malformed: Account['malformed'];
  /** A mistake of flm's own in one request, which alone ends by it. */
  readonly threw: (error: unknown) => void;
}

const sweepMs = 1_000;
const unknownAddress: ClientAddress = { text: 'unknown', value: 0n, loopback: false, bucket: 'unknown' };

export class HttpFront {
  readonly #needs: HttpFrontNeeds;
  readonly #readerNeeds: OrdinaryReaderNeeds;
  readonly #bodyNeeds: BodyNeeds;
  readonly #replyNeeds: ReplyNeeds;
  readonly #connections = new Map<Socket, Connection>();
  readonly #crowd: Crowd;
  /** Exchanges that are not over; each is its connection's current one. */
  #inFlight = 0;
  readonly #stopSweep: Off;
  #draining = false;
  #onIdle: (() => void) | undefined;

  constructor(needs: HttpFrontNeeds) {
    this.#needs = needs;
    const { limits, clock } = needs;
    const nowMs = (): number => clock.monotonicMs();
    this.#bodyNeeds = {
      maxBodyBytes: limits.maxBodyBytes,
      minBytesPerSecond: limits.minBodyBytesPerSecond,
      holdings: needs.holdings,
      threw: (connection, error) => this.#threw(connection, error),
    };
    this.#replyNeeds = {
      drainRefusedBytes: limits.drainRefusedBytes,
      nowMs,
      draining: () => this.#draining,
      commonFields: needs.commonFields,
      over: (connection) => this.#over(connection),
    };
    const nodeHttp = new NodeHttp({
      limits,
      fieldTable: needs.fieldTable,
      connectionOf: (socket) => this.#connections.get(socket),
      begin: (connection, message) => this.#begin(connection, message),
      turnDown: (connection, code, reason) => this.#turnDown(connection, code, reason),
      turnedDown: (connection, code) => this.#turnedDown(connection.address, code),
    });
    this.#readerNeeds = {
      maxHeadBytes: limits.maxHeadBytes,
      fieldTable: needs.fieldTable,
      nowMs: () => clock.nowMs(),
      begin: (connection, message) => this.#begin(connection, message),
      handOver: (socket) => nodeHttp.accept(socket),
    };
    this.#crowd = new Crowd(clock);
    this.#stopSweep = clock.every(sweepMs, () => this.#sweep());
  }

  /** Takes a connection, with its entry in the table where it has one already. */
  accept(socket: Socket, known?: ConnectionEntry): void {
    const address = known?.address ?? parseAddress(socket.remoteAddress ?? '') ?? unknownAddress;
    const entry = known ?? this.#needs.table.add(address);
    if (entry === undefined) {
      this.#crowd.turnAway(socket, () => {
        const id = this.#turnedDown(address, 'CONNECTIONS_EXHAUSTED');
        return wholeRefusal(id, 'CONNECTIONS_EXHAUSTED');
      });
      return;
    }
    const connection = new Connection(socket, entry, this.#needs.clock.monotonicMs());
    this.#connections.set(socket, connection);
    entry.close = () => {
      // Closing an idle connection is no refusal: its client opens another one.
      if (!entry.isKnown) this.#turnedDown(address, 'CONNECTIONS_EXHAUSTED');
      socket.destroy();
    };
    entry.isWriting = () => socket.writableLength > 0;
    socket.on('drain', () => {
      connection.stalledSinceMs = 0;
      connection.onDrain?.();
    });
    socket.on('close', () => this.#closed(connection));
    socket.on('end', () => this.#halfClosed(connection));
    new OrdinaryReader(connection, this.#readerNeeds);
  }

  get connections(): number {
    return this.#connections.size;
  }
  get inFlight(): number {
    return this.#inFlight;
  }
  get bufferedBytes(): number {
    return this.#needs.holdings.bodyBytes;
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
    const closing = [...this.#connections.keys(), ...this.#crowd.sockets].map(
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

  /** A request is there and its turn has come. */
  #begin(connection: Connection, message: HttpMessage): void {
    const { clock, table } = this.#needs;
    const { entry } = connection;
    table.begin(entry);
    const body = new HttpBody(message, connection, this.#bodyNeeds);
    const reply = new HttpReply(message, connection, this.#replyNeeds);
    const x = new Exchange({
      id: this.#needs.nextId(),
      peer: connection,
      head: message.head,
      snapshot: this.#needs.snapshots.current(),
      reply,
      body,
      startedAtMs: clock.monotonicMs(),
    });
    connection.current = x;
    connection.headSinceMs = undefined;
    this.#inFlight += 1;
    try {
      this.#needs.line(x);
    } catch (error) {
      this.#threw(connection, error);
    }
    if (x.key === undefined || entry.isKnown) return;
    table.authenticated(entry);
    if (connection.current === undefined) table.rest(entry);
  }

  /** The current exchange of this connection is answered, cut or abandoned. */
  #over(connection: Connection): void {
    const x = connection.current;
    if (x === undefined) return;
    x.over = true;
    x.onBreak = undefined;
    x.onTick = undefined;
    connection.current = undefined;
    connection.idle();
    this.#needs.table.rest(connection.entry);
    (x.body as HttpBody).release();
    if (x.holding !== undefined) {
      if (x.countsAgainstKey) this.#needs.holdings.giveBackRequest(x.holding);
      this.#needs.holdings.giveBackStream(x.holding);
    }
    this.#inFlight -= 1;
    this.#needs.account(x);
    if (this.#inFlight === 0) this.#onIdle?.();
  }

  /** Thrown on, it would end the process, and with it the answers of everybody else. */
  #threw(connection: Connection, error: unknown): void {
    this.#needs.threw(error);
    const x = connection.current;
    // What it holds of an engine or of a queue is let go of as for a client that left.
    if (x === undefined || x.over || x.reply.committed || x.onBreak !== undefined)
      connection.socket.destroy();
    else refuse(x, { code: 'INTERNAL', rule: 'a mistake of its own', close: true });
  }

  #closed(connection: Connection): void {
    this.#connections.delete(connection.socket);
    this.#needs.table.remove(connection.entry);
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
    const { limits, holdings } = this.#needs;
    holdings.forgetIdle();
    for (const connection of this.#connections.values()) {
      connection.current?.onTick?.(now);
      if (connection.deadlineMs !== 0 && now > connection.deadlineMs) {
        connection.socket.destroy();
        continue;
      }
      if (connection.halfClosed) this.#probe(connection);
      if (connection.restedFor(now) > limits.keepAliveTimeoutMs) {
        // What it did not take for so long it will not take now.
        if (connection.socket.writableLength > 0) connection.socket.destroy();
        else connection.socket.destroySoon();
        continue;
      }
      if (connection.headTook(now) > limits.headTimeoutMs) {
        this.#turnDown(connection, 'REQUEST_TIMEOUT', undefined);
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
      connection.body?.tick();
    }
  }

  /** What never became a request is answered, and its connection has a moment to take that. */
  #turnDown(connection: Connection, code: ErrorCode, reason: string | undefined): void {
    connection.socket.end(wholeRefusal(this.#turnedDown(connection.address, code, reason), code, reason));
    connection.deadlineMs = this.#needs.clock.monotonicMs() + sweepMs;
  }

  /** Tells those who count, and gives an id. */
  #turnedDown(client: ClientAddress, code: ErrorCode, reason?: string): string {
    const id = this.#needs.nextId();
    this.#needs.malformed(client, id, code, reason === undefined ? {} : { reason });
    return id;
  }
}
