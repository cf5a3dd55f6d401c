/**
 * A proxy as the command line (`--json`) and the admin API show it, made from the status of the living process.
 */
import { z } from 'zod';
import { engineDocument, engineDocumentSchema } from '../engine/engine-document.ts';
import { queuedFor } from '../engine/seen-engines.ts';
import { isLoopbackHost } from '../loopback.ts';
import type { LimiterReading } from '../security/limiter-reading.ts';
import type { CertificateFacts } from './certificate-provider.ts';
import { type ProxyHandle, type ProxyStatus, proxyUrl } from './proxy-handle.ts';
import type { ProxyView } from './proxy-service.ts';
import type { StoreReading } from './store-reading.ts';
import { warningSchema } from './warning.ts';
import { warningsOfView } from './warnings.ts';

const time = z.iso.datetime();
const count = z.int().min(0);
const names = z.array(z.string()).readonly();

export const proxyCertificateSchema = z
  .strictObject({
    names,
    leftOut: names.describe('Addresses of the machine that are not in the certificate.'),
    expiresAt: time,
    expired: z.boolean(),
    fingerprint: z.string().describe('SHA-256.'),
    authorityFile: z
      .string()
      .optional()
      .describe("The CA's certificate on the machine of flm, which clients must trust."),
    renewsAt: time.optional().describe('When the next certificate is requested from the ACME server.'),
    renewsBecause: z
      .enum(['age', 'ca-window'])
      .optional()
      .describe('`age`: two thirds of the lifetime; `ca-window`: the ACME server suggests the time.'),
    renewalExplanationUrl: z
      .string()
      .optional()
      .describe('A page of the ACME server that says why it suggests that time.'),
    renewalFailures: count.optional().describe('Renewals that failed since the start.'),
  })
  .meta({ id: 'ProxyCertificate' });
export type CertificateDocument = Readonly<z.input<typeof proxyCertificateSchema>>;

const limiterSchema = z
  .strictObject({
    state: z
      .enum(['shared', 'away', 'returning'])
      .describe('`shared`: one server counts for all nodes. Otherwise this node decides alone.'),
    nodes: z.int().min(1).describe('The most nodes of the last ten minutes that share limits.'),
    outage: z.enum(['local', 'refuse']).describe('What happens while the server is away.'),
    problem: z.string().optional().describe('Why the server does not count.'),
    decidedShared: count.describe('Questions about limits that the server answered since the start.'),
    decidedAlone: count.describe('Questions about limits that this node decided alone.'),
    outages: count.describe('How often the server went away since the start.'),
  })
  .meta({ id: 'Limiter' });

const telemetrySchema = z
  .strictObject({
    endpoint: z.string().describe('The server that gets traces and metrics.'),
    traces: z.boolean(),
    metrics: z.boolean(),
    problem: z.string().optional().describe('Why nothing could be sent; absent while it works.'),
    spansSent: count.describe('Spans that the server accepted since the start.'),
    requestsDropped: count.describe('Requests whose spans were given up since the start.'),
  })
  .meta({ id: 'Telemetry' });

const storeSchema = z
  .strictObject({
    database: z.string().describe('The database that machines share, without its password.'),
    readAt: time.nullable().describe('When keys and policy were last read.'),
    ageSeconds: z.number(),
    maxAgeSeconds: z.number().nullable().describe('The age at which stored keys are refused.'),
    expired: z.boolean().describe('Stored keys are refused now.'),
    usageWaitsSince: time.nullable().describe('Since when counted usage waits for the database.'),
  })
  .meta({ id: 'Store' });

export const proxyDocumentSchema = z
  .strictObject({
    id: z.string(),
    pid: z.int(),
    port: z.int(),
    mode: z.string(),
    url: z.string().describe('Without `/v1`.'),
    baseUrl: z.string().describe('The base URL of OpenAI clients.'),
    profile: z.string(),
    addresses: names,
    state: z.enum(['starting', 'running', 'draining', 'not-answering']),
    startedAt: time,
    uptimeSeconds: z.number().optional(),
    version: z.string().optional(),
    reach: z.string().optional().describe('Who can reach it.'),
    dashboardUrl: z.string().optional().describe('The dashboard, where `--admin` serves it.'),
    networkUrls: names.optional().describe('Base URLs for others on the network, without `/v1`.'),
    certificate: proxyCertificateSchema.optional(),
    limiter: limiterSchema.optional().describe('Present where a server counts limits for all nodes.'),
    telemetry: telemetrySchema
      .optional()
      .describe('Present where traces or metrics are sent to another server.'),
    store: storeSchema.optional().describe('Present where machines share a database.'),
    inFlight: count.optional(),
    queued: count.optional().describe('Requests that wait for a slot of an engine.'),
    connections: count.optional(),
    requestsTotal: count.optional(),
    keys: count.optional().describe('Keys that can be used now.'),
    models: count.optional(),
    engines: z.array(engineDocumentSchema).readonly().optional(),
    warnings: names.optional().describe('Sentences; `warningDetails` has their codes and commands.'),
    warningDetails: z.array(warningSchema).readonly().optional(),
    supervisor: z.string().optional().describe('The program that watches its process, such as systemd.'),
    successor: z.string().optional().describe('The id of the proxy that took its place.'),
  })
  .meta({ id: 'Proxy' });
