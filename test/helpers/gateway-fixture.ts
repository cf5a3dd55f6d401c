/**
 * A real gateway before scripted engines, for tests of routing, retries and relaying. The clock moves only when a test
 * moves it.
 *
 * `settle` checks what must hold when a test is over: nothing is in flight or in memory, no engine and no log line has
 * seen a client's key, and the next good request is answered.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { EngineDirectory, EngineStatus } from '../../src/core/engine/directory.ts';
import type { ModelAlias } from '../../src/core/engine/engine.ts';
import type { EngineKind } from '../../src/core/engine/engine-kind.ts';
import { EngineService } from '../../src/core/engine/engine-service.ts';
import type { EngineKindName } from '../../src/core/engine/kinds.ts';
import type { EngineModel } from '../../src/core/engine/probe.ts';
import type { RouteId } from '../../src/core/engine/routes.ts';
import type { Tracing } from '../../src/core/otlp/request-trace.ts';
import type { ProxyConfigInput } from '../../src/core/proxy/proxy-config.ts';
import { fieldsOfFlm } from './attack-fixture.ts';
import { SampleEngines, sampleRef } from './engine-samples.ts';
import { assertNoLeaks, type Stock, takeStock } from './leaks.ts';
import { MovedClock } from './moved-clock.ts';
import { answer, type RawEngine, type RawRequest, type Script, startRawEngine } from './raw-engine.ts';
import {
  openTestGateway,
  post,
  type TestGateway,
  type TestGatewayOptions,
  type Wire,
  type WireResponse,
} from './test-gateway.ts';

export interface GatewayFixtureOptions {
  readonly config?: ProxyConfigInput;
  /** Engines `e0`, `e1` ...; each has the model `m` unless it names others. By default there is one engine. */
  readonly engines?: readonly {
    readonly models?: readonly string[];
    readonly kind?: Partial<EngineKind>;
    readonly serves?: ReadonlySet<RouteId>;
    readonly early?: boolean;
    readonly slots?: number;
  }[];
  readonly ledger?: TestGatewayOptions['ledger'];
  readonly tracing?: (clock: MovedClock) => Tracing;
}

/** An engine of a real kind behind the real engine service. The test defines only the result of its probe. */
export interface RealEngine {
  readonly id: string;
  readonly kind: EngineKindName;
  readonly models: readonly EngineModel[];
}

/** Header names that an engine may see; an engine may need a key of its own in `x-api-key`. */
const engineFields: ReadonlySet<string> = new Set([...fieldsOfFlm, 'x-api-key']);

/** A test that waits longer fails and names what it waited for. */
const patienceMs = 30_000;

export class GatewayFixture {
  readonly proxy: TestGateway;
  readonly clock: MovedClock;
  readonly engines: readonly RawEngine[];
  readonly #directory: EngineDirectory;
  readonly #service: EngineService | undefined;
  /** The model of the good request. */
  readonly #model: string;
  readonly #wires: Wire[] = [];
  readonly #keys: string[] = [];

  private constructor(parts: {
    readonly proxy: TestGateway;
    readonly clock: MovedClock;
    readonly engines: readonly RawEngine[];
    readonly service?: EngineService;
    readonly model: string;
  }) {
    this.proxy = parts.proxy;
    this.clock = parts.clock;
    this.engines = parts.engines;
    this.#service = parts.service;
    this.#directory = parts.service ?? parts.proxy.directory;
    this.#model = parts.model;
  }

  static async open(options: GatewayFixtureOptions = {}): Promise<GatewayFixture> {
    const wanted = options.engines ?? [{}];
    const engines: RawEngine[] = [];
    for (const { early = false } of wanted) engines.push(await startRawEngine([], { early }));
    const clock = new MovedClock();
    // 0 on a monotonic clock would look like a time that was never set.
    await clock.move(1_000);
    const proxy = await openTestGateway({
      clock,
      config: options.config ?? {},
      ...(options.ledger === undefined ? {} : { ledger: options.ledger }),
      ...(options.tracing === undefined ? {} : { tracing: options.tracing(clock) }),
      engines: wanted.map((e, i) => ({
        id: `e${i}`,
        port: (engines[i] as RawEngine).port,
        models: e.models ?? ['m'],
        ...(e.kind === undefined ? {} : { kind: e.kind }),
        ...(e.serves === undefined ? {} : { serves: e.serves }),
        ...(e.slots === undefined ? {} : { slots: e.slots }),
      })),
    });
    return new GatewayFixture({ proxy, clock, engines, model: wanted[0]?.models?.[0] ?? 'm' });
  }

