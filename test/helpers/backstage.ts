/**
 * A gateway before scripted engines, with a clock that a test moves, and what must be true when a case is over: nothing
 * is in flight or in memory, the engines have seen no key of a client, the log neither, and the next good request is
 * answered.
 */
import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import type { EngineDirectory, EngineStatus } from '../../src/core/engine/directory.ts';
import type { ModelAlias } from '../../src/core/engine/engine.ts';
import type { EngineKind } from '../../src/core/engine/engine-kind.ts';
import { EngineService } from '../../src/core/engine/engine-service.ts';
import type { EngineKindName } from '../../src/core/engine/kinds.ts';
import type { EngineModel } from '../../src/core/engine/probe.ts';
import type { RouteId } from '../../src/core/engine/routes.ts';
import type { ProxyConfigInput } from '../../src/core/proxy/proxy-config.ts';
import { SampleEngines, sampleRef } from './engine-samples.ts';
import { MovedClock } from './moved-clock.ts';
import { fieldsOfFlm } from './oracle.ts';
import { answer, type RawEngine, type RawRequest, type Script, startRawEngine } from './raw-engine.ts';
import {
  type DoorOptions,
  openTestGateway,
  post,
  type TestGateway,
  type Wire,
  type WireResponse,
} from './test-gateway.ts';

export interface BackstageOptions {
  readonly config?: ProxyConfigInput;
  /** Engines `e0`, `e1` ...; all have the model `m`. One where nothing is said. */
  readonly engines?: readonly {
    readonly models?: readonly string[];
    readonly kind?: Partial<EngineKind>;
    readonly serves?: ReadonlySet<RouteId>;
    readonly early?: boolean;
    readonly slots?: number;
  }[];
  readonly ledger?: DoorOptions['ledger'];
}

/** Engines of real kinds, behind the real service and catalogue; only what their probes find is said here. */
export interface RealEngine {
  readonly id: string;
  readonly kind: EngineKindName;
  readonly models: readonly EngineModel[];
}

/** What may stand in a request to an engine; with `x-api-key` it may ask for a key of its own. */
const engineFields: ReadonlySet<string> = new Set([...fieldsOfFlm, 'x-api-key']);

/** A test that waits for what does not come ends by this, with what was missing. */
const patienceMs = 30_000;

export class Backstage {
  readonly door: TestGateway;
  readonly clock: MovedClock;
  readonly engines: readonly RawEngine[];
  readonly #directory: EngineDirectory;
  readonly #service: EngineService | undefined;
  /** What the good request asks for. */
  readonly #model: string;
  readonly #wires: Wire[] = [];
  readonly #keys: string[] = [];

  private constructor(parts: {
    readonly door: TestGateway;
    readonly clock: MovedClock;
    readonly engines: readonly RawEngine[];
    readonly service?: EngineService;
    readonly model: string;
  }) {
    this.door = parts.door;
    this.clock = parts.clock;
    this.engines = parts.engines;
    this.#service = parts.service;
    this.#directory = parts.service ?? parts.door.directory;
    this.#model = parts.model;
  }

  static async open(options: BackstageOptions = {}): Promise<Backstage> {
    const wanted = options.engines ?? [{}];
    const engines: RawEngine[] = [];
    for (const { early = false } of wanted) engines.push(await startRawEngine([], { early }));
    const clock = new MovedClock();
    // A monotonic clock that says 0 would look like one that was never asked.
    await clock.move(1_000);
    const door = await openTestGateway({
      clock,
      config: options.config ?? {},
      ...(options.ledger === undefined ? {} : { ledger: options.ledger }),
      engines: wanted.map((e, i) => ({
        id: `e${i}`,
        port: (engines[i] as RawEngine).port,
        models: e.models ?? ['m'],
        ...(e.kind === undefined ? {} : { kind: e.kind }),
        ...(e.serves === undefined ? {} : { serves: e.serves }),
        ...(e.slots === undefined ? {} : { slots: e.slots }),
      })),
    });
    return new Backstage({ door, clock, engines, model: wanted[0]?.models?.[0] ?? 'm' });
  }

  static async openReal(
    wanted: readonly RealEngine[],
    aliases: readonly ModelAlias[] = [],
    config: ProxyConfigInput = {},
  ): Promise<Backstage> {
    const engines: RawEngine[] = [];
    const clock = new MovedClock();
    await clock.move(1_000);
    const samples = new SampleEngines();
    const service = new EngineService({
      clock,
      makeEngine: (ref) => samples.make(ref),
      recognise: () => Promise.reject(new Error('every kind is known')),
    });
    const sources = [];
    for (const { id, kind, models } of wanted) {
      const engine = await startRawEngine([]);
      engines.push(engine);
      samples.set(id, { state: 'running', models, latencyMs: 1 });
      sources.push({ ref: sampleRef(id, kind, engine.port), kindKnown: true });
    }
    service.configure({ sources, aliases });
    const started = service.start(new AbortController().signal);
    await clock.move(0);
    await started;
    const door = await openTestGateway({ clock, config, engines: [], engineDirectory: service });
    return new Backstage({ door, clock, engines, service, model: wanted[0]?.models[0]?.id ?? '' });
  }

  get engine(): RawEngine {
    return this.engines[0] as RawEngine;
  }

  /** The last request that any engine got. */
  get lastRequest(): RawRequest | undefined {
    return this.engine.requests.at(-1);
  }

  /** The engines as `status` shows them. */
  statuses(): readonly EngineStatus[] {
    return this.#directory.engines();
  }

  addKey(parts: Parameters<TestGateway['addKey']>[0]): string {
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
    for (const { ref, inFlight } of this.#directory.engines())
      assert.equal(inFlight, 0, `${ref.id} in flight`);
    assert.equal(door.gateway.bufferedBytes, 0, 'bodies in memory');

    if (!door.gateway.draining) {
      for (const engine of this.engines) engine.setScript([answer('{"good":true}')]);
      const wire = await this.send(this.post({ model: this.#model }));
      const good = await wire.response();
      assert.equal(good.status, 200);
      assert.equal(good.body.toString(), '{"good":true}');
      wire.close();
      await this.until('the last client is gone', () => door.gateway.connections === 0);
    }
    const secrets = [door.key, ...this.#keys];
    for (const request of this.engines.flatMap((e) => e.requests)) {
      for (const line of request.head.split('\r\n').slice(1)) {
        const name = line.slice(0, line.indexOf(':')).toLowerCase();
        assert.ok(engineFields.has(name), `an engine saw ${JSON.stringify(line)}`);
      }
      const bytes = `${request.head}${request.body.toString('latin1')}`;
      for (const key of secrets) assert.ok(!bytes.includes(key), 'an engine saw a key');
    }
    const logged = JSON.stringify(door.lines);
    for (const key of secrets) assert.ok(!logged.includes(key), 'a key in the log');
  }

  async close(): Promise<void> {
    for (const wire of this.#wires.splice(0)) wire.close();
    this.#service?.stop();
    const closed = this.door.close();
    await this.clock.move(1);
    await closed;
    for (const engine of this.engines) await engine.close();
  }
}
