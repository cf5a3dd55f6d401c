/**
 * The data plane of one proxy, wired: listeners, HTTP server, request pipeline. Owns every client connection and ends
 * them all.
 */
import type { Clock, Unsubscribe } from '../core/clock.ts';
import type { EngineDirectory } from '../core/engine/directory.ts';
import type { Upstream } from '../core/engine/upstream.ts';
import type { CertificateProvider } from '../core/proxy/certificate-provider.ts';
import type { KeyUse, StopReport } from '../core/proxy/ports.ts';
import { bindAddresses, configuredPort, type ProxyConfig } from '../core/proxy/proxy-config.ts';
import { FairAdmission, type QueueReading } from '../core/security/admission.ts';
import { type ConcurrencyLimiter, KeyHoldings } from '../core/security/key-holdings.ts';
import type { UsageLedger } from '../core/security/ports.ts';
import type { RateLimiter } from '../core/security/rate-limiter.ts';
import type { SnapshotSource } from '../core/security/snapshot.ts';
import { TokenBudgets } from '../core/security/token-budgets.ts';
import { makeAuth, type TemporaryKeys } from './auth.ts';
import { makeAuthorize } from './authorize.ts';
import { ConnectionTable } from './connection-table.ts';
import type { Exchange } from './exchange.ts';
import { ForeignTokens } from './foreign-tokens.ts';
import { makeGuard } from './guard.ts';
import { makeEngineApi } from './handlers/engine-api.ts';
import { makeHealth, makeMetrics, makeReady } from './handlers/health.ts';
import { makeInference } from './handlers/inference.ts';
import { makeModels } from './handlers/models.ts';
import { makeOllamaLists } from './handlers/ollama-lists.ts';
import { makeRoot } from './handlers/root.ts';
import { HostAllowlist, ownNames } from './host-allowlist.ts';
import { HttpServer } from './http/http-server.ts';
import { makeTakeStream } from './key-shares.ts';
import { Listener } from './listener.ts';
import { LoginThrottle } from './login-throttle.ts';
import { keyBucket, makePolicy } from './policy.ts';
import { HeaderTable } from './request-headers.ts';
import { RequestPipeline } from './request-pipeline.ts';
import { makeRecordStep, type RequestRecorder } from './request-recorder.ts';
import { type ClientAuthority, TlsListener } from './tls-listener.ts';

/** What an HTTPS proxy needs on top. */
export interface GatewayTls {
  readonly source: CertificateProvider;
  readonly clientAuthority?: ClientAuthority;
}

export interface GatewayDeps {
  readonly config: ProxyConfig;
  readonly version: string;
  readonly hostname: string;
  readonly clock: Clock;
  readonly snapshots: SnapshotSource;
  readonly temporaryKeys: TemporaryKeys;
  readonly directory: EngineDirectory;
  readonly upstream: Upstream;
  readonly limiter: RateLimiter;
  /** Absent: the requests of each key are counted in this process. */
  readonly concurrency?: ConcurrencyLimiter;
  /** Tokens of the day, over all proxies. */
  readonly ledger: Pick<UsageLedger, 'today'>;
  readonly account: RequestRecorder;
  readonly metrics: () => Promise<string>;
  /** A start of request ids that no other process shares. */
  readonly idPrefix: string;
  /** Told of a mistake of flm's own, which ended one request. */
  readonly onError: (error: unknown) => void;
  /** Absent: plain HTTP. */
  readonly tls?: GatewayTls;
}

export class Gateway {
  readonly #deps: GatewayDeps;
  readonly #front: HttpServer;
  readonly #admission: FairAdmission;
  readonly #holdings: KeyHoldings;
  readonly #tokens: TokenBudgets;
  readonly #door: TlsListener | undefined;
  #listener: Listener | undefined;
  readonly #offs: Unsubscribe[] = [];
  #draining = false;

