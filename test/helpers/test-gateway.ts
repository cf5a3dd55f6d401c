/**
 * A real gateway in this process before engines of the test: real sockets on both sides, the real request pipeline, the
 * real upstream client. Only the engine directory is simple: every engine is up and has every model that the test names.
 */

import { hash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { type ConversationHome, ConversationHomes } from '../../src/core/engine/conversation-homes.ts';
import {
  type Candidate,
  type CatalogEntry,
  candidatesOf,
  type EngineDirectory,
  type EngineStatus,
  type ModelOnEngine,
  type Resolution,
} from '../../src/core/engine/directory.ts';
import type { AttemptEnd, Engine, EngineState } from '../../src/core/engine/engine.ts';
import type { EngineKind } from '../../src/core/engine/engine-kind.ts';
import { engineKind } from '../../src/core/engine/kinds.ts';
import { type RouteId, routeIds } from '../../src/core/engine/routes.ts';
import type { ErrorParams } from '../../src/core/errors.ts';
import type { Tracing } from '../../src/core/otlp/request-trace.ts';
import type { AdminPort } from '../../src/core/proxy/admin-port.ts';
import { type ProxyConfigInput, parseProxyConfig } from '../../src/core/proxy/proxy-config.ts';
import type { RequestLine } from '../../src/core/proxy/proxy-handle.ts';
import { type ApiKey, type KeyView, unrestricted } from '../../src/core/security/api-key.ts';
import type { ConcurrencyLimiter } from '../../src/core/security/key-holdings.ts';
import { LocalLimits } from '../../src/core/security/local-limits.ts';
import type { UsageLedger } from '../../src/core/security/ports.ts';
import type { RateLimiter } from '../../src/core/security/rate-limiter.ts';
import { parsePolicy, type SecurityPolicyOverride } from '../../src/core/security/security-policy.ts';
import type { ShareRedeemer } from '../../src/core/security/share.ts';
import { SnapshotHolder } from '../../src/core/security/snapshot.ts';
import type { TokenBudget } from '../../src/core/security/token-budgets.ts';
import { Gateway, type GatewayTls } from '../../src/gateway/gateway.ts';
import { noPages, type Pages } from '../../src/gateway/open-pages.ts';
import { EngineUpstream } from '../../src/upstream/upstream.ts';

export interface TestEngine {
  readonly id: string;
  readonly port: number;
  readonly models: readonly string[];
  readonly serves?: ReadonlySet<RouteId>;
  readonly kind?: Partial<EngineKind>;
  readonly apiKey?: string;
  /** Requests that it accepts at once; undefined: no limit. */
  readonly slots?: number;
}

export interface TestGatewayOptions {
  readonly config?: ProxyConfigInput;
  readonly policy?: SecurityPolicyOverride;
  readonly engines: readonly TestEngine[];
  readonly clock?: Clock;
  /** Called for internal errors of flm; by default they fail the test. */
  readonly onError?: (error: unknown) => void;
  /** Replaces the simple engine directory. */
  readonly engineDirectory?: EngineDirectory;
  readonly ledger?: Pick<UsageLedger, 'today'> & Partial<Pick<UsageLedger, 'ofFamily'>>;
  readonly pages?: Partial<Pages>;
  readonly shares?: ShareRedeemer;
  readonly admin?: AdminPort;
  /** Replaces the local limits. */
  readonly limiter?: RateLimiter;
  /** The limiter is told ahead what a request will ask. */
  readonly remoteLimits?: boolean;
  readonly concurrency?: ConcurrencyLimiter;
  readonly tokens?: TokenBudget;
  readonly tracing?: Tracing;
  /** For an HTTPS mode. */
  readonly tls?: GatewayTls;
}

export interface TestGateway {
  readonly port: number;
  readonly url: string;
  /** A key with scope inference and nothing that limits it. */
  readonly key: string;
  readonly gateway: Gateway;
  readonly upstream: EngineUpstream;
  readonly snapshots: SnapshotHolder;
  readonly directory: TestDirectory;
  /** Every finished request. */
  readonly lines: readonly RequestLine[];
  /** Codes of input that was rejected before a request existed. */
  readonly malformed: readonly string[];
  /** The details of each of these rejections. */
  readonly malformedParams: readonly ErrorParams[];
  /** Refused logins, each with whether it was throttled. */
  readonly refusedLogins: readonly boolean[];
  /** The next finished request that is not among `lines` yet. */
  nextLine(): Promise<RequestLine>;
  addKey(parts?: Partial<ApiKey>): string;
  revoke(key: string): void;
  /** Stays in effect until called with false. */
  pause(key: string, paused?: boolean): void;
  setPolicy(policy: SecurityPolicyOverride): void;
  /** Writes bytes on a new connection. */
  dial(): Promise<Wire>;
  close(): Promise<void>;
}

export async function openTestGateway(options: TestGatewayOptions): Promise<TestGateway> {
  const clock = options.clock ?? systemClock;
  const config = parseProxyConfig({ port: 0, bind: ['127.0.0.1'], ...options.config });
  const snapshots = new SnapshotHolder(parsePolicy(options.policy ?? {}));
  const directory = new TestDirectory(options.engines);
  const upstream = new EngineUpstream({
    clock,
    poolIdleMs: config.limits.enginePoolIdleMs,
    ...(options.onError === undefined ? {} : { onHandlerError: options.onError }),
  });
  const lines: RequestLine[] = [];
  const malformed: string[] = [];
  const malformedParams: ErrorParams[] = [];
  const refusedLogins: boolean[] = [];
  const waiters: ((line: RequestLine) => void)[] = [];
  const engines = options.engineDirectory ?? directory;
  const ledger = { ofFamily: async () => [], ...(options.ledger ?? { today: () => 0 }) };
  const gateway = new Gateway({
    config,
    version: 'test',
    hostname: 'flm-test-host',
    clock,
    snapshots,
    temporaryKeys: { find: () => undefined },
    directory: engines,
    upstream,
    limits: new LocalLimits({ limits: config.limits, clock, directory: engines, ledger }),
    ports: {
      ...(options.limiter === undefined ? {} : { rates: options.limiter }),
      ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
      ...(options.tokens === undefined ? {} : { tokens: options.tokens }),
    },
    remoteLimits: options.remoteLimits === true,
    ledger,
    recorder: {
      request: (line) => {
        lines.push(line);
        for (const wake of waiters.splice(0)) wake(line);
      },
      malformed: (_client, _id, code, params) => {
        malformed.push(code);
        malformedParams.push(params);
      },
      loginRefused: (_client, throttled) => refusedLogins.push(throttled),
    },
    pages: { ...noPages, ...options.pages },
    ...(options.shares === undefined ? {} : { shares: options.shares }),
    ...(options.admin === undefined ? {} : { admin: options.admin }),
    tracing: options.tracing,
    metrics: () => Promise.resolve('# metrics\n'),
    onError: options.onError ?? throwOutside,
    idPrefix: 't',
    ...(options.tls === undefined ? {} : { tls: options.tls }),
  });
  const { port } = await gateway.bind();
  await gateway.accept();
  const stored = new Map<string, ApiKey>();
  const addKey = (parts: Partial<ApiKey> = {}): string => {
    const key = `flm_${randomBytes(24).toString('hex')}`;
    const id = `key_${randomBytes(6).toString('hex')}`;
    const record: ApiKey = {
      id,
      familyId: parts.id ?? id,
      label: 'test',
      digest: hash('sha256', key, 'hex'),
      prefix: key.slice(0, 8),
      ...unrestricted,
      createdAtMs: 0,
      ...parts,
    };
    stored.set(key, record);
    snapshots.apply({ keys: { replaceAll: false, upserted: [record], removedIds: [] } });
    return key;
  };
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    key: addKey(),
    gateway,
    upstream,
    snapshots,
    directory,
    lines,
    malformed,
    malformedParams,
    refusedLogins,
    nextLine: () => new Promise((wake) => waiters.push(wake)),
    addKey,
    revoke: (key) => {
      const record = stored.get(key);
      if (record === undefined) throw new Error('no such key');
      snapshots.apply({
        keys: { replaceAll: false, upserted: [{ ...record, revokedAtMs: Date.now() }], removedIds: [] },
      });
    },
    pause: (key, paused = true) => {
      const record = stored.get(key);
      if (record === undefined) throw new Error('no such key');
      const upserted = [{ ...record, pausedAtMs: paused ? 1 : null }];
      snapshots.apply({ keys: { replaceAll: false, upserted, removedIds: [] } });
    },
    setPolicy: (policy) => snapshots.apply({ policy: parsePolicy(policy) }),
    dial: () => Wire.dial(port),
    close: async () => {
      await gateway.stop(0);
      upstream.close();
    },
  };
}

