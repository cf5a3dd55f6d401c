/** Makes the status of a running proxy, with its warnings, from the parts of the proxy. */
import type { StartOptions } from '../core/proxy/ports.ts';
import { clientUrl, networkUrls, type ProxyHandle, type ProxyStatus } from '../core/proxy/proxy-handle.ts';
import { reachOf } from '../core/proxy/reach.ts';
import { warningsOfProxy } from '../core/proxy/warnings.ts';
import type { SnapshotHolder } from '../core/security/snapshot.ts';
import type { Gateway } from '../gateway/gateway.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { ProxyStore } from '../store/store.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { FleetLimits } from '../valkey/fleet-limits.ts';
import { scheduleProblem } from './backup/scheduled-create.ts';
import type { Replaceable } from './hand-over.ts';
import type { Machine } from './machine.ts';
import type { ProxyEngines } from './proxy-engines.ts';
import type { RenewingCertificate } from './renewing-certificate.ts';

export interface StatusSources {
  readonly options: StartOptions;
  readonly machine: Machine;
  readonly gateway: Gateway;
  readonly engines: ProxyEngines;
  readonly snapshots: SnapshotHolder;
  readonly store: ProxyStore;
  readonly storeProblem: () => string | undefined;
  readonly metrics: Metrics;
  /** Present where one server counts limits for all nodes. */
  readonly fleet: FleetLimits | undefined;
  /** Present where the profile names a server for it. */
  readonly telemetry: Telemetry | undefined;
  /** Present with HTTPS. */
  readonly certificates: RenewingCertificate | undefined;
  readonly replaceable: Replaceable;
}

/** `successor`: the id of the proxy that serves in place of this one. */
export function statusOf(
  sources: StatusSources,
  handle: ProxyHandle,
  successor: string | undefined,
): ProxyStatus {
  const { options, machine, gateway, snapshots, metrics, replaceable, certificates } = sources;
  const supervisor = replaceable.supervisor?.name;
  const nowMs = machine.clock.nowMs();
  const engines = sources.engines.service.engines();
  const certificate = certificates?.facts();
  const store = sources.store.reading;
  const limiter = sources.fleet?.reading;
  const telemetry = sources.telemetry?.reading();
  const url = clientUrl(handle, options.config.domains);
  const keys = snapshots.current().keys.usableAt(nowMs);
  const warningDetails = warningsOfProxy({
    handle,
    nowMs,
    certificate: certificates === undefined ? undefined : (certificate ?? 'none yet'),
    keys,
    engines,
    unusableEngines: sources.engines.problems(),
    unwrittenRevocations: sources.store.unwrittenRevocations,
    storeProblem: sources.storeProblem(),
    store,
    limiter,
    telemetry,
    backupProblem: scheduleProblem(machine.paths.home, nowMs),
  });
  return {
    handle,
    url,
    version: machine.version,
    config: options.config,
    overrides: options.overrides,
    ...(options.environment === undefined ? {} : { environment: options.environment }),
    ...(supervisor === undefined ? {} : { supervisor }),
    ...(successor === undefined ? {} : { successor }),
    uptimeSeconds: Math.max(0, Math.round((nowMs - handle.startedAtMs) / 1000)),
    inFlight: gateway.inFlight,
    queued: gateway.queued,
    connections: gateway.connections,
    requestsTotal: metrics.total,
    keys,
    engines,
    queues: gateway.queues(),
    models: new Set(engines.flatMap((e) => e.models.map((m) => m.id))).size,
    reach: reachOf(handle.addresses, machine.addresses()),
    networkUrls: networkUrls(handle, certificate?.names ?? []).filter((other) => other !== url),
    ...(certificate === undefined ? {} : { certificate }),
    ...(store.maxAgeMs === null ? {} : { store }),
    ...(limiter === undefined ? {} : { limiter }),
    ...(telemetry === undefined ? {} : { telemetry }),
    warnings: warningDetails.map(({ message }) => message),
    warningDetails,
  };
}