  static async openReal(
    wanted: readonly RealEngine[],
    aliases: readonly ModelAlias[] = [],
    config: ProxyConfigInput = {},
  ): Promise<GatewayFixture> {
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
    const proxy = await openTestGateway({ clock, config, engines: [], engineDirectory: service });
    return new GatewayFixture({ proxy, clock, engines, service, model: wanted[0]?.models[0]?.id ?? '' });
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
    const key = this.proxy.addKey(parts);
    this.#keys.push(key);
    return key;
  }

  async dial(): Promise<Wire> {
    const wire = await this.proxy.dial();
    this.#wires.push(wire);
    return wire;
  }

  /** Sends bytes on a new connection. */
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
    return post(path, this.proxy.key, typeof body === 'string' ? body : JSON.stringify(body), more);
  }

  /** Waits, by turns of the event loop and not by time, until something is true. */
  async until(what: string, isTrue: () => boolean): Promise<void> {
    const deadlineMs = performance.now() + patienceMs;
    while (!isTrue()) {
      if (performance.now() > deadlineMs) throw new Error(`it never came true that ${what}`);
      await setImmediate();
    }
  }

  /** Ends a test: closes its connections and checks the contract above. */
  async settle(): Promise<void> {
    for (const wire of this.#wires.splice(0)) wire.close();
    const { proxy } = this;
    await this.until('no request is in flight', () => proxy.gateway.inFlight === 0);
    await this.until('no client is connected', () => proxy.gateway.connections === 0);
    await this.until('no engine works', () => proxy.upstream.stats().flights === 0);
    for (const { ref, inFlight } of this.#directory.engines())
      assert.equal(inFlight, 0, `${ref.id} in flight`);
    assert.equal(proxy.gateway.bufferedBytes, 0, 'bodies in memory');

    if (!proxy.gateway.draining) {
      for (const engine of this.engines) engine.setScript([answer('{"good":true}')]);
      const wire = await this.send(this.post({ model: this.#model }));
      const good = await wire.response();
      assert.equal(good.status, 200);
      assert.equal(good.body.toString(), '{"good":true}');
      wire.close();
      await this.until('the last client is gone', () => proxy.gateway.connections === 0);
    }
    const secrets = [proxy.key, ...this.#keys];
    for (const request of this.engines.flatMap((e) => e.requests)) {
      for (const line of request.head.split('\r\n').slice(1)) {
        const name = line.slice(0, line.indexOf(':')).toLowerCase();
        assert.ok(engineFields.has(name), `an engine saw ${JSON.stringify(line)}`);
      }
      const bytes = `${request.head}${request.body.toString('latin1')}`;
      for (const key of secrets) assert.ok(!bytes.includes(key), 'an engine saw a key');
    }
    const logged = JSON.stringify(proxy.lines);
    for (const key of secrets) assert.ok(!logged.includes(key), 'a key in the log');
  }

  async close(): Promise<void> {
    for (const wire of this.#wires.splice(0)) wire.close();
    this.#service?.stop();
    const closed = this.proxy.close();
    await this.clock.move(1);
    await closed;
    for (const engine of this.engines) await engine.close();
  }
}

/** After each test of the file, checks and closes its fixture. After the last one, checks that nothing is left open. */
export function endFixtureAfterEachTest(current: () => GatewayFixture): void {
  let stock: Stock;
  before(() => {
    stock = takeStock();
  });
  afterEach(async () => {
    const fixture = current();
    try {
      await fixture.settle();
    } finally {
      await fixture.close();
    }
  });
  after(() => assertNoLeaks(stock));
}
