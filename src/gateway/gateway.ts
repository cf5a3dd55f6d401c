/**
 * Wires the data plane of one proxy: listeners, HTTP server, request pipeline. Owns every client connection and ends
 * it.
 */
import type { Clock, Unsubscribe } from '../core/clock.ts';
import type { EngineDirectory } from '../core/engine/directory.ts';
import type { Upstream } from '../core/engine/upstream.ts';
import type { Tracing } from '../core/otlp/request-trace.ts';
import type { AdminPort } from '../core/proxy/admin-port.ts';
import type { CertificateProvider } from '../core/proxy/certificate-provider.ts';
import type { InheritedSocket, KeyUse, StopReport } from '../core/proxy/ports.ts';
import { bindAddresses, configuredPort, type ProxyConfig } from '../core/proxy/proxy-config.ts';
import type { RunningRequest } from '../core/proxy/running-request.ts';
import type { KeyView } from '../core/security/api-key.ts';
import type { QueueReading } from '../core/security/fair-admission.ts';
import type { LimitPorts, LocalLimits } from '../core/security/local-limits.ts';
import type { UsageLedger } from '../core/security/ports.ts';
import type { ShareRedeemer } from '../core/security/share.ts';
import type { SnapshotSource } from '../core/security/snapshot.ts';
import { makeAuth, type TemporaryKeys } from './auth.ts';
import { makeAuthorize } from './authorize.ts';
import { ConnectionTable } from './connection-table.ts';
import type { Exchange } from './exchange.ts';
import { ForeignTokens } from './foreign-tokens.ts';
import { makeGuard } from './guard.ts';
import { makeAdmin } from './handlers/admin.ts';
import { makeEngineApi } from './handlers/engine-api.ts';
import { makeFiles } from './handlers/files.ts';
import { makeHealth, makeMetrics, makeReady } from './handlers/health.ts';
import { makeInference } from './handlers/inference.ts';
import { makeMe } from './handlers/me.ts';
import { makeModels } from './handlers/models.ts';
import { makeOllamaLists } from './handlers/ollama-lists.ts';
import { makeRoot } from './handlers/root.ts';
import { makeShare } from './handlers/share.ts';
import { HostAllowlist, ownNames } from './host-allowlist.ts';
import { HttpServer } from './http/http-server.ts';
import { makeTakeStream } from './key-shares.ts';
import { Listener, type ListeningSocket } from './listener.ts';
import { noPages, OpenPages, type Pages } from './open-pages.ts';
import { keyBucket, makePolicy } from './policy.ts';
import { HeaderTable } from './request-headers.ts';
import { RequestPipeline } from './request-pipeline.ts';
import { makeRecordStep, type RequestRecorder } from './request-recorder.ts';
import { runningRequest, runningRequests } from './running-requests.ts';
import { type ClientAuthority, TlsListener } from './tls-listener.ts';

/** The parts that only an HTTPS proxy needs. */
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
  /** What this process counts. Closed with the gateway. */
  readonly limits: LocalLimits;
  /** In place of those of `limits`. */
  readonly ports?: Partial<LimitPorts>;
  /** The ports ask another machine. */
  readonly remoteLimits?: boolean;
  /** The tokens that each key used today, over all proxies. */
  readonly ledger: Pick<UsageLedger, 'today' | 'ofFamily'>;
  readonly pages?: Pages;
  /** Absent: no share can be redeemed. */
  readonly shares?: ShareRedeemer;
  /** Absent: the admin API is not served. */
  readonly admin?: AdminPort;
  readonly recorder: RequestRecorder;
  /** Absent: telemetry is off. */
  readonly tracing?: Tracing | undefined;
  readonly metrics: () => Promise<string>;
  /** Prefix of request ids, unique to this process. */
  readonly idPrefix: string;
  /** Called with an internal error of flm, which ended one request. */
  readonly onError: (error: unknown) => void;
  /** Absent: plain HTTP. */
  readonly tls?: GatewayTls;
}

/** The first request of a connection follows within a moment. */
const firstRequestMs = 1_000;
const lookMs = 10;

export class Gateway {
  readonly #deps: GatewayDeps;
  readonly #server: HttpServer;
  readonly #ports: LimitPorts;
  readonly #tlsListener: TlsListener | undefined;
  #listener: Listener | undefined;
  #port: number;
  readonly #subscriptions: Unsubscribe[] = [];
  #draining = false;

