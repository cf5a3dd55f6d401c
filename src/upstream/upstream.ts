/**
 * The client that talks to engines: lean, strict HTTP/1.1 over `net` and `tls`, with a pool of connections for each
 * address. docs/adr/0004 says why it is our own.
 *
 * Guarantees: no call into a sink before `send` has returned; one ending for each attempt; after `close` no socket and
 * no timer is left. One coarse sweep checks all timeouts while there is something to check, so timeouts fire up to
 * half a second late.
 */
import type { ConnectionOptions } from 'node:tls';
import type { Clock, Unsubscribe } from '../core/clock.ts';
import type { EngineAddress } from '../core/engine/engine.ts';
import type { Attempt, InFlightRequest, ResponseHandler, Upstream } from '../core/engine/upstream.ts';
import { makeChunkMap } from './chunk-reader.ts';
import type { EngineConnection } from './connection.ts';
import { ConnectionPool, type PoolDeps } from './connection-pool.ts';
import { InFlightEngineRequest, type InFlightOwner } from './in-flight-request.ts';
import { composeRequest, hostFieldOf } from './request-message.ts';
import { Rests } from './rests.ts';

export interface UpstreamOptions {
  readonly clock: Clock;
  /** How long an idle connection may wait for its next request. */
  readonly poolIdleMs: number;
  /** TLS options of an address, such as its own CA. Certificates are verified unless the options say otherwise. */
  readonly tlsOptions?: (address: EngineAddress) => ConnectionOptions;
  /**
   * Reports a sink that threw. Its attempt is aborted; other attempts are not affected. Without this callback the error
   * is thrown outside of all callbacks, where the process handles the error.
   */
  readonly onHandlerError?: (error: unknown) => void;
}

export interface UpstreamStats {
  /** The number of idle connections. */
  readonly idle: number;
  /** The number of all connections. */
  readonly open: number;
  /** The number of running attempts. */
  readonly flights: number;
}

const readBufferBytes = 64 * 1024;
const sweepMs = 250;

/** Addresses are never removed: there are only as many as an administrator configures. */
interface Destination {
  readonly pool: ConnectionPool;
  readonly hostField: string;
}

export class EngineUpstream implements Upstream, InFlightOwner {
  readonly #clock: Clock;
  readonly #poolNeeds: PoolDeps;
  readonly #sinkThrew: (error: unknown) => void;
  readonly #destinations = new Map<string, Destination>();
  /** Avoids building a name for each request. */
  readonly #destinationOf = new WeakMap<EngineAddress, Destination>();
  /**
   * Unordered; each request knows its position. Not a set: a set that changes with each request leaves a trail of old
   * tables, through which dead requests keep younger ones alive until a full collection.
   */
  readonly #flights: InFlightEngineRequest[] = [];
  readonly #rests = new Rests();
  #stopSweep: Unsubscribe | undefined;
  #closed = false;

  constructor(options: UpstreamOptions) {
    this.#clock = options.clock;
    this.#sinkThrew = options.onHandlerError ?? throwOutside;
    this.#poolNeeds = {
      nowMs: () => this.nowMs(),
      freeMs: options.poolIdleMs,
      rests: this.#rests,
      space: { buffer: Buffer.allocUnsafeSlow(readBufferBytes), used: 0, chunks: makeChunkMap() },
      tlsOptions:
        options.tlsOptions ?? (({ authority }) => (authority === undefined ? {} : { ca: authority })),
    };
  }

  send(attempt: Attempt, sink: ResponseHandler): InFlightRequest {
    const message = composeRequest(attempt, this.#destinationFor(attempt.to).hostField);
    const inFlightRequest = new InFlightEngineRequest(attempt, message, sink, this);
    inFlightRequest.place = this.#flights.push(inFlightRequest) - 1;
    if (!this.#closed) this.#stopSweep ??= this.#clock.every(sweepMs, () => this.#sweep());
    return inFlightRequest;
  }

  stats(): UpstreamStats {
    let idle = 0;
    let open = 0;
    for (const { pool } of this.#destinations.values()) {
      idle += pool.idle;
      open += pool.open;
    }
    return { idle, open, flights: this.#flights.length };
  }

  /** Aborts running attempts without notifying their sinks and closes every connection. Later requests fail. */
  close(): void {
    this.#closed = true;
    for (let i = this.#flights.length - 1; i >= 0; i--) this.#flights[i]?.abort();
    for (const { pool } of this.#destinations.values()) pool.close();
    this.#rests.close();
    this.#clearSpace();
    this.#stopSweep?.();
    this.#stopSweep = undefined;
  }

  // --- for in-flight requests

  nowMs(): number {
    return this.#clock.monotonicMs();
  }

  connect(to: EngineAddress, fresh: boolean): EngineConnection {
    if (this.#closed) throw new Error('the upstream is closed');
    return this.#destinationFor(to).pool.take(fresh);
  }

  onOver(inFlightRequest: InFlightEngineRequest): void {
    const last = this.#flights.pop() as InFlightEngineRequest;
    if (last === inFlightRequest) return;
    this.#flights[inFlightRequest.place] = last;
    last.place = inFlightRequest.place;
  }

  onHandlerError(error: unknown): void {
    this.#sinkThrew(error);
  }

  #destinationFor(address: EngineAddress): Destination {
    const known = this.#destinationOf.get(address);
    if (known !== undefined) return known;
    // A connection that one CA verified must not be reused for an engine with another CA.
    const { tls, socketPath, host, port, authority } = address;
    const name = JSON.stringify([tls, socketPath ?? [host, port], authority]);
    let destination = this.#destinations.get(name);
    if (destination === undefined) {
      destination = { pool: new ConnectionPool(address, this.#poolNeeds), hostField: hostFieldOf(address) };
      this.#destinations.set(name, destination);
    }
    this.#destinationOf.set(address, destination);
    return destination;
  }

  /** A response may repeat the prompt, and the next read may be short, or never arrive. */
  #clearSpace(): void {
    const { space } = this.#poolNeeds;
    space.buffer.fill(0, 0, space.used);
    space.used = 0;
  }

  #sweep(): void {
    this.#clearSpace();
    const now = this.nowMs();
    // From the end: a request that ends here is replaced by one that was already checked.
    for (let i = this.#flights.length - 1; i >= 0; i--) this.#flights[i]?.checkTime(now);
    let open = 0;
    for (const { pool } of this.#destinations.values()) {
      pool.sweep();
      open += pool.open;
    }
    if (open > 0 || this.#flights.length > 0) return;
    this.#stopSweep?.();
    this.#stopSweep = undefined;
  }
}

function throwOutside(error: unknown): void {
  process.nextTick(() => {
    throw new Error('a sink of the upstream threw', { cause: error });
  });
}