export class TestDirectory implements EngineDirectory {
  readonly #engines: readonly Candidate[];
  readonly #byModel = new Map<string, Candidate[]>();
  readonly #inFlight = new Map<string, number>();
  readonly #homes = new ConversationHomes();
  /** Every end that was reported. */
  readonly ends: AttemptEnd[] = [];
  /** The state that `engines()` reports instead of running. */
  readonly states = new Map<string, EngineState>();

  constructor(engines: readonly TestEngine[]) {
    this.#engines = engines.map((e) => {
      const kind: EngineKind = {
        ...engineKind('openai-compatible'),
        title: 'Test',
        serves: e.serves ?? new Set(routeIds),
        native: [],
        furtherModels: [],
        hazard: () => undefined,
        ...e.kind,
      };
      const engine: Engine = {
        ref: {
          id: e.id,
          kind: 'openai-compatible',
          url: `http://127.0.0.1:${e.port}`,
          address: { tls: false, host: '127.0.0.1', port: e.port, path: '' },
          origin: 'flag',
          ...(e.apiKey === undefined ? {} : { apiKey: e.apiKey }),
        },
        kind,
        probe: () => Promise.resolve({ state: 'running', models: [], latencyMs: 0 }),
      };
      const candidate: Candidate = {
        engine,
        model: undefined,
        state: 'running',
        ...(e.slots === undefined ? {} : { slots: e.slots }),
      };
      for (const model of e.models)
        this.#byModel.set(model, [...(this.#byModel.get(model) ?? []), candidate]);
      return candidate;
    });
  }

  resolve(name: string | undefined, route: RouteId, key: KeyView): Resolution {
    if (this.#engines.length === 0) return { kind: 'none' };
    const visible = [...this.#byModel.keys()].filter((m) => key.mayUseModel(m));
    if (visible.length === 0) return { kind: 'denied' };
    const wanted = name ?? (visible.length === 1 ? visible[0] : undefined);
    if (wanted === undefined) return { kind: 'unnamed', visible };
    const candidates = key.mayUseModel(wanted) ? this.#byModel.get(wanted) : undefined;
    if (candidates === undefined) return { kind: 'unknown', near: [] };
    const speaking = candidates.filter((c) => c.engine.kind.serves.has(route));
    if (speaking.length === 0) return { kind: 'unsupported', speakers: [] };
    return {
      kind: 'found',
      name: wanted,
      candidates: candidatesOf(speaking),
      samples: speaking,
      upstreamName: wanted,
    };
  }

  modelOn(engineId: string, name: string, key: KeyView): ModelOnEngine {
    if (!key.mayUseModel(name)) return { kind: 'denied' };
    const listed = this.#byModel.get(name)?.some((c) => c.engine.ref.id === engineId) === true;
    return listed
      ? { kind: 'found', model: { id: name }, upstreamName: name }
      : { kind: 'unknown', near: [] };
  }
  entry(name: string, key: KeyView): CatalogEntry | undefined {
    return this.visible(key).find((entry) => entry.id === name);
  }
  visible(key: KeyView): readonly CatalogEntry[] {
    return [...this.#byModel]
      .filter(([id]) => key.mayUseModel(id))
      .map(([id, engines]) => ({ id, owner: engines[0]?.engine.ref.id ?? '', created: 0, engines }));
  }
  engine(id: string): Candidate | undefined {
    return this.#engines.find((c) => c.engine.ref.id === id);
  }
  engines(): readonly EngineStatus[] {
    return this.#engines.map((c) => ({
      ref: c.engine.ref,
      state: this.states.get(c.engine.ref.id) ?? c.state,
      inFlight: this.inFlight(c.engine.ref.id),
      models: [],
      breakerOpen: false,
    }));
  }
  responseHome(responseId: string, key: KeyView): ConversationHome {
    return this.#homes.ofResponse(responseId, key.familyId);
  }
  ranksLast(): boolean {
    return false;
  }
  begin(engine: { readonly id: string }): void {
    this.#inFlight.set(engine.id, this.inFlight(engine.id) + 1);
  }
  report(engine: { readonly id: string }, end: AttemptEnd): void {
    this.#inFlight.set(engine.id, this.inFlight(engine.id) - 1);
    this.ends.push(end);
  }
  inFlight(id: string): number {
    return this.#inFlight.get(id) ?? 0;
  }
  onChange(): () => void {
    return () => {};
  }
}

