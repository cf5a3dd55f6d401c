/**
 * The client that talks to engines: lean, strict HTTP/1.1 over `net` and `tls`, with a pool of idle connections for
 * each address. docs/adr/0004 says why it is our own.
 *
 * Idle connections are dropped before engines close them (at 5 s, most of them), the last used is reused first, and
 * one coarse sweep looks after all time-outs while there is anything to look after.
 */
import type { ConnectionOptions } from 'node:tls';
import type { Clock, Off } from '../core/clock.ts';
import type { EngineAddress } from '../core/engine/engine.ts';
import type { Attempt, Flight, Upstream, UpstreamSink } from '../core/engine/upstream.ts';
import { type ConnectionOwner, EngineConnection } from './connection.ts';
import { EngineFlight, type FlightOwner } from './flight.ts';

export interface UpstreamOptions {
  readonly clock: Clock;
  /** How long a connection may wait for its next request. */
  readonly poolIdleMs: number;
  /** What TLS is asked for at an address, such as a CA of its own. */
  readonly tlsOptions?: (address: EngineAddress) => ConnectionOptions;
}

export interface UpstreamStats {
  readonly idle: number;
  readonly open: number;
  readonly flights: number;
}

/** Reads are handled in the call that brings them, so one buffer serves all sockets. */
const readBufferBytes = 64 * 1024;
const sweepMs = 250;

interface Pool {
  readonly idle: EngineConnection[];
  readonly hostField: string;
}

export class EngineUpstream implements Upstream, FlightOwner {
  readonly #options: UpstreamOptions;
  readonly #shared = Buffer.allocUnsafeSlow(readBufferBytes);
  readonly #pools = new Map<string, Pool>();
  readonly #poolOf = new WeakMap<EngineAddress, Pool>();
  readonly #open = new Set<EngineConnection>();
  readonly #flights = new Set<EngineFlight>();
  #stopSweep: Off | undefined;
  #closed = false;

  constructor(options: UpstreamOptions) {
    this.#options = options;
  }

  send(attempt: Attempt, sink: UpstreamSink): Flight {
    const flight = new EngineFlight(attempt, sink, this.#wholeHead(attempt), this);
    this.#flights.add(flight);
    this.#stopSweep ??= this.#options.clock.every(sweepMs, () => this.#sweep());
    return flight;
  }

  stats(): UpstreamStats {
    let idle = 0;
    for (const pool of this.#pools.values()) idle += pool.idle.length;
    return { idle, open: this.#open.size, flights: this.#flights.size };
  }

  /** Aborts what is under way and closes every connection. */
  close(): void {
    this.#closed = true;
    for (const flight of [...this.#flights]) flight.abort();
    for (const connection of [...this.#open]) connection.destroy();
    this.#stopSweep?.();
    this.#stopSweep = undefined;
  }

  // --- for flights

  nowMs(): number {
    return this.#options.clock.monotonicMs();
  }

  connect(attempt: Attempt, fresh: boolean): EngineConnection {
    const pool = this.#poolFor(attempt.to);
    const waiting = fresh ? undefined : pool.idle.pop();
    if (waiting !== undefined) return waiting;
    const owner: ConnectionOwner = {
      idle: (connection) => {
        if (this.#closed) return connection.destroy();
        connection.idleSinceMs = this.nowMs();
        pool.idle.push(connection);
      },
      closed: (connection) => {
        this.#open.delete(connection);
        const at = pool.idle.indexOf(connection);
        if (at >= 0) pool.idle.splice(at, 1);
      },
    };
    const connection = new EngineConnection(attempt.to, this.#options.tlsOptions?.(attempt.to) ?? {}, this.#shared, owner);
    this.#open.add(connection);
    return connection;
  }

  over(flight: EngineFlight): void {
    this.#flights.delete(flight);
  }

  #wholeHead(attempt: Attempt): string {
    const { hostField } = this.#poolFor(attempt.to);
    // RFC 9110, section 8.6: a method that anticipates a body says that there is none.
    const lengthless = attempt.bodyLength === 0 && attempt.method !== 'POST' && attempt.method !== 'PUT' && attempt.method !== 'PATCH';
    return lengthless ? `${attempt.head}${hostField}\r\n` : `${attempt.head}${hostField}content-length: ${attempt.bodyLength}\r\n\r\n`;
  }

  #poolFor(address: EngineAddress): Pool {
    const known = this.#poolOf.get(address);
    if (known !== undefined) return known;
    const name = `${address.tls} ${address.socketPath ?? `${address.host} ${address.port}`}`;
    let pool = this.#pools.get(name);
    if (pool === undefined) {
      pool = { idle: [], hostField: `host: ${authority(address)}\r\n` };
      this.#pools.set(name, pool);
    }
    this.#poolOf.set(address, pool);
    return pool;
  }

  #sweep(): void {
    const now = this.nowMs();
    for (const flight of [...this.#flights]) flight.checkTime(now);
    for (const pool of this.#pools.values()) {
      // The longest idle stand first.
      while (pool.idle[0] !== undefined && now - pool.idle[0].idleSinceMs >= this.#options.poolIdleMs) pool.idle.shift()?.destroy();
    }
    if (this.#open.size === 0 && this.#flights.size === 0) {
      this.#stopSweep?.();
      this.#stopSweep = undefined;
    }
  }
}

/** RFC 9110, section 7.2: the engine's own authority, never the client's. */
function authority(address: EngineAddress): string {
  if (address.socketPath !== undefined) return 'localhost';
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return address.port === (address.tls ? 443 : 80) ? host : `${host}:${address.port}`;
}
