/**
 * Shows a proxy as text and as JSON. The model is made from the status of the living process.
 */
import { type EngineDocument, engineDocument } from '../../core/engine/engine-document.ts';
import type { RankReading } from '../../core/engine/engine-rank.ts';
import { queuedFor } from '../../core/engine/seen-engines.ts';
import type { CertificateFacts } from '../../core/proxy/certificate-provider.ts';
import type { ProxyStatus } from '../../core/proxy/proxy-handle.ts';
import type { ProxyView } from '../../core/proxy/proxy-service.ts';
import { duration, facts, moment, printable } from '../terminal/layout.ts';
import type { Terminal } from '../terminal/terminal.ts';

/** The `--json` output for a proxy; documented in docs/cli.md. */
export interface ProxyDocument {
  readonly id: string;
  readonly pid: number;
  readonly port: number;
  readonly mode: string;
  /** Without `/v1`. */
  readonly url: string;
  /** The base URL of OpenAI clients. */
  readonly baseUrl: string;
  readonly profile: string;
  readonly addresses: readonly string[];
  readonly state: ProxyView['state'];
  /** ISO 8601. */
  readonly startedAt: string;
  readonly uptimeSeconds?: number;
  readonly version?: string;
  /** Who can reach it. */
  readonly reach?: string;
  /** Base URLs for others on the network, without `/v1`. */
  readonly networkUrls?: readonly string[];
  readonly certificate?: CertificateDocument;
  readonly inFlight?: number;
  /** Requests that wait for a slot of an engine. */
  readonly queued?: number;
  readonly connections?: number;
  readonly requestsTotal?: number;
  readonly keys?: number;
  readonly models?: number;
  readonly engines?: readonly EngineDocument[];
  readonly warnings?: readonly string[];
  /** The program that watches its process, such as systemd. */
  readonly supervisor?: string;
  /** The id of the proxy that took its place. */
  readonly successor?: string;
}

export interface CertificateDocument {
  readonly names: readonly string[];
  /** Addresses of the machine that are not in the certificate. */
  readonly leftOut: readonly string[];
  /** ISO 8601. */
  readonly expiresAt: string;
  readonly expired: boolean;
  /** SHA-256. */
  readonly fingerprint: string;
  /** The CA's certificate, which clients must trust. */
  readonly authorityFile?: string;
  /** ISO 8601; when the next certificate is requested from the ACME server. */
  readonly renewsAt?: string;
  /** Renewals that failed since the start. */
  readonly renewalFailures?: number;
}

export function proxyDocument(view: ProxyView, url: string): ProxyDocument {
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
  if (view.state === 'not-answering') return common;
  const { status } = view;
  const {
    uptimeSeconds,
    version,
    reach,
    inFlight,
    queued,
    connections,
    requestsTotal,
    keys,
    models,
    warnings,
  } = status;
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
    ...(status.certificate === undefined
      ? {}
      : { certificate: certificateDocument(status.certificate, hasExpired(status)) }),
    warnings,
    ...(status.supervisor === undefined ? {} : { supervisor: status.supervisor }),
    ...(status.successor === undefined ? {} : { successor: status.successor }),
  };
}

function certificateDocument(facts: CertificateFacts, expired: boolean): CertificateDocument {
  const { names, leftOut, expiresAtMs, fingerprint, authorityFile, renewsAtMs, renewalFailures } = facts;
  return {
    names,
    leftOut,
    expiresAt: new Date(expiresAtMs).toISOString(),
    expired,
    fingerprint,
    ...(authorityFile === undefined ? {} : { authorityFile }),
    ...(renewsAtMs === undefined ? {} : { renewsAt: new Date(renewsAtMs).toISOString() }),
    ...(renewalFailures === undefined ? {} : { renewalFailures }),
  };
}

/** By the clock of the proxy, at the time of its status. */
function hasExpired({ handle, uptimeSeconds, certificate }: ProxyStatus): boolean {
  const nowMs = handle.startedAtMs + uptimeSeconds * 1000;
  return certificate !== undefined && certificate.expiresAtMs <= nowMs;
}

