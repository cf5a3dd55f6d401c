/**
 * A gateway before scripted engines, with a clock that a test moves, and what must be true when a case is over: nothing
 * is in flight or in memory, the engines have seen no key of a client, the log neither, and the next good request is
 * answered.
 */
import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import type { EngineKind } from '../../src/core/engine/engine.ts';
import type { RouteId } from '../../src/core/engine/routes.ts';
import type { ProxyConfigInput } from '../../src/core/proxy/proxy-config.ts';
import { type Door, openDoor, post, type Wire, type WireResponse } from './door.ts';
import { MovedClock } from './moved-clock.ts';
import { answer, type RawEngine, type RawRequest, type Script, startRawEngine } from './raw-engine.ts';

export interface BackstageOptions {
  readonly config?: ProxyConfigInput;
  /** Engines `e0`, `e1` ...; all have the model `m`. One where nothing is said. */
  readonly engines?: readonly {
    readonly models?: readonly string[];
    readonly kind?: Partial<EngineKind>;
    readonly serves?: ReadonlySet<RouteId>;
    readonly early?: boolean;
  }[];
}

/** A test that waits for what does not come ends by this, with what was missing. */
const patienceMs = 10_000;

export class Backstage {
  readonly door: Door;
  readonly clock: MovedClock;
  readonly engines: readonly RawEngine[];
  readonly #wires: Wire[] = [];
  readonly #keys: string[] = [];

  private constructor(door: Door, clock: MovedClock, engines: readonly RawEngine[]) {
    this.door = door;
    this.clock = clock;
    this.engines = engines;
  }

  static async open(options: BackstageOptions = {}): Promise<Backstage> {
    const wanted = options.engines ?? [{}];
    const engines: RawEngine[] = [];
    for (const { early = false } of wanted) engines.push(await startRawEngine([], { early }));
    const clock = new MovedClock();
    // A monotonic clock that says 0 would look like one that was never asked.
    await clock.move(1_000);
    const door = await openDoor({
      clock,
      config: options.config ?? {},
      engines: wanted.map((e, i) => ({
        id: `e${i}`,
        port: (engines[i] as RawEngine).port,
        models: e.models ?? ['m'],
        ...(e.kind === undefined ? {} : { kind: e.kind }),
        ...(e.serves === undefined ? {} : { serves: e.serves }),
      })),
    });
    return new Backstage(door, clock, engines);
  }

  get engine(): RawEngine {
    return this.engines[0] as RawEngine;
  }

  /** The last request that any engine got. */
  get lastRequest(): RawRequest | undefined {
    return this.engine.requests.at(-1);
  }

  addKey(parts: Parameters<Door['addKey']>[0]): string {
    const key = this.door.addKey(parts);
    this.#keys.push(key);
    return key;
  }

  async dial(): Promise<Wire> {
    const wire = await this.door.dial();
    this.#wires.push(wire);
    return wire;
  }

  /** Sends bytes on a connection of their own. */
  async send(bytes: string | Buffer): Promise<Wire> {
    return (await this.dial()).send(bytes);
  }

  /** One request and its answer, from an engine that follows the script. */
  async ask(
    script: Script,
    body: unknown = { model: 'm' },
    path = '/v1/chat/completions',
  ): Promise<WireResponse> {
    this.engine.setScript(script);
    const wire = await this.send(this.post(body, path));
    return wire.response();
  }

  post(body: unknown, path = '/v1/chat/completions', more = ''): string {
    return post(path, this.door.key, typeof body === 'string' ? body : JSON.stringify(body), more);
  }

  /** Waits, by turns of the event loop and not by time, until something is true. */
  async until(what: string, isTrue: () => boolean): Promise<void> {
    const deadlineMs = performance.now() + patienceMs;
    while (!isTrue()) {
      if (performance.now() > deadlineMs) throw new Error(`it never came true that ${what}`);
      await setImmediate();
    }
  }

  /** The oracle: ends every case. */
  async settle(): Promise<void> {
    for (const wire of this.#wires.splice(0)) wire.close();
    const { door } = this;
    await this.until('no request is in flight', () => door.gateway.inFlight === 0);
    await this.until('no client is connected', () => door.gateway.connections === 0);
    await this.until('no engine works', () => door.upstream.stats().flights === 0);
    for (const [i] of this.engines.entries())
      assert.equal(door.directory.inFlight(`e${i}`), 0, `e${i} in flight`);
    assert.equal(door.gateway.bufferedBytes, 0, 'bodies in memory');

    if (!door.gateway.draining) {
      for (const engine of this.engines) engine.setScript([answer('{"good":true}')]);
      const wire = await this.send(this.post({ model: 'm' }));
      const good = await wire.response();
      assert.equal(good.status, 200);
      assert.equal(good.body.toString(), '{"good":true}');
      wire.close();
      await this.until('the last client is gone', () => door.gateway.connections === 0);
    }
    const secrets = [door.key, ...this.#keys];
    for (const engine of this.engines) {
      for (const request of engine.requests) {
        for (const key of secrets)
          assert.ok(!request.head.includes(key) && !request.body.includes(key), 'a key at an engine');
      }
    }
    const logged = JSON.stringify(door.lines);
    for (const key of secrets) assert.ok(!logged.includes(key), 'a key in the log');
  }

  async close(): Promise<void> {
    for (const wire of this.#wires.splice(0)) wire.close();
    const closed = this.door.close();
    await this.clock.move(1);
    await closed;
    for (const engine of this.engines) await engine.close();
  }
}
