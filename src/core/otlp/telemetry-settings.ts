/**
 * How traces and metrics are sent: the setting `otlp` of the profile, and the standard variables of OpenTelemetry
 * (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). Without `otlp` none of these
 * variables is read, and nothing is sent.
 *
 * Every problem is reported at once, by the name of its variable, and never with a value that may hold a credential.
 */
import type { Environment } from '../environment.ts';
import { type Fault, ProxyError } from '../errors.ts';
import { isLoopbackHost } from '../loopback.ts';
import { fromEnvironment, isOtlpUrl, otlpUrl } from './otlp-address.ts';

export const samplerNames = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;
export type SamplerName = (typeof samplerNames)[number];

export interface TelemetrySettings {
  /** The base URL; it holds no credential. */
  readonly endpoint: string;
  /** Absent: no traces. */
  readonly tracesUrl: string | undefined;
  /** Absent: no metrics. */
  readonly metricsUrl: string | undefined;
  /** Names and values of header fields. The values are secret. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Certificates of the CA to trust (PEM). Absent: those that Node trusts. */
  readonly ca: string | undefined;
  readonly timeoutMs: number;
  readonly traceIntervalMs: number;
  readonly metricIntervalMs: number;
  readonly sampler: SamplerName;
  /** The part of the traces that a ratio sampler keeps, 0 to 1. */
  readonly samplerRatio: number;
  readonly serviceName: string;
  readonly resource: ReadonlyMap<string, string>;
}

/** The variables that flm reads, for docs/observability.md. */
export const telemetryVariables = [
  'OTEL_SDK_DISABLED',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_HEADERS',
  'OTEL_EXPORTER_OTLP_CERTIFICATE',
  'OTEL_EXPORTER_OTLP_TIMEOUT',
  'OTEL_TRACES_EXPORTER',
  'OTEL_METRICS_EXPORTER',
  'OTEL_TRACES_SAMPLER',
  'OTEL_TRACES_SAMPLER_ARG',
  'OTEL_BSP_SCHEDULE_DELAY',
  'OTEL_METRIC_EXPORT_INTERVAL',
  'OTEL_SERVICE_NAME',
  'OTEL_RESOURCE_ATTRIBUTES',
] as const;
type Variable = (typeof telemetryVariables)[number];

/** These variables of an environment; those that are not set are undefined. */
export function telemetryEnvironment(environment: Environment): Environment {
  return Object.fromEntries(telemetryVariables.map((name) => [name, environment[name]]));
}

export interface TelemetrySources {
  readonly environment: Environment;
  /** Returns the text of a file, or undefined if it cannot be read. */
  readonly readText: (path: string) => string | undefined;
}

/** Undefined: nothing is sent. Throws PROXY_INVALID_CONFIG with every problem. */
export function telemetrySettings(
  otlp: string | undefined,
  sources: TelemetrySources,
): TelemetrySettings | undefined {
  if (otlp === undefined) return undefined;
  const reader = new VariableReader(sources);
  if (reader.choice('OTEL_SDK_DISABLED', ['true', 'false'], 'false') === 'true') return undefined;
  const endpoint = reader.endpoint(otlp);
  const headers = reader.headers(endpoint);
  const traces = reader.choice('OTEL_TRACES_EXPORTER', ['otlp', 'none'], 'otlp') === 'otlp';
  const metrics = reader.choice('OTEL_METRICS_EXPORTER', ['otlp', 'none'], 'otlp') === 'otlp';
  const resource = reader.pairs('OTEL_RESOURCE_ATTRIBUTES', /^[^\s=,]{1,255}$/);
  const settings: TelemetrySettings = {
    endpoint,
    tracesUrl: traces ? `${endpoint}/v1/traces` : undefined,
    metricsUrl: metrics ? `${endpoint}/v1/metrics` : undefined,
    headers,
    ca: reader.file('OTEL_EXPORTER_OTLP_CERTIFICATE'),
    timeoutMs: reader.number('OTEL_EXPORTER_OTLP_TIMEOUT', 1, 60_000, 10_000),
    traceIntervalMs: reader.number('OTEL_BSP_SCHEDULE_DELAY', 10, 600_000, 5_000),
    metricIntervalMs: reader.number('OTEL_METRIC_EXPORT_INTERVAL', 10, 3_600_000, 60_000),
    sampler: reader.choice('OTEL_TRACES_SAMPLER', samplerNames, 'parentbased_always_on'),
    samplerRatio: reader.number('OTEL_TRACES_SAMPLER_ARG', 0, 1, 1),
    serviceName: reader.text('OTEL_SERVICE_NAME') ?? new Map(resource).get('service.name') ?? 'flm',
    resource: new Map(resource.filter(([name]) => name !== 'service.name')),
  };
  reader.throwFaults();
  return settings;
}

