/**
 * A real gateway before one recording engine, for tests that attack it. The clock moves only when a test moves it.
 *
 * `assertUnharmed` checks what must hold after every attack. The gateway answers the next good request. The engine saw
 * exactly the authorised requests, built from flm's own headers. No reply and no log line holds a secret. Every file
 * descriptor is closed.
 */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import type { ProxyConfigInput } from '../../src/core/proxy/proxy-config.ts';
import { passingHeaders } from '../../src/core/proxy/request-headers.ts';
import type { ApiKey } from '../../src/core/security/api-key.ts';
import type { SecurityPolicyOverride } from '../../src/core/security/security-policy.ts';
import { createLogger } from '../../src/observe/logger.ts';
import { assertNoLeaks, takeStock } from './leaks.ts';
import { MovedClock } from './moved-clock.ts';
import { answer, type RawEngine, type RawRequest, type Script, startRawEngine } from './raw-engine.ts';
import {
  openTestGateway,
  post,
  type TestEngine,
  type TestGateway,
  Wire,
  type WireResponse,
} from './test-gateway.ts';

export interface AttackFixtureOptions {
  readonly config?: ProxyConfigInput;
  /** In force at the start of each test. */
  readonly policy?: SecurityPolicyOverride;
  readonly script?: Script;
  readonly kind?: TestEngine['kind'];
}

export const chatBody = '{"model":"m","messages":[{"role":"user","content":"hi"}]}';
const chatAnswer = answer('{"choices":[{"finish_reason":"stop"}]}');
/** The engine's own key: the one credential that an engine may see. */
const engineKey = 'engine-own-key-8d1f';

/** What flm itself writes to an engine, and what the allow-list lets through from a client. */
export const fieldsOfFlm: ReadonlySet<string> = new Set([
  'host',
  'user-agent',
  'authorization',
  'accept-encoding',
  'x-request-id',
  'traceparent',
  'content-type',
  'content-length',
  ...passingHeaders,
]);

const patienceMs = 30_000;

export class AttackFixture {
  readonly proxy: TestGateway;
  readonly engine: RawEngine;
  readonly clock: MovedClock;
  readonly #policy: SecurityPolicyOverride;
  readonly #script: Script;
  readonly #stock = takeStock();
  readonly #wires: Wire[] = [];
  readonly #received: Buffer[] = [];
  readonly #secrets = new Set([engineKey]);
  #seen = 0;
  #told = 0;

  private constructor(
    proxy: TestGateway,
    engine: RawEngine,
    clock: MovedClock,
    options: AttackFixtureOptions,
  ) {
    this.proxy = proxy;
    this.engine = engine;
    this.clock = clock;
    this.#policy = options.policy ?? {};
    this.#script = options.script ?? [chatAnswer];
    this.#secrets.add(proxy.key);
  }

  static async open(options: AttackFixtureOptions = {}): Promise<AttackFixture> {
    const clock = new MovedClock();
    const engine = await startRawEngine(options.script ?? [chatAnswer]);
    const proxy = await openTestGateway({
      clock,
      engines: [
        {
          id: 'e',
          port: engine.port,
          models: ['m'],
          apiKey: engineKey,
          ...(options.kind === undefined ? {} : { kind: options.kind }),
        },
      ],
      ...(options.config === undefined ? {} : { config: options.config }),
      policy: options.policy ?? {},
    });
    return new AttackFixture(proxy, engine, clock, options);
  }

  get key(): string {
    return this.proxy.key;
  }

  /** Another key; it is a secret like the first. */
  addKey(parts: Partial<ApiKey> = {}): string {
    return this.secret(this.proxy.addKey(parts));
  }

  /** Text that must stand in no reply and no log line. */
  secret(text: string): string {
    this.#secrets.add(text);
    return text;
  }