  constructor(deps: GatewayDeps) {
    this.#deps = deps;
    const { config, clock } = deps;
    const draining = (): boolean => this.#draining;
    let count = 0;
    this.#admission = new FairAdmission(deps.directory, clock, config.limits);
    const { maxStreams, maxConnections } = config.limits;
    const holdings = new KeyHoldings({
      ...config.limits,
      // Each stream needs a connection: with fewer of those, one key could take them all.
      maxStreams: Math.min(maxStreams, maxConnections),
    });
    const table = new ConnectionTable({
      ...config.limits,
      isExempt: (address) =>
        address.loopback || deps.snapshots.current().policy.trustedProxies.matches(address),
    });
    const tokens = new TokenBudgets(clock, deps.ledger);
    this.#holdings = holdings;
    this.#tokens = tokens;
    const { directory, upstream, version } = deps;
    const hosts = new HostAllowlist(
      ownNames(deps.hostname, [...config.publicHosts, ...config.sans, ...config.domains]),
    );
    const pipeline = new RequestPipeline({
      guard: makeGuard({
        hosts,
        maxHeadFields: config.limits.maxHeadFields,
        draining,
      }),
      authenticate: makeAuth({
        clock,
        throttle: new LoginThrottle(),
        foreign: new ForeignTokens(),
        temporary: deps.temporaryKeys,
        onRefused: (x, throttled) => deps.account.loginRefused(x.client.text, throttled),
      }),
      applyPolicy: makePolicy({ clock, limiter: deps.limiter }),
      takeStream: makeTakeStream(holdings),
      authorize: makeAuthorize(directory),
      handlers: {
        models: makeModels(directory),
        inference: makeInference(directory),
        'ollama-lists': makeOllamaLists({ directory, upstream, limits: config.limits, version }),
        'engine-api': makeEngineApi(directory),
        root: makeRoot(directory),
        health: makeHealth(draining),
        ready: makeReady(draining, directory),
        metrics: makeMetrics(deps.metrics),
      },
      holdings,
      concurrency: deps.concurrency ?? holdings,
      tokens,
      admission: this.#admission,
      upstream,
      clock,
      limits: config.limits,
      heartbeatMs: config.heartbeatMs,
      version,
      record: makeRecordStep(deps.account, clock, tokens),
    });
    const nextId = (): string => `req_${deps.idPrefix}${(count++).toString(36)}`;
    const malformed: RequestRecorder['malformed'] = (...refused) => deps.account.malformed(...refused);
    this.#front = new HttpServer({
      limits: config.limits,
      fieldTable: new HeaderTable(config.forwardHeaders),
      holdings,
      table,
      clock,
      snapshots: deps.snapshots,
      nextId,
      pipeline,
      // RFC 6797, section 7.2: never over plain HTTP.
      commonFields:
        deps.tls !== undefined && config.hstsSeconds > 0
          ? ['strict-transport-security', `max-age=${config.hstsSeconds}`]
          : [],
      malformed,
      onError: deps.onError,
    });
    this.#door =
      deps.tls &&
      new TlsListener({
        source: deps.tls.source,
        clientAuthority: deps.tls.clientAuthority,
        clock,
        limits: config.limits,
        hosts,
        table,
        secured: (socket, entry) => this.#front.accept(socket, entry),
        port: () => this.#listener?.port ?? configuredPort(config),
        nextId,
        malformed,
      });
    // A revoked or deleted key ends what runs under it, as soon as the snapshot says so.
    this.#offs.push(
      deps.snapshots.onSwap((_old, now) => {
        this.#endKeys(
          (x) =>
            x.key !== undefined &&
            x.snapshot.keysById.has(x.key.id) &&
            now.keysById.get(x.key.id)?.revoked !== false,
        );
      }),
      clock.every(1_000, () => {
        const nowMs = clock.nowMs();
        // As it stands now: a rotation shortens the life of a key that is in use.
        const { keysById } = deps.snapshots.current();
        this.#endKeys((x) => x.key !== undefined && (keysById.get(x.key.id) ?? x.key).expiresAtMs <= nowMs);
      }),
    );
  }

  /** Binds; throws what `Listener.open` throws. */
  async listen(): Promise<{ readonly port: number; readonly addresses: readonly string[] }> {
    const { config } = this.#deps;
    this.#listener = await Listener.open({
      addresses: bindAddresses(config),
      port: configuredPort(config),
      // Nobody asked for IPv6 by name; a machine without it goes without.
      optional: config.bind.length === 0 ? new Set(['::1', '::']) : new Set(),
      onConnection: (socket) => (this.#door ?? this.#front).accept(socket),
    });
    return { port: this.#listener.port, addresses: this.#listener.addresses };
  }

  get inFlight(): number {
    return this.#front.inFlight;
  }
  get connections(): number {
    return this.#front.connections + (this.#door?.pending ?? 0);
  }
  get bufferedBytes(): number {
    return this.#front.bufferedBytes;
  }
  get draining(): boolean {
    return this.#draining;
  }
  /** Requests that wait for a slot of an engine. */
  get queued(): number {
    return this.#admission.queued;
  }
  /** What runs and waits, engine by engine. */
  queues(): readonly QueueReading[] {
    return this.#admission.readings();
  }

  /** Undefined where the key is not known. */
  async keyUse(keyId: string): Promise<KeyUse | undefined> {
    const { snapshots, limiter, ledger, clock } = this.#deps;
    const { keysById, policy } = snapshots.current();
    const key = keysById.get(keyId);
    if (key === undefined) return undefined;
    const rate = keyBucket(key, policy.source);
    const requests =
      rate === undefined
        ? null
        : {
            perMinute: rate.perMinute,
            burst: rate.burst,
            ...(await limiter.reading(rate, clock.monotonicMs())),
          };
    return {
      requests,
      tokens: this.#tokens.reading(key) ?? null,
      tokensToday: ledger.today(key.familyId),
      inProgress: this.#holdings.of(key.familyId).requests,
    };
  }

  /** Lets go of the port at once; what runs goes on. */
  release(): void {
    this.#draining = true;
    this.#front.announceEnd();
    this.#listener?.close();
    this.#listener = undefined;
  }

  /** Drains for at most `graceMs`, then ends what is left with an error event. Nothing is open when it resolves. */
  async stop(graceMs: number): Promise<StopReport> {
    const { clock } = this.#deps;
    const begunMs = clock.monotonicMs();
    this.release();
    this.#door?.close();
    const running = this.#front.inFlight;
    const drained = this.#front.drain();
    let cancel: Unsubscribe = () => {};
    const timeUp = new Promise<void>((resolve) => {
      cancel = clock.after(graceMs, resolve);
    });
    await Promise.race([drained, timeUp]);
    cancel();
    const cut = this.#front.inFlight;
    this.#front.breakAll('shut-down');
    for (const off of this.#offs) off();
    this.#admission.close();
    await this.#front.close();
    return { running, cut, tookMs: Math.round(clock.monotonicMs() - begunMs) };
  }

  #endKeys(ended: (x: Exchange) => boolean): void {
    for (const x of this.#front.running()) if (ended(x)) this.#front.break(x, 'key-ended');
  }
}