/** A proxy in a few lines. */
export function proxyText(proxy: ProxyDocument, terminal: Terminal): string {
  const { paint } = terminal;
  const state = {
    starting: paint('yellow', 'starting'),
    running: paint('green', 'running'),
    draining: paint('yellow', 'draining'),
    'not-answering': paint('red', 'does not answer'),
  }[proxy.state];
  const lines = facts([
    [
      paint('bold', proxy.id),
      `${state}${proxy.successor === undefined ? '' : `, replaced by ${proxy.successor}`}, profile ${proxy.profile}, pid ${proxy.pid}${uptime(proxy)}`,
    ],
    ['  endpoint', paint('cyan', proxy.baseUrl)],
    ['  network', proxy.networkUrls?.map((url) => paint('cyan', `${url}/v1`)).join('\n') || undefined],
    ['  reach', proxy.reach],
    ['  certificate', certificateText(proxy.certificate)],
    ['  keys', proxy.keys === undefined ? undefined : String(proxy.keys)],
    ['  requests', requests(proxy)],
    ['  engines', proxy.engines?.map((e) => engineLine(e, terminal)).join('\n') || undefined],
  ]);
  const fix =
    proxy.state === 'not-answering'
      ? [`  ${paint('red', '!')} It may hang; look at its log: flm proxy logs ${proxy.profile}`]
      : [];
  const warnings = (proxy.warnings ?? []).map((w) => `  ${paint('yellow', '!')} ${printable(w)}`);
  return [lines, ...fix, ...warnings].join('\n');
}

/** Undefined for plain HTTP. */
export function certificateText(certificate: CertificateDocument | undefined): string | undefined {
  if (certificate === undefined) return undefined;
  const { names, leftOut, expiresAt, authorityFile, renewsAt } = certificate;
  const renewal = renewsAt === undefined ? '' : `, renewed from ${moment(Date.parse(renewsAt))}`;
  const until = `${certificate.expired ? 'EXPIRED at' : 'until'} ${moment(Date.parse(expiresAt))}`;
  const lines = [`for ${names.join(', ')}; ${until}${renewal}`];
  if (leftOut.length > 0)
    lines.push(`not for ${leftOut.join(', ')}: the local CA may certify only private addresses`);
  if (authorityFile !== undefined)
    lines.push(`clients must trust its CA, ${authorityFile}: flm cert trust, flm cert trust --device`);
  return lines.join('\n');
}

export function engineLine(engine: EngineDocument, terminal: Terminal): string {
  const { paint } = terminal;
  const colour = { running: 'green', degraded: 'yellow' } as const;
  const state = paint(colour[engine.state as keyof typeof colour] ?? 'red', engine.state);
  const models = engine.models.length === 1 ? '1 model' : `${engine.models.length} models`;
  const version = engine.version === undefined ? '' : ` ${printable(engine.version)}`;
  const slots = engine.slots === undefined ? '' : `  ${slotsText(engine)}`;
  const line = `${engine.id}  ${state}  ${engine.kind}${version}  ${engine.url}  ${models}${slots}`;
  return engine.rank === undefined ? line : `${line}\n  ${paint('yellow', rankText(engine.rank))}`;
}

/** Why an engine does not rank like the others. */
export function rankText({ state, reason, keys, keyCount }: RankReading): string {
  switch (state) {
    case 'last':
      return `ranks last: ${printable(reason)}`;
    case 'returning':
      return `gets one request at a time after it ranked last: ${printable(reason)}`;
    case 'last-for-keys': {
      const more = keyCount > keys.length ? ` and ${keyCount - keys.length} more` : '';
      return `ranks last for ${printable(keys.join(', '))}${more}: ${printable(reason)}`;
    }
    default:
      return state satisfies never;
  }
}

/** `1 of 2 slots taken, 3 wait` */
function slotsText({ inFlight, slots, queued = 0 }: EngineDocument): string {
  return `${inFlight} of ${slots} slots taken${queued === 0 ? '' : `, ${queued} ${queued === 1 ? 'waits' : 'wait'}`}`;
}

function uptime(proxy: ProxyDocument): string {
  return proxy.uptimeSeconds === undefined ? '' : `, up ${duration(proxy.uptimeSeconds)}`;
}

function requests(proxy: ProxyDocument): string | undefined {
  if (proxy.requestsTotal === undefined) return undefined;
  const { requestsTotal, inFlight = 0, queued = 0 } = proxy;
  return `${requestsTotal} so far, ${inFlight} now${queued === 0 ? '' : `, of which ${queued} wait for an engine`}`;
}