  constructor(deps: GatewayDeps) {
    this.#deps = deps;
    const { config, clock } = deps;
    this.#port = configuredPort(config);
    const draining = (): boolean => this.#draining;
    let count = 0;
    const { rates, concurrency, tokens, admission, logins } = deps.limits;
    const ports = { rates, concurrency, tokens, admission, logins, ...deps.ports };
    this.#ports = ports;
    const holdings = deps.limits.concurrency;
    const table = new ConnectionTable({
      ...config.limits,
      isExempt: (address) =>
        address.loopback || deps.snapshots.current().policy.trustedProxies.matches(address),
    });
    const hosts = new HostAllowlist(
      ownNames(deps.hostname, [...config.publicHosts, ...config.sans, ...config.domains]),
    );
    const keyUse = (key: KeyView): Promise<KeyUse> => this.#useOf(key);
    const pipeline = makePipeline(deps, { ports, hosts, draining, keyUse });
    const nextId = (): string => `req_${deps.idPrefix}${(count++).toString(36)}`;
    const malformed: RequestRecorder['malformed'] = (...refused) => deps.recorder.malformed(...refused);
    this.#server = new HttpServer({
      limits: config.limits,
      fieldTable: new HeaderTable(config.forwardHeaders, { seesForwarding: deps.admin !== undefined }),
      holdings,
      forgetIdle: () => deps.limits.forgetIdle(),
      table,
      clock,
      snapshots: deps.snapshots,
      nextId,
      pipeline,
      // RFC 6797, section 7.2: never over plain HTTP.
      commonFields:
        deps.tls !== undefined && config.hstsSeconds > 0
          ? `strict-transport-security: max-age=${config.hstsSeconds}\r\n`
          : '',
      malformed,
      onError: deps.onError,
    });
    this.#tlsListener =
      deps.tls &&
      new TlsListener({
        source: deps.tls.source,
        clientAuthority: deps.tls.clientAuthority,
        clock,
        limits: config.limits,
        hosts,
        table,
        secured: (socket, entry) => this.#server.accept(socket, entry),
        port: () => this.#port,
        nextId,
        malformed,
      });
    this.#endRequestsOfEndedKeys();
  }

  /** Binds, or takes inherited sockets; connections wait for `accept`. Throws what `Listener.bind` throws. */
  async bind(
    inherited: readonly InheritedSocket[] = [],
  ): Promise<{ readonly port: number; readonly addresses: readonly string[] }> {
    const { config } = this.#deps;
    this.#listener = await Listener.bind({
      addresses: bindAddresses(config),
      port: configuredPort(config),
      // No address was configured, so a machine without IPv6 listens on IPv4 only.
      optional: config.bind.length === 0 ? new Set(['::1', '::']) : new Set(),
      onConnection: (socket) => (this.#tlsListener ?? this.#server).accept(socket),
      inherited,
    });
    this.#port = this.#listener.port;
    return { port: this.#port, addresses: this.#listener.addresses };
  }

  /** Serves connections from now on. Throws what `Listener.accept` throws. */
  async accept(): Promise<void> {
    await this.#listener?.accept();
  }

  /** New connections wait until `resume` or `retire`. Requests on open connections continue. */
  hold(): void {
    this.#listener?.hold();
  }

  resume(): void {
    this.#listener?.resume();
  }

  /** What a successor can inherit. */
  sockets(): readonly ListeningSocket[] {
    return this.#listener?.sockets() ?? [];
  }

  /**
   * Another process serves on the same sockets: closes the listeners. Open connections, those that waited included, are
   * served on, and each ends with its next response.
   */
  retire(): void {
    this.#server.announceEnd();
    this.#listener?.close();
    this.#listener?.resume();
    this.#listener = undefined;
  }

  /**
   * Before a stop where systemd keeps the listening sockets for the next process: closes this process's copies, and serves
   * the connections that were accepted and have not sent their first request, for a second at most.
   */
  async leaveSockets(): Promise<void> {
    const { clock } = this.#deps;
    this.retire();
    const untilMs = clock.monotonicMs() + firstRequestMs;
    while (this.#server.newConnections + (this.#tlsListener?.pending ?? 0) > 0) {
      if (clock.monotonicMs() >= untilMs) return;
      await new Promise<void>((resolve) => {
        clock.after(lookMs, resolve);
      });
    }
  }

  get inFlight(): number {
    return this.#server.inFlight;
  }
  get connections(): number {
    return this.#server.connections + (this.#tlsListener?.pending ?? 0);
  }
  get bufferedBytes(): number {
    return this.#server.bufferedBytes;
  }
  get draining(): boolean {
    return this.#draining;
  }
  /** Requests that wait for a slot of an engine. */
  get queued(): number {
    return this.#deps.limits.admission.queued;
  }
  /** Running and waiting requests of each engine. */
  queues(): readonly QueueReading[] {
    return this.#deps.limits.admission.readings();
  }

  /** Oldest connection first. */
  requests(): readonly RunningRequest[] {
    return runningRequests(this.#server.running(), this.#deps.clock);
  }

  /** Returns the request as it was; undefined if no request with that id runs. */
  cancel(requestId: string): RunningRequest | undefined {
    const { clock } = this.#deps;
    const x = this.#server.running().find(({ id }) => id === requestId);
    const request = x === undefined ? undefined : runningRequest(x, clock);
    if (x !== undefined && request !== undefined) this.#server.abort(x, 'cancelled');
    return request;
  }

  /** Undefined if the key is not known. */
  async keyUse(keyId: string): Promise<KeyUse | undefined> {
    const key = this.#deps.snapshots.current().keys.withId(keyId);
    return key === undefined ? undefined : this.#useOf(key);
  }

  async #useOf(key: KeyView): Promise<KeyUse> {
    const { snapshots, limits, ledger, clock } = this.#deps;
    const rate = keyBucket(key, snapshots.current().policy.source);
    const requests =
      rate === undefined
        ? null
        : {
            perMinute: rate.perMinute,
            burst: rate.burst,
            ...(await this.#ports.rates.reading(rate, clock.monotonicMs())),
          };
    return {
      requests,
      tokens: limits.tokens.reading(key) ?? null,
      tokensToday: ledger.today(key.familyId),
      inProgress: limits.concurrency.of(key.familyId).requests,
    };
  }

  /** Closes the listeners at once. Running requests continue. */
  release(): void {
    this.#draining = true;
    this.#server.announceEnd();
    this.#listener?.close();
    this.#listener = undefined;
  }

  /**
   * Drains for at most `graceMs`, then ends the remaining requests with an error. When it resolves, everything is
   * closed.
   */
  async stop(graceMs: number): Promise<StopReport> {
    const { clock } = this.#deps;
    const begunMs = clock.monotonicMs();
    this.release();
    this.#tlsListener?.close();
    const running = this.#server.inFlight;
    const drained = this.#server.drain();
    let cancel: Unsubscribe = () => {};
    const timeUp = new Promise<void>((resolve) => {
      cancel = clock.after(graceMs, resolve);
    });
    await Promise.race([drained, timeUp]);
    cancel();
    const cut = this.#server.inFlight;
    this.#server.abortAll('shut-down');
    for (const unsubscribe of this.#subscriptions) unsubscribe();
    this.#deps.limits.admission.close();
    await this.#server.close();
    return { running, cut, tookMs: Math.round(clock.monotonicMs() - begunMs) };
  }

  /** The running requests of a key end with the snapshot that revokes or deletes the key, and when the key expires. */
  #endRequestsOfEndedKeys(): void {
    const { clock, snapshots } = this.#deps;
    this.#subscriptions.push(
      snapshots.onSwap((_old, now) => {
        this.#endKeys(
          (x) =>
            x.key !== undefined &&
            x.snapshot.keys.withId(x.key.id) !== undefined &&
            now.keys.withId(x.key.id)?.revoked !== false,
        );
      }),
      clock.every(1_000, () => {
        const nowMs = clock.nowMs();
        // Checked against the current snapshot: a rotation shortens the life of a key that is in use.
        const { keys } = snapshots.current();
        this.#endKeys((x) => x.key !== undefined && (keys.withId(x.key.id) ?? x.key).expiresAtMs <= nowMs);
      }),
    );
  }

  #endKeys(ended: (x: Exchange) => boolean): void {
    for (const x of this.#server.running()) if (ended(x)) this.#server.abort(x, 'key-ended');
  }
}

