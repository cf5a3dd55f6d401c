/**
 * The parts of one proxy and how they depend on each other: log, snapshots, engines, store, certificates, gateway.
 * Each function makes one part and registers its end in `parts`.
 */
import type { LogLevel } from '../core/errors.ts';
import { connectionsWithin } from '../core/proxy/limits.ts';
import type { InheritedSocket, StartOptions, TakeOver } from '../core/proxy/ports.ts';
import type { ProxyConfig } from '../core/proxy/proxy-config.ts';
import { base62, type SecretTools } from '../core/security/key-secret.ts';
import { LimitsHandOver } from '../core/security/limits-hand-over.ts';
import { parsePolicy, type SecurityPolicy } from '../core/security/security-policy.ts';
import { SnapshotHolder } from '../core/security/snapshot.ts';
import { Gateway } from '../gateway/gateway.ts';
import { LogQuota } from '../observe/log-quota.ts';
import { createLogger, type LogDestination, type Logger } from '../observe/logger.ts';
import { Metrics } from '../observe/metrics.ts';
import { RecentRequests } from '../observe/recent-requests.ts';
import { Refusals } from '../observe/refusals.ts';
import { TailHub } from '../observe/tail.ts';
import { dialLimitsLink } from '../process/limits-link-socket.ts';
import type { ProxyStore } from '../store/store.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { EngineUpstream } from '../upstream/upstream.ts';
import type { FleetLimits } from '../valkey/fleet-limits.ts';
import { AdminThread } from './admin/admin-thread.ts';
import { type Certificates, openCertificates } from './certificates.ts';
import { chatUsage, FanOutRecorder } from './fan-out-recorder.ts';
import { fleetPart, type MakeLimits } from './fleet-limits.ts';
import { HandOverParts } from './hand-over-parts.ts';
import { limitsPart } from './limits-part.ts';
import type { Machine } from './machine.ts';
import { openMachineStore } from './machine-store.ts';
import {
  conversationsPart,
  enginesPart,
  requestsPart,
  revocationsPart,
  temporaryKeysPart,
} from './memory-parts.ts';
import { ownPages, withPageHeaders } from './own-files.ts';
import { makeProxyEngines, type ProxyEngines } from './proxy-engines.ts';
import { makeShareRedeemer } from './share-redeemer.ts';
import { TemporaryKeyRing } from './temporary-keys.ts';

export interface ProxyLog {
  readonly destination: LogDestination;
  readonly level: LogLevel;
  /** Where the log of a supervised process goes, and that of its successor: stdout or stderr. Absent: stderr. */
  readonly descriptor?: 1 | 2;
}

/** The values that the steps of one start share. */
export interface Start {
  readonly id: string;
  readonly machine: Machine;
  readonly log: ProxyLog;
  readonly options: StartOptions;
  /** Present if this process replaces another proxy. */
  readonly takeOver: TakeOver | undefined;
  /** The configuration from the options, with its limits lowered to what the process can support. */
  readonly config: ProxyConfig;
  /** Closed in reverse order when the proxy ends. */
  readonly parts: AsyncDisposableStack;
  /** The parts whose state passes to a successor. */
  readonly handOverParts: HandOverParts;
  readonly logger: Logger;
  readonly quota: LogQuota;
  readonly snapshots: SnapshotHolder;
  readonly temporaryKeys: TemporaryKeyRing;
  readonly upstream: EngineUpstream;
  readonly onError: (error: unknown) => void;
  /** Serves the admin API, to the control socket always. */
  readonly admin: AdminThread;
  /** The saved policy, with the overrides of the configuration. */
  readonly policyOf: (saved: SecurityPolicy) => SecurityPolicy;
  /** Listening sockets that are already open: from the predecessor, or passed by systemd. */
  sockets: readonly InheritedSocket[];
  /** The port of the listener; 0 before it is bound. */
  port: number;
  /** The current problem of the store, if any. */
  storeProblem: string | undefined;
}