class VariableReader {
  readonly #sources: TelemetrySources;
  readonly #faults: Fault[] = [];

  constructor(sources: TelemetrySources) {
    this.#sources = sources;
  }

  throwFaults(): void {
    if (this.#faults.length > 0) throw new ProxyError('PROXY_INVALID_CONFIG', { faults: this.#faults });
  }

  /** An empty variable counts as not set, as the specification says. */
  text(name: Variable): string | undefined {
    return this.#sources.environment[name]?.trim() || undefined;
  }

  endpoint(otlp: string): string {
    let url = otlp;
    if (otlp === fromEnvironment) {
      const given = this.text('OTEL_EXPORTER_OTLP_ENDPOINT');
      if (given === undefined || !isOtlpUrl(given)) {
        const value = given === undefined ? 'missing' : 'a value that is not shown';
        this.#refuse('OTEL_EXPORTER_OTLP_ENDPOINT', value, otlpUrl);
        return '';
      }
      url = given;
    }
    return url.replace(/\/+$/, '');
  }

  /** A credential crosses no network in plain text. */
  headers(endpoint: string): readonly (readonly [string, string])[] {
    const name = 'OTEL_EXPORTER_OTLP_HEADERS';
    const headers = this.pairs(name, /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/);
    if (headers.length > 0 && endpoint.startsWith('http:') && !isLoopbackHost(new URL(endpoint).hostname))
      this.#refuse(name, 'set, with an address that starts with http://', 'an address with https://');
    return headers;
  }

  /** `name=value` with commas between them, values percent-encoded (W3C Baggage). */
  pairs(variable: Variable, names: RegExp): readonly (readonly [string, string])[] {
    const pairs: (readonly [string, string])[] = [];
    for (const part of this.text(variable)?.split(',') ?? []) {
      const at = part.indexOf('=');
      const name = part.slice(0, Math.max(at, 0)).trim();
      const value = decoded(part.slice(at + 1).trim());
      if (part.trim() === '') continue;
      if (value === undefined || !names.test(name) || value.length > 4096 || hasControls(value)) {
        this.#refuse(
          variable,
          'a value that is not shown',
          'NAME=VALUE,NAME=VALUE with percent-encoded values',
        );
        return [];
      }
      pairs.push([name, value]);
    }
    return pairs;
  }

  choice<T extends string>(name: Variable, allowed: readonly T[], byDefault: T): T {
    const given = this.text(name)?.toLowerCase();
    if (given === undefined) return byDefault;
    const found = allowed.find((value) => value === given);
    if (found === undefined) this.#refuse(name, shown(given), allowed.join(', '));
    return found ?? byDefault;
  }

  number(name: Variable, least: number, most: number, byDefault: number): number {
    const given = this.text(name);
    if (given === undefined) return byDefault;
    const value = Number(given);
    if (value >= least && value <= most) return value;
    this.#refuse(name, shown(given), `${least} to ${most}`);
    return byDefault;
  }

  file(name: Variable): string | undefined {
    const path = this.text(name);
    if (path === undefined) return undefined;
    const text = this.#sources.readText(path);
    if (text?.includes('-----BEGIN CERTIFICATE-----') === true) return text;
    this.#refuse(name, shown(path), 'a file with certificates (PEM) that this user can read');
    return undefined;
  }

  #refuse(field: Variable, value: string, allowed: string): void {
    this.#faults.push({ field, value, allowed });
  }
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}

function hasControls(text: string): boolean {
  // A header field must not hold them; in a resource they are a mistake.
  return [...text].some((letter) => letter < ' ' || letter > '~');
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
