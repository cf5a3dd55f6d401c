/**
 * The idle connections of one engine address. The connection used last is reused first, so that few stay open: some
 * engines use one thread per connection.
 *
 * An idle connection is dropped before the engine would close it (most engines do so at 5 s; a shorter time that an
 * engine announces is respected). This avoids requests that cross a close. There is no limit here: admission decides
 * how many requests an engine gets at once.
 */
import assert from 'node:assert/strict';
import type { ConnectionOptions } from 'node:tls';
import type { EngineAddress } from '../core/engine/engine.ts';
import { type ConnectionOwner, EngineConnection, type ReadSpace } from './connection.ts';
import type { Rests } from './rests.ts';

export interface PoolDeps {
  readonly nowMs: () => number;
  readonly freeMs: number;
  readonly space: ReadSpace;
  readonly rests: Rests;
  readonly tlsOptions: (address: EngineAddress) => ConnectionOptions;
}

/** Subtracted from an engine's keep-alive time, for clock differences, latency and the interval of the sweep. */
const persistMarginMs = 1_000;

export class ConnectionPool implements ConnectionOwner {
  readonly #deps: PoolDeps;
  readonly #address: EngineAddress;
  readonly #open = new Set<EngineConnection>();
  /** Idle connections; the connection used last is at the end. */
  readonly #free: EngineConnection[] = [];
  /** Resting connections, in the order in which their rest ends. Some already carry a request. */
  readonly #resting: EngineConnection[] = [];

  constructor(address: EngineAddress, deps: PoolDeps) {
    this.#address = address;
    this.#deps = deps;
  }

  get open(): number {
    return this.#open.size;
  }
  get idle(): number {
    let idle = 0;
    for (const connection of this.#open) if (!connection.busy) idle += 1;
    return idle;
  }

  /** Throws if Node refuses the address. */
  take(fresh: boolean): EngineConnection {
    const free = fresh ? undefined : (this.#takeFree() ?? this.#takeResting());
    if (free !== undefined) return free;
    const { tlsOptions, space } = this.#deps;
    const connection = new EngineConnection(this.#address, tlsOptions(this.#address), space, this);
    this.#open.add(connection);
    return connection;
  }

  /** Closes connections that were idle for too long. Called four times a second. */
  sweep(): void {
    const now = this.#deps.nowMs();
    for (const connection of this.#open) connection.tick();
    // From the end, because closed connections are removed from the list.
    for (let i = this.#free.length - 1; i >= 0; i--) {
      const connection = this.#free[i] as EngineConnection;
      if (now >= connection.freeUntilMs) connection.destroy();
    }
  }

  close(): void {
    for (const connection of this.#open) connection.destroy();
  }

  onFree(connection: EngineConnection): void {
    const { persistsMs } = connection;
    const { freeMs, nowMs, rests } = this.#deps;
    const waitsMs = persistsMs === undefined ? freeMs : Math.min(freeMs, persistsMs - persistMarginMs);
    connection.freeUntilMs = nowMs() + waitsMs;
    if (waitsMs <= 0) return connection.destroy();
    this.#resting.push(connection);
    rests.begin(connection);
  }

  onRested(connection: EngineConnection): void {
    assert(this.#resting.shift() === connection, 'rests end in the order in which they began');
    if (!connection.busy && !connection.gone) this.#free.push(connection);
  }

  onGone(connection: EngineConnection): void {
    this.#open.delete(connection);
    const at = this.#free.indexOf(connection);
    if (at >= 0) this.#free.splice(at, 1);
  }

  #takeFree(): EngineConnection | undefined {
    const now = this.#deps.nowMs();
    for (let free = this.#free.pop(); free !== undefined; free = this.#free.pop()) {
      if (now < free.freeUntilMs) return free;
      free.destroy();
    }
    return undefined;
  }

  /** A rest lasts microseconds. A new connection would take longer and stay open. */
  #takeResting(): EngineConnection | undefined {
    return this.#resting.find(({ busy, gone }) => !busy && !gone);
  }
}