export type ProxyDocument = Readonly<z.input<typeof proxyDocumentSchema>>;

/** A proxy that ended without a stop: it was killed, it failed, or the machine went down. */
export const crashDocumentSchema = z
  .strictObject({
    id: z.string(),
    pid: z.int(),
    port: z.int(),
    profile: z.string(),
    startedAt: time,
    lastSeenAt: time
      .nullable()
      .describe('The time of the last write to its log; null if its log is not a file of flm.'),
    log: z.string().nullable().describe('The log file; null if its log went to its standard error.'),
  })
  .meta({ id: 'CrashedProxy' });
export type CrashDocument = Readonly<z.input<typeof crashDocumentSchema>>;

/** `logWrittenAtMs`: the time of the last write to the log of its profile. An older file belongs to another run. */
export function crashDocument(
  { id, pid, port, profile, startedAtMs }: ProxyHandle,
  log: string,
  logWrittenAtMs: number | undefined,
): CrashDocument {
  const own = logWrittenAtMs !== undefined && logWrittenAtMs >= startedAtMs;
  return {
    id,
    pid,
    port,
    profile,
    startedAt: new Date(startedAtMs).toISOString(),
    lastSeenAt: own ? new Date(logWrittenAtMs).toISOString() : null,
    log: own ? log : null,
  };
}

export function proxyDocument(view: ProxyView, url = urlOf(view)): ProxyDocument {
  const { id, pid, port, mode, profile, addresses, startedAtMs } = view.handle;
  const common = {
    id,
    pid,
    port,
    mode,
    url,
    baseUrl: `${url}/v1`,
    profile,
    addresses,
    state: view.state,
    startedAt: new Date(startedAtMs).toISOString(),
  };
  const warningDetails = warningsOfView(view);
  const warned = { warnings: warningDetails.map(({ message }) => message), warningDetails };
  if (view.state === 'not-answering') return { ...common, ...warned };
  const { status } = view;
  const { uptimeSeconds, version, reach, inFlight, queued, connections, requestsTotal, keys, models } =
    status;
  return {
    ...common,
    uptimeSeconds,
    version,
    reach,
    inFlight,
    queued,
    connections,
    requestsTotal,
    keys,
    models,
    engines: status.engines.map((e) => engineDocument(e, queuedFor(e.ref.id, status.queues))),
    networkUrls: status.networkUrls,
    ...(servesDashboard(status, url) ? { dashboardUrl: `${url}/flm/` } : {}),
    ...(status.certificate === undefined
      ? {}
      : { certificate: certificateDocument(status.certificate, hasExpired(status)) }),
    ...(status.limiter === undefined ? {} : { limiter: limiterDocument(status.limiter) }),
    ...(status.telemetry === undefined ? {} : { telemetry: status.telemetry }),
    ...(status.store === undefined ? {} : { store: storeDocument(status.store) }),
    ...warned,
    ...(status.supervisor === undefined ? {} : { supervisor: status.supervisor }),
    ...(status.successor === undefined ? {} : { successor: status.successor }),
  };
}

function storeDocument(reading: StoreReading): z.input<typeof storeSchema> {
  const { database, readAtMs, ageMs, maxAgeMs, isExpired, usageWaitsSinceMs } = reading;
  const timeOf = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
  return {
    database,
    readAt: timeOf(readAtMs),
    ageSeconds: Math.round(ageMs) / 1000,
    maxAgeSeconds: maxAgeMs === null ? null : maxAgeMs / 1000,
    expired: isExpired,
    usageWaitsSince: timeOf(usageWaitsSinceMs),
  };
}

function limiterDocument({ problem, ...reading }: LimiterReading): z.input<typeof limiterSchema> {
  return { ...reading, ...(problem === undefined ? {} : { problem }) };
}

/** Plain HTTP serves the dashboard on loopback only. */
function servesDashboard({ config, handle }: ProxyStatus, url: string): boolean {
  if (!config.admin) return false;
  const { hostname } = new URL(url);
  return handle.mode !== 'local-http' || isLoopbackHost(hostname);
}

function urlOf(view: ProxyView): string {
  return 'status' in view ? view.status.url : proxyUrl(view.handle);
}

function certificateDocument(facts: CertificateFacts, expired: boolean): CertificateDocument {
  const {
    names: listed,
    leftOut,
    expiresAtMs,
    fingerprint,
    authorityFile,
    renewsAtMs,
    renewsBecause,
    renewalExplanationUrl,
    renewalFailures,
  } = facts;
  return {
    names: listed,
    leftOut,
    expiresAt: new Date(expiresAtMs).toISOString(),
    expired,
    fingerprint,
    ...(authorityFile === undefined ? {} : { authorityFile }),
    ...(renewsAtMs === undefined ? {} : { renewsAt: new Date(renewsAtMs).toISOString() }),
    ...(renewsBecause === undefined ? {} : { renewsBecause }),
    ...(renewalExplanationUrl === undefined ? {} : { renewalExplanationUrl }),
    ...(renewalFailures === undefined ? {} : { renewalFailures }),
  };
}

/** By the clock of the proxy, at the time of its status. */
function hasExpired({ handle, uptimeSeconds, certificate }: ProxyStatus): boolean {
  const nowMs = handle.startedAtMs + uptimeSeconds * 1000;
  return certificate !== undefined && certificate.expiresAtMs <= nowMs;
}