  async dial(): Promise<Wire> {
    const wire = await Wire.dial(this.proxy.port);
    wire.socket.on('data', (bytes: Buffer) => this.#received.push(bytes));
    this.#wires.push(wire);
    return wire;
  }

  /** One response to bytes on a connection of their own. */
  async ask(bytes: string | Buffer): Promise<WireResponse> {
    return (await this.dial()).send(bytes).response();
  }

  /** Everything that the gateway says to these bytes until it closes the connection. */
  async askToTheEnd(bytes: string | Buffer): Promise<string> {
    return (await (await this.dial()).send(bytes).rest()).toString('latin1');
  }

  /** `authorised` are the requests that the engine had to see since the last time: `POST /v1/chat/completions`. */
  async assertUnharmed(authorised: readonly string[] = []): Promise<void> {
    for (const wire of this.#wires.splice(0)) wire.close();
    await this.#settled('connections are left', () => this.proxy.gateway.connections === 0);
    await this.#settled('requests still run', () => this.proxy.gateway.inFlight === 0);
    const seen = this.engine.requests.slice(this.#seen);
    this.#seen = this.engine.requests.length;
    assert.deepEqual(seen.map(lineOf), authorised, 'what the engine saw');
    for (const request of seen) this.#madeByFlm(request);

    this.proxy.setPolicy(this.#policy);
    this.engine.setScript(this.#script);
    // Long enough for rates to refill, for idle engine connections to be dropped and for the sweep to pass.
    await this.clock.move(60_000);
    const next = await this.ask(post('/v1/chat/completions', this.key, chatBody));
    assert.equal(next.status, 200, `the next good request: ${next.head}`);
    const good = this.engine.requests.at(-1);
    assert.equal(this.engine.requests.length, this.#seen + 1, 'the engine sees it once');
    assert.equal(good?.body.toString(), chatBody);
    if (good !== undefined) this.#madeByFlm(good);
    this.#seen = this.engine.requests.length;

    for (const wire of this.#wires.splice(0)) wire.close();
    this.#nothingTold();
    await this.#settled('connections are left', () => this.proxy.gateway.connections === 0);
    assert.equal(this.proxy.gateway.bufferedBytes, 0, 'bodies in memory');
    await this.clock.move(60_000);
    await assertNoLeaks(this.#stock);
  }

  async close(): Promise<void> {
    for (const wire of this.#wires.splice(0)) wire.close();
    await this.proxy.close();
    await this.engine.close();
    assert.equal(this.clock.timers, 0, 'timers are left');
  }

  #madeByFlm(request: RawRequest): void {
    for (const line of request.head.split('\r\n').slice(1)) {
      const name = line.slice(0, line.indexOf(':')).toLowerCase();
      assert.ok(fieldsOfFlm.has(name), `the engine saw ${JSON.stringify(line)}`);
    }
    assert.equal(request.field('authorization'), `Bearer ${engineKey}`);
    assert.equal(request.field('host'), `127.0.0.1:${this.engine.port}`);
    for (const secret of this.#secrets) {
      if (secret !== engineKey) assert.ok(!request.head.includes(secret), `the engine saw ${secret}`);
    }
  }

  #nothingTold(): void {
    const told = Buffer.concat(this.#received.splice(0)).toString('latin1');
    const log: string[] = [];
    const lines = this.proxy.lines.slice(this.#told);
    this.#told = this.proxy.lines.length;
    const logger = createLogger({ destination: { write: (l) => log.push(l) }, level: 'debug' });
    for (const line of lines) logger.access(line);
    assert.equal(log.length, lines.length, 'one log line a request');
    for (const line of log) assert.match(line, /^[^\x00-\x1f\x7f]*\n$/, 'a log line is one line');
    for (const secret of this.#secrets) {
      assert.ok(!told.includes(secret), `a reply holds ${secret}`);
      assert.ok(!log.some((l) => l.includes(secret)), `the log holds ${secret}`);
    }
  }

  /** Closing takes turns of the event loop. */
  async #settled(what: string, yes: () => boolean): Promise<void> {
    const untilMs = performance.now() + patienceMs;
    while (!yes() && performance.now() < untilMs) await turn();
    assert.ok(yes(), what);
  }
}

function lineOf(request: RawRequest): string {
  return `${request.method} ${request.target}`;
}