export function prepare(
  machine: Machine,
  log: ProxyLog,
  options: StartOptions,
  parts: AsyncDisposableStack,
  takeOver: TakeOver | undefined,
): Start {
  const { clock, secrets } = machine;
  const { limits, policy } = options.config;
  const maxConnections = connectionsWithin(limits, machine.descriptorLimit());
  const logger = createLogger(log);
  const quota = new LogQuota(logger, clock);
  parts.defer(() => quota.close());
  const policyOf = (saved: SecurityPolicy): SecurityPolicy =>
    policy === undefined ? saved : parsePolicy({ ...saved, ...policy });
  const snapshots = new SnapshotHolder(policyOf(parsePolicy({})));
  const onError = (error: unknown): void =>
    logger.event('error', 'internal error', { error: stackOf(error) });
  const upstream = new EngineUpstream({
    clock,
    poolIdleMs: limits.enginePoolIdleMs,
    onHandlerError: onError,
  });
  parts.defer(() => upstream.close());
  const admin = new AdminThread({
    start: { environment: machine.environment, entry: process.argv[1] ?? '' },
    clock,
    onProblem: (error) => logger.event('error', 'internal error', { error }),
  });
  parts.defer(() => admin.close());
  return {
    id: takeOver?.id ?? newProxyId(secrets),
    machine,
    log,
    options,
    takeOver,
    config: { ...options.config, limits: { ...limits, maxConnections } },
    parts,
    handOverParts: new HandOverParts(),
    logger,
    quota,
    snapshots,
    temporaryKeys: new TemporaryKeyRing(secrets, clock),
    upstream,
    onError,
    admin,
    policyOf,
    sockets: [],
    port: 0,
    storeProblem: undefined,
  };
}

export function newProxyId(secrets: SecretTools): string {
  return `px_${base62(secrets.randomBytes(6), 8)}`;
}

export function newNonce(secrets: SecretTools): string {
  return base62(secrets.randomBytes(16), 22);
}

export function makeEngines(start: Start): ProxyEngines {
  const engines = makeProxyEngines(start.options, start.machine, start.upstream, () => start.port);
  start.parts.defer(() => engines.service.stop());
  return engines;
}

/** Opens no file and connects to nothing. */
export async function makeStore({ machine, parts }: Start): Promise<ProxyStore> {
  const store = await openMachineStore(machine);
  parts.defer(() => store.close());
  return store;
}

/** Resolves when the first state of the store has taken effect. Migrates the files if needed. */
export async function readStore(start: Start, store: ProxyStore, engines: ProxyEngines): Promise<void> {
  const { logger, snapshots, policyOf } = start;
  await store.start({
    changed(change) {
      if (change.keys !== undefined || change.policy !== undefined) {
        snapshots.apply({
          ...(change.keys === undefined ? {} : { keys: change.keys }),
          ...(change.policy === undefined ? {} : { policy: policyOf(change.policy) }),
        });
      }
      if (change.engines !== undefined) engines.setSaved(change.engines);
      if (change.aliases !== undefined) engines.service.configure({ aliases: change.aliases });
    },
    problem(text) {
      start.storeProblem = text;
      if (text === undefined) logger.event('info', 'the store can be used again');
      else logger.event('error', text);
    },
    expired(isExpired) {
      snapshots.setExpired(isExpired);
      if (isExpired) logger.event('error', 'keys are refused: the database could not be read for too long');
      else logger.event('info', 'keys are accepted again: the database can be read');
    },
  });
}

/** Undefined for plain HTTP. */
export async function openProxyCertificates(
  start: Start,
  { sharedFiles }: ProxyStore,
  signal: AbortSignal,
): Promise<Certificates | undefined> {
  const { machine, logger, quota, snapshots } = start;
  const keyId = (secret: string): string | undefined =>
    snapshots.current().keys.withDigest(machine.secrets.sha256Hex(secret))?.id;
  const { takeOver, handOverParts } = start;
  const sockets = start.sockets.filter(({ use }) => use === 'plain');
  const surroundings = {
    sockets,
    machine,
    logger,
    quota,
    port: () => start.port,
    keyId,
    takeOver,
    handOverParts,
    sharedFiles,
  };
  const certificates = await openCertificates(start.options, surroundings, signal);
  if (certificates !== undefined) start.parts.defer(() => certificates.keeper.close());
  return certificates;
}

