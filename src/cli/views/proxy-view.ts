/**
 * The model of a proxy and its engines, which is also their JSON. It is made from the status of the living process.
 */
import { type EngineDocument, engineDocument } from '../../core/engine/engine-document.ts';
import { queuedFor } from '../../core/engine/seen-engines.ts';
import type { CertificateFacts } from '../../core/proxy/certificate-provider.ts';
import type { ProxyStatus } from '../../core/proxy/proxy-handle.ts';
import type { ProxyView } from '../../core/proxy/proxy-service.ts';

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