interface PipelineParts {
  readonly ports: LimitPorts;
  readonly hosts: HostAllowlist;
  readonly draining: () => boolean;
  readonly keyUse: (key: KeyView) => Promise<KeyUse>;
}

function makePipeline(deps: GatewayDeps, { ports, hosts, draining, keyUse }: PipelineParts): RequestPipeline {
  const { clock, config, directory, upstream, version, ledger, remoteLimits = false } = deps;
  const pages = new OpenPages(deps.pages ?? noPages, deps.admin !== undefined);
  return new RequestPipeline({
    guard: makeGuard({
      hosts,
      maxHeadFields: config.limits.maxHeadFields,
      draining,
    }),
    authenticate: makeAuth({
      clock,
      throttle: ports.logins,
      foreign: new ForeignTokens(),
      temporary: deps.temporaryKeys,
      pages,
      onRefused: (x, throttled) => deps.recorder.loginRefused(x.client.text, throttled),
    }),
    applyPolicy: makePolicy({ clock, limiter: ports.rates, remote: remoteLimits }),
    takeStream: makeTakeStream(deps.limits.concurrency),
    authorize: makeAuthorize(directory, deps.admin !== undefined),
    handlers: {
      models: makeModels(directory),
      inference: makeInference(directory),
      'ollama-lists': makeOllamaLists({ directory, upstream, limits: config.limits, version }),
      'engine-api': makeEngineApi(directory),
      root: makeRoot(directory, pages.root),
      health: makeHealth(draining),
      ready: makeReady(draining, directory, () => deps.snapshots.current().expired),
      metrics: makeMetrics(deps.metrics),
      me: makeMe({ directory, keyUse, ledger }),
      share: makeShare({
        shares: deps.shares,
        clock,
        throttle: ports.logins,
        onRefused: (x, throttled) => deps.recorder.loginRefused(x.client.text, throttled),
      }),
      admin: makeAdmin(deps.admin),
      files: makeFiles(pages),
    },
    holdings: deps.limits.concurrency,
    concurrency: ports.concurrency,
    tokens: ports.tokens,
    admission: ports.admission,
    remoteLimits,
    upstream,
    clock,
    limits: config.limits,
    heartbeatMs: config.heartbeatMs,
    version,
    tracing: deps.tracing,
    record: makeRecordStep(deps.recorder, clock, ports.tokens, deps.tracing),
  });
}