/** The parts that requests pass through, and those that record requests. */
export interface Serving {
  readonly gateway: Gateway;
  readonly limits: LimitsHandOver;
  /** Present where one server counts limits for all nodes. */
  readonly fleet: FleetLimits | undefined;
  /** Present where the profile names a server for it. */
  readonly telemetry: Telemetry | undefined;
  readonly metrics: Metrics;
  readonly tail: TailHub;
  readonly refusals: Refusals;
  readonly recent: RecentRequests;
}

export function makeGateway(
  start: Start,
  {
    engines,
    store,
    certificates,
    makeLimits,
    telemetry,
  }: {
    readonly engines: ProxyEngines;
    readonly store: ProxyStore;
    readonly certificates: Certificates | undefined;
    readonly makeLimits: MakeLimits;
    readonly telemetry: Telemetry | undefined;
  },
): Serving {
  const { id, machine, config, log, logger, quota, snapshots, temporaryKeys, upstream, onError } = start;
  const { clock } = machine;
  const tail = new TailHub();
  const refusals = new Refusals();
  const recent = new RecentRequests();
  const metrics = new Metrics(
    () => ({
      inFlight: gateway.inFlight,
      connections: gateway.connections,
      bufferedBytes: gateway.bufferedBytes,
      keys: snapshots.current().keys.size,
      storeReadable: start.storeProblem === undefined,
      store: store.reading,
      unwrittenRevocations: store.unwrittenRevocations.size,
      engines: engines.service.engines(),
      queues: gateway.queues(),
      certificate: certificates?.keeper.facts(),
      logLinesLost: log.destination.lostLines ?? 0,
      limiter: fleet?.reading,
      telemetry: telemetry?.reading(),
    }),
    config.keyMetrics,
  );
  const { local: limits, fleet } = makeLimits({
    limits: config.limits,
    clock,
    directory: engines.service,
    store,
    snapshots,
    logger,
  });
  if (fleet !== undefined) start.parts.defer(() => fleet.close());
  const handOver = new LimitsHandOver({
    local: limits,
    shared: fleet,
    clock,
    directory: engines.service,
    dial: dialLimitsLink,
    newId: () => base62(machine.secrets.randomBytes(16), 22),
    used: (tokens) => store.countUsed(tokens),
  });
  start.parts.defer(() => handOver.close());
  const recorder = new FanOutRecorder({
    logger,
    quota,
    metrics,
    tail,
    refusals,
    recent,
    ledger: store,
    clock,
    onError,
    chargedTo(keyId) {
      const familyId = snapshots.current().keys.withId(keyId)?.familyId;
      if (familyId !== undefined) return { keyId, familyId };
      return temporaryKeys.has(keyId) ? chatUsage : undefined;
    },
    actor: `proxy:${id}`,
  });
  const gateway = new Gateway({
    config,
    version: machine.version,
    hostname: machine.hostname,
    clock,
    snapshots,
    temporaryKeys,
    directory: engines.service,
    upstream,
    limits,
    ports: handOver.ports,
    remoteLimits: fleet !== undefined,
    ledger: store,
    recorder,
    pages: ownPages(config.admin),
    shares: makeShareRedeemer({
      store,
      secrets: machine.secrets,
      clock,
      proxyId: id,
      localAuthority: config.mode === 'dev-selfsigned',
      onProblem: (problem) => logger.event('warn', 'a share could not be redeemed', { problem }),
    }),
    ...(config.admin ? { admin: withPageHeaders(start.admin) } : {}),
    tracing: telemetry,
    metrics: () => metrics.text(),
    onError,
    idPrefix: base62(machine.secrets.randomBytes(6), 7),
    ...(certificates === undefined ? {} : { tls: certificates.tls }),
  });
  start.parts.defer(async () => {
    await gateway.stop(0);
    recorder.flush();
  });
  for (const part of [
    temporaryKeysPart(temporaryKeys),
    revocationsPart(snapshots, store),
    requestsPart(metrics),
    enginesPart(engines.service),
    conversationsPart(engines.service.homes),
    // Added last, because requests wait after this part has exported its state.
    limitsPart({ limits: handOver, store, clock, machineMs }),
    ...(fleet === undefined ? [] : [fleetPart(fleet)]),
  ])
    start.handOverParts.add(part);
  return { gateway, telemetry, metrics, tail, refusals, recent, limits: handOver, fleet };
}

/** All processes of one machine share this clock, independent of their start times. */
function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
