/**
 * One running proxy as other processes know it. Written by the process that owns the listener, never by its launcher.
 * The living process behind `controlPath` is authoritative.
 */
import ipaddr from 'ipaddr.js';
import type { EngineStatus } from '../engine/directory.ts';
import { isLoopbackAddress } from '../loopback.ts';
import type { TelemetryReading } from '../otlp/telemetry-reading.ts';
import type { QueueReading } from '../security/fair-admission.ts';
import type { LimiterReading } from '../security/limiter-reading.ts';
import type { CertificateFacts } from './certificate-provider.ts';
import type { ProxyConfig, ProxyConfigInput, ProxyMode } from './proxy-config.ts';
import type { StoreReading } from './store-reading.ts';
import type { Warning } from './warning.ts';

export interface ProxyHandle {
  /** `px_` + 8 base62 characters. */
  readonly id: string;
  readonly pid: number;
  /** The port that was bound; the actual port if 0 was configured. */
  readonly port: number;
  readonly mode: ProxyMode;
  /** The addresses that were bound, as IP literals. */
  readonly addresses: readonly string[];
  readonly startedAtMs: number;
  /** Name of the profile that it was started from. */
  readonly profile: string;
  /** Random. A process that does not send it on the control socket is another process. */
  readonly nonce: string;
  /**
   * Start time of the process from the system, which shows if its pid now belongs to another process; '' if unknown.
   */
  readonly processStart: string;
  readonly controlPath: string;
  /** The proxy finishes running requests and accepts no new ones. */
  readonly draining: boolean;
  /**
   * Its port is bound but it does not serve yet, for example while it waits for its first certificate. Absent once it
   * serves.
   */
  readonly starting?: true;
}

/** True if an ended proxy had served and was not stopped: it was killed or crashed. */
export function endedWithoutStop(handle: ProxyHandle): boolean {
  return !handle.draining && handle.starting !== true;
}

type Place = Pick<ProxyHandle, 'mode' | 'port' | 'addresses'>;

/**
 * A base URL that works from this machine, without `/v1`: never a wildcard address. With HTTPS it uses the name
 * localhost if that leads to the proxy, because not every client can check an address against the constraints of the
 * local CA.
 */
export function proxyUrl(place: Place): string {
  const first = place.addresses[0] ?? '127.0.0.1';
  const local = isWildcard(first) || first === '127.0.0.1' || first === '::1';
  if (place.mode !== 'local-http' && local) return urlOf(place, 'localhost');
  return urlOf(place, first === '0.0.0.0' ? '127.0.0.1' : first === '::' ? '::1' : first);
}

/** The base URL for clients. Uses a domain of the certificate if there is one. */
export function clientUrl(place: Place, domains: readonly string[]): string {
  const domain = domains.find((name) => !name.startsWith('*.'));
  return domain === undefined ? proxyUrl(place) : urlOf(place, domain);
}

/**
 * Further base URLs for other machines on the network: those `names` of its certificate that lead to an address that it
 * listens on. Loopback names and addresses are left out.
 */
export function networkUrls(place: Place, names: readonly string[]): readonly string[] {
  const { addresses } = place;
  const listens = (address: string): boolean =>
    addresses.includes(address) || addresses.includes(address.includes(':') ? '::' : '0.0.0.0');
  if (!addresses.some((a) => isWildcard(a) || !isLoopbackAddress(a))) return [];
  return names
    .filter((name) =>
      ipaddr.isValid(name)
        ? listens(name) && !isLoopbackAddress(name)
        : name !== 'localhost' &&
          !name.startsWith('*.') &&
          name !== 'host.docker.internal' &&
          name.includes('.'),
    )
    .map((name) => urlOf(place, name));
}

function urlOf({ mode, port }: Place, host: string): string {
  const scheme = mode === 'local-http' ? 'http' : 'https';
  const ending = scheme === 'https' && port === 443 ? '' : `:${port}`;
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}${ending}`;
}

function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

/** The status of a running proxy; every view shows this model. */
export interface ProxyStatus {
  readonly handle: ProxyHandle;
  readonly url: string;
  readonly version: string;
  readonly config: ProxyConfig;
  /** Settings that overrode the profile at the start; a restart uses them again. */
  readonly overrides: ProxyConfigInput;
  /** Settings that its environment has set; absent: none. */
  readonly environment?: ProxyConfigInput;
  /** The program that watches its process, such as "systemd"; absent where there is none. */
  readonly supervisor?: string;
  /** The id of the proxy that took its place; it drains. */
  readonly successor?: string;
  readonly uptimeSeconds: number;
  /** Requests in progress now, including those that wait. */
  readonly inFlight: number;
  /** Requests that wait for a slot of an engine. */
  readonly queued: number;
  readonly connections: number;
  readonly requestsTotal: number;
  readonly keys: number;
  readonly engines: readonly EngineStatus[];
  /** Running and waiting requests per engine. */
  readonly queues: readonly QueueReading[];
  readonly models: number;
  /** Who can reach the proxy: "this machine", "this network", "the internet". */
  readonly reach: string;
  /** Present with HTTPS. */
  readonly certificate?: CertificateFacts;
  /** Base URLs for others on the network, without `/v1`. */
  readonly networkUrls: readonly string[];
  /** Present where one server counts limits for all nodes. */
  readonly limiter?: LimiterReading;
  /** Present where traces or metrics are sent to another server. */
  readonly telemetry?: TelemetryReading;
  /** Present where machines share a database. */
  readonly store?: StoreReading;
  /** Sentences about problems, each with its remedy at the end. */
  readonly warnings: readonly string[];
  /** The same warnings with code and command; absent from an older flm. */
  readonly warningDetails?: readonly Warning[];
}

/** One finished or refused request, as `flm tail` shows it and the access log records it. */
export interface RequestLine {
  readonly id: string;
  readonly atMs: number;
  readonly client: string;
  readonly method: string;
  /** Path without query, escaped; never with a secret. */
  readonly path: string;
  readonly status: number;
  readonly keyId: string | null;
  readonly keyLabel: string | null;
  readonly engine: string | null;
  readonly model: string | null;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly firstByteMs: number | null;
  /** How long it waited for a slot of an engine, even without success; null if it did not wait. */
  readonly queuedMs: number | null;
  readonly durationMs: number;
  /** As the engine reported; null if it did not. */
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  /** Prompt tokens that the engine took from its cache; null if it did not report that. */
  readonly cachedTokens: number | null;
  /** All tokens of the prompt, cached ones included, if the engine reported its cache; otherwise null. */
  readonly promptTokens: number | null;
  /** Tokens that the key's budgets and `flm usage` count. */
  readonly chargedInputTokens: number;
  readonly chargedOutputTokens: number;
  /** At least one of the charged numbers is flm's estimate. */
  readonly tokensEstimated: boolean;
  readonly streamed: boolean;
  readonly ending: Ending;
  /** The code of the error table, if the request was refused. */
  readonly code: string | null;
  /** The rule that decided, if the request was refused. */
  readonly rule: string | null;
  /** Names of header fields that contained another service's credential beside an flm key. */
  readonly droppedCredentials: string | null;
}

export const endings = [
  'done',
  'refused',
  'client-left',
  'engine-broke',
  'timeout',
  'shut-down',
  'key-ended',
  'cancelled',
] as const;
export type Ending = (typeof endings)[number];
