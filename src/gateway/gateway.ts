/**
 * The data plane of one proxy, put together: listener, straight line, handlers, account. Owns every client connection
 * and ends them all.
 */
import type { Clock, Off } from '../core/clock.ts';
import type { EngineDirectory } from '../core/engine/directory.ts';
import type { Upstream } from '../core/engine/upstream.ts';
import type { ContextSource } from '../core/proxy/context-source.ts';
import type { KeyUse, StopReport } from '../core/proxy/ports.ts';
import { bindAddresses, configuredPort, type ProxyConfig } from '../core/proxy/proxy-config.ts';
import { FairAdmission, type QueueReading } from '../core/security/admission.ts';
import { KeyHoldings } from '../core/security/key-holdings.ts';
import type { UsageLedger } from '../core/security/ports.ts';
import type { RateLimiter } from '../core/security/rate-limiter.ts';
import type { SnapshotSource } from '../core/security/snapshot.ts';
import { TokenBudgets } from '../core/security/token-budgets.ts';
import { type Account, makeAccount } from './account.ts';
import { makeAuth, type TemporaryKeys } from './auth.ts';
import { ConnectionTable } from './connection-table.ts';
import type { Exchange } from './exchange.ts';
import { FieldTable } from './fields.ts';
import { ForeignTokens } from './foreign-tokens.ts';
import { makeGuard } from './guard.ts';
import { makeEngineApi } from './handlers/engine-api.ts';
import { makeHealth, makeMetrics, makeReady } from './handlers/health.ts';
import { makeInference } from './handlers/inference.ts';
import { makeModels } from './handlers/models.ts';
import { makeOllamaLists } from './handlers/ollama-lists.ts';
import { makeRoot } from './handlers/root.ts';
import { HostList, ownNames } from './hosts.ts';
import { HttpFront } from './http/front.ts';
import { makeLine } from './line.ts';
import { Listener } from './listener.ts';
import { LoginThrottle } from './login-throttle.ts';
import { keyBucket, makePolicy } from './policy.ts';
import { makeTakeStream } from './take-share.ts';
import { type ClientAuthority, TlsDoor } from './tls-door.ts';

/** What an HTTPS proxy needs on top. */
export interface GatewayTls {
  readonly source: ContextSource;
  readonly clientAuthority?: ClientAuthority;
}

export interface GatewayNeeds {
  readonly config: ProxyConfig;
  readonly version: string;
  readonly hostname: string;
  readonly clock: Clock;
  readonly snapshots: SnapshotSource;
  readonly temporaryKeys: TemporaryKeys;
  readonly directory: EngineDirectory;
  readonly upstream: Upstream;
  readonly limiter: RateLimiter;
  /** Tokens of the day, over all proxies. */
  readonly ledger: Pick<UsageLedger, 'today'>;
  readonly account: Account;
  readonly metrics: () => Promise<string>;
  /** A start of request ids that no other process shares. */
  readonly idPrefix: string;
  /** Told of a mistake of flm's own, which ended one request. */
  readonly onThrew: (error: unknown) => void;
  /** Absent: plain HTTP. */
  readonly tls?: GatewayTls;
}

export class Gateway {
  readonly #needs: GatewayNeeds;
  readonly #front: HttpFront;
  readonly #admission: FairAdmission;
  readonly #holdings: KeyHoldings;
  readonly #tokens: TokenBudgets;
  readonly #door: TlsDoor | undefined;
  #listener: Listener | undefined;
  readonly #offs: Off[] = [];
  #draining = false;

  constructor(needs: GatewayNeeds) {
    this.#needs = needs;
    const { config, clock } = needs;
    const draining = (): boolean => this.#draining;
    let count = 0;
    this.#admission = new FairAdmission(needs.directory, clock, config.limits);
    const { maxStreams, maxConnections } = config.limits;
    const holdings = new KeyHoldings({
      ...config.limits,
      // Each stream needs a connection: with fewer of those, one key could take them all.
      maxStreams: Math.min(maxStreams, maxConnections),
    });
    const table = new ConnectionTable({
      ...config.limits,
      isExempt: (address) =>
        address.loopback || needs.snapshots.current().policy.trustedProxies.matches(address),
    });
    const tokens = new TokenBudgets(clock, needs.ledger);
    this.#holdings = holdings;
    this.#tokens = tokens;
    const attemptNeeds = {
      upstream: needs.upstream,
      admission: this.#admission,
      holdings,
      tokens,
      clock,
      limits: config.limits,
      heartbeatMs: config.heartbeatMs,
      version: needs.version,
      directory: needs.directory,
    };
    const account = makeAccount(needs.account, clock, tokens);
    const hosts = new HostList(
      ownNames(needs.hostname, [...config.publicHosts, ...config.sans, ...config.domains]),
    );
    const line = makeLine({
      guard: makeGuard({
        hosts,
        maxHeadFields: config.limits.maxHeadFields,
        draining,
      }),
      auth: makeAuth({
        clock,
        throttle: new LoginThrottle(),
        foreign: new ForeignTokens(),
        temporary: needs.temporaryKeys,
        onRefused: (x, throttled) => needs.account.loginRefused(x.client.text, throttled),
      }),
      policy: makePolicy({ clock, limiter: needs.limiter }),
      takeStream: makeTakeStream(holdings),
      handlers: {
        models: makeModels(needs.directory),
        inference: makeInference(attemptNeeds),
        'ollama-lists': makeOllamaLists(attemptNeeds),
        'engine-api': makeEngineApi(attemptNeeds),
        root: makeRoot(needs.directory),
        health: makeHealth(draining),
        ready: makeReady(draining, needs.directory),
        metrics: makeMetrics(needs.metrics),
      },
    });
    const nextId = (): string => `req_${needs.idPrefix}${(count++).toString(36)}`;
    const malformed: Account['malformed'] = (...refused) => needs.account.malformed(...refused);
    this.#front = new HttpFront({
      limits: config.limits,
      fieldTable: new FieldTable(config.forwardHeaders),
      holdings,
      table,
      clock,
      snapshots: needs.snapshots,
      nextId,
      line,
      account,
      // RFC 6797, section 7.2: never over plain HTTP.
      commonFields:
        needs.tls !== undefined && config.hstsSeconds > 0
          ? ['strict-transport-security', `max-age=${config.hstsSeconds}`]
          : [],
      malformed,
      threw: needs.onThrew,
    });
    this.#door =
      needs.tls &&
      new TlsDoor({
        source: needs.tls.source,
        clientAuthority: needs.tls.clientAuthority,
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
      needs.snapshots.onSwap((_old, now) => {
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
        const { keysById } = needs.snapshots.current();
        this.#endKeys((x) => x.key !== undefined && (keysById.get(x.key.id) ?? x.key).expiresAtMs <= nowMs);
      }),
    );
  }

  /** Binds; throws what `Listener.open` throws. */
  async listen(): Promise<{ readonly port: number; readonly addresses: readonly string[] }> {
    const { config } = this.#needs;
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
  keyUse(keyId: string): KeyUse | undefined {
    const { snapshots, limiter, ledger, clock } = this.#needs;
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
            ...limiter.reading(rate, clock.monotonicMs()),
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
    const { clock } = this.#needs;
    const begunMs = clock.monotonicMs();
    this.release();
    this.#door?.close();
    const running = this.#front.inFlight;
    const drained = this.#front.drain();
    let cancel: Off = () => {};
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