/** One connection of a client that writes and reads bytes. */
export class Wire {
  readonly socket: Socket;
  #bytes = Buffer.alloc(0);
  #ended = false;
  #wake: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    const wake = (): void => this.#wake?.();
    socket.on('data', (bytes: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes]);
      wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#ended = true;
      wake();
    });
    socket.on('end', () => {
      this.#ended = true;
      wake();
    });
  }

  static async dial(port: number, host = '127.0.0.1'): Promise<Wire> {
    const socket = connect({ port, host, noDelay: true, allowHalfOpen: true });
    await once(socket, 'connect');
    return new Wire(socket);
  }

  /** Uses an existing connection. */
  static over(socket: Socket): Wire {
    return new Wire(socket);
  }

  send(bytes: string | Buffer): this {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    return this;
  }

  get received(): Buffer {
    return this.#bytes;
  }
  get ended(): boolean {
    return this.#ended;
  }

  /** Waits until the received bytes satisfy the condition, or the other side ended. */
  async until(satisfied: (received: Buffer) => boolean): Promise<Buffer> {
    while (!satisfied(this.#bytes) && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#bytes;
  }

  /** Returns all bytes until the other side ends. */
  async rest(): Promise<Buffer> {
    return this.until(() => false);
  }

  /** Takes one complete response from the received bytes. */
  async response(): Promise<WireResponse> {
    let parsed = parseResponse(this.#bytes, this.#ended);
    while (parsed === undefined) {
      if (this.#ended) {
        const torso = parseResponse(this.#bytes, true);
        if (torso === undefined)
          throw new Error(`no whole response in ${JSON.stringify(this.#bytes.toString('latin1'))}`);
        parsed = torso;
        break;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      parsed = parseResponse(this.#bytes, this.#ended);
    }
    this.#bytes = this.#bytes.subarray(parsed.size);
    return parsed;
  }

  /** Discards received bytes up to a position. */
  skip(bytes: number): void {
    this.#bytes = this.#bytes.subarray(bytes);
  }

  close(): void {
    this.socket.destroy();
  }
}

export interface WireResponse {
  readonly status: number;
  readonly head: string;
  readonly body: Buffer;
  /** True if the body ended according to its framing. */
  readonly whole: boolean;
  readonly size: number;
  field(name: string): string | undefined;
}

/** Undefined while bytes are missing. */
export function parseResponse(bytes: Buffer, ended: boolean): WireResponse | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = bytes.toString('latin1', 0, end);
  const field = (name: string): string | undefined =>
    new RegExp(`^${name}:[ \\t]*(.*)$`, 'im').exec(head)?.[1]?.trim();
  const status = Number(head.slice(9, 12));
  const from = end + 4;
  const make = (body: Buffer, size: number, whole: boolean): WireResponse => ({
    status,
    head,
    body,
    whole,
    size,
    field,
  });
  if (status === 204 || status === 304 || status < 200) return make(Buffer.alloc(0), from, true);
  const length = field('content-length');
  if (length !== undefined) {
    const to = from + Number(length);
    if (bytes.length >= to) return make(bytes.subarray(from, to), to, true);
    return ended ? make(bytes.subarray(from), bytes.length, false) : undefined;
  }
  if (field('transfer-encoding') === 'chunked') {
    const parts: Buffer[] = [];
    let at = from;
    for (;;) {
      const line = bytes.indexOf('\r\n', at);
      const size = line < 0 ? Number.NaN : Number.parseInt(bytes.toString('latin1', at, line), 16);
      if (Number.isNaN(size) || bytes.length < line + 2 + size + 2)
        return ended ? make(Buffer.concat(parts), bytes.length, false) : undefined;
      if (size === 0) return make(Buffer.concat(parts), line + 4, true);
      parts.push(bytes.subarray(line + 2, line + 2 + size));
      at = line + 2 + size + 2;
    }
  }
  return ended ? make(bytes.subarray(from), bytes.length, true) : undefined;
}

/** A POST with a JSON body. */
export function post(path: string, key: string, body: string, more = ''): string {
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\n${more}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

export function get(path: string, key: string, more = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\n${more}\r\n`;
}

/** Where no callback catches it and the test runner sees it. */
function throwOutside(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
