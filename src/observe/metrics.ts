/**
 * Metrics in the Prometheus format. The hot path only adds to numbers; names, labels and text are created on a scrape.
 */
import { Counter, Gauge, Registry } from 'prom-client';
import type { EngineStatus } from '../core/engine/directory.ts';
import type { TelemetryReading } from '../core/otlp/telemetry-reading.ts';
import type { CertificateFacts } from '../core/proxy/certificate-provider.ts';
import type { RequestLine } from '../core/proxy/proxy-handle.ts';
import type { StoreReading } from '../core/proxy/store-reading.ts';
import type { QueueReading } from '../core/security/fair-admission.ts';
import type { LimiterReading } from '../core/security/limiter-reading.ts';
import { DurationHistogram } from './duration-histogram.ts';
import { KeyMetrics, type KeyTally } from './key-metrics.ts';
import { RequestCounts, type Tally } from './request-counts.ts';

/** Values that are read on each scrape. */
export interface Readings {
  readonly inFlight: number;
  readonly connections: number;
  readonly bufferedBytes: number;
  readonly keys: number;
  /** Whether keys and policy can be read from the store. Otherwise the last state stays in force. */
  readonly storeReadable: boolean;
  readonly store?: StoreReading;
  /** Revocations that only the memory and the disk of this machine hold. */
  readonly unwrittenRevocations?: number;
  readonly engines: readonly EngineStatus[];
  readonly queues: readonly QueueReading[];
  /** Present with HTTPS. */
  readonly certificate?: CertificateFacts | undefined;
  /** Lines that the log could not accept. */
  readonly logLinesLost?: number;
  /** Present where one server counts limits for all nodes. */
  readonly limiter?: LimiterReading | undefined;
  /** Present where traces or metrics are sent to another server. */
  readonly telemetry?: TelemetryReading | undefined;
}

export interface MetricFacts {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly labelNames: readonly string[];
}

const durationBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

export class Metrics {
  readonly #registry = new Registry();
  readonly #counts = new RequestCounts();
  readonly #duration: DurationHistogram;
  readonly #firstByte: DurationHistogram;
  readonly #keys: KeyMetrics;
  #malformed = 0;
  #refusedLogins = 0;
  #bytesOut = 0;
  /** All requests so far, refused ones included. */
  total = 0;

  /** `keyMetrics`: how many keys have counters of their own. */
  constructor(readings: () => Readings, keyMetrics = 0) {
    this.#keys = new KeyMetrics(keyMetrics);
    const registers = [this.#registry];
    this.#duration = new DurationHistogram({
      name: 'flm_request_duration_seconds',
      help: 'Time from the head of a request to the end of its response.',
      buckets: durationBuckets,
      registers,
    });
    this.#firstByte = new DurationHistogram({
      name: 'flm_first_byte_seconds',
      help: 'Time from the head of a request to the first byte of the body of its response.',
      buckets: durationBuckets,
      registers,
    });
    this.#registerCounters(registers);
    registerProxyMetrics(registers, readings);
    registerEngineMetrics(registers, readings);
    registerCertificateMetrics(registers, readings);
    registerLimiterMetrics(registers, readings);
    registerKeyMetrics(registers, this.#keys);
    registerTelemetryMetrics(registers, readings);
  }

  request(line: RequestLine): void {
    this.total += 1;
    this.#bytesOut += line.bytesOut;
    this.#counts.add(line);
    this.#keys.request(line);
    this.#duration.add(line.durationMs / 1000);
    if (line.firstByteMs !== null) this.#firstByte.add(line.firstByteMs / 1000);
  }

  malformed(): void {
    this.#malformed += 1;
  }

  loginRefused(): void {
    this.#refusedLogins += 1;
  }

  /** All metrics without values, for the docs page. */
  described(): readonly MetricFacts[] {
    // prom-client has these properties on each metric, but not in its types.
    return (this.#registry.getMetricsAsArray() as unknown as readonly MetricFacts[]).map(
      ({ name, help, type, labelNames }) => ({ name, help, type, labelNames }),
    );
  }

  /** Text exposition format 0.0.4. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #registerCounters(registers: Registry[]): void {
    counter(
      registers,
      'flm_requests_total',
      'Requests, by status, how they ended, and engine.',
      ['status', 'ending', 'engine'],
      () => this.#counts.requests,
    );
    counter(
      registers,
      'flm_tokens_total',
      'Tokens as engines reported them.',
      ['engine', 'model', 'direction'],
      () => this.#counts.tokens,
    );
    counter(
      registers,
      'flm_malformed_requests_total',
      'Connections on which no request could be read.',
      [],
      () => [{ labels: {}, value: this.#malformed }],
    );
    counter(
      registers,
      'flm_refused_logins_total',
      'Requests with a key that is not known; those without any credential are not counted.',
      [],
      () => [{ labels: {}, value: this.#refusedLogins }],
    );
    counter(registers, 'flm_response_bytes_total', 'Bytes of responses sent to clients.', [], () => [
      { labels: {}, value: this.#bytesOut },
    ]);
  }
}

function registerProxyMetrics(registers: Registry[], readings: () => Readings): void {
  counter(registers, 'flm_log_lines_lost_total', 'Lines that the log could not accept.', [], () => [
    { labels: {}, value: readings().logLinesLost ?? 0 },
  ]);
  gauge(registers, 'flm_requests_in_flight', 'Requests in progress.', [], () => [
    { labels: {}, value: readings().inFlight },
  ]);
  gauge(registers, 'flm_connections', 'Open client connections.', [], () => [
    { labels: {}, value: readings().connections },
  ]);
  gauge(registers, 'flm_buffered_body_bytes', 'Request bodies waiting in memory.', [], () => [
    { labels: {}, value: readings().bufferedBytes },
  ]);
  gauge(registers, 'flm_keys', 'Keys that are known, revoked ones included.', [], () => [
    { labels: {}, value: readings().keys },
  ]);
  gauge(
    registers,
    'flm_store_readable',
    '1 if changes of keys and policy can be read; 0: the last state stays in force.',
    [],
    () => [{ labels: {}, value: readings().storeReadable ? 1 : 0 }],
  );
  gauge(registers, 'flm_store_age_seconds', 'Seconds since keys and policy were last read.', [], () => [
    { labels: {}, value: Math.round(readings().store?.ageMs ?? 0) / 1000 },
  ]);
  gauge(
    registers,
    'flm_store_expired',
    '1 while stored keys are refused, because keys and policy are older than FLM_MAX_SNAPSHOT_AGE.',
    [],
    () => [{ labels: {}, value: readings().store?.isExpired === true ? 1 : 0 }],
  );
  gauge(
    registers,
    'flm_store_unwritten_revocations',
    'Revocations that are not in the store yet.',
    [],
    () => [{ labels: {}, value: readings().unwrittenRevocations ?? 0 }],
  );
}

function registerEngineMetrics(registers: Registry[], readings: () => Readings): void {
  gauge(registers, 'flm_engine_up', '1 if the engine answers.', ['engine', 'kind'], () =>
    readings().engines.map((e) => ({
      labels: { engine: e.ref.id, kind: e.ref.kind },
      value: e.state === 'running' || e.state === 'degraded' ? 1 : 0,
    })),
  );
  gauge(
    registers,
    'flm_engine_ranks_last',
    '1 if other engines with the same model come first for every key.',
    ['engine'],
    () =>
      readings().engines.map((e) => ({
        labels: { engine: e.ref.id },
        value: e.rank === undefined || e.rank.state === 'last-for-keys' ? 0 : 1,
      })),
  );
  gauge(
    registers,
    'flm_engine_queued_requests',
    'Requests that wait for a slot of an engine.',
    ['engine'],
    () => readings().queues.map((q) => ({ labels: { engine: q.engine }, value: q.queued })),
  );
  gauge(
    registers,
    'flm_engine_requests_in_flight',
    'Requests of this proxy that an engine is processing.',
    ['engine'],
    () => readings().engines.map((e) => ({ labels: { engine: e.ref.id }, value: e.inFlight })),
  );
}

function registerCertificateMetrics(registers: Registry[], readings: () => Readings): void {
  gauge(
    registers,
    'flm_certificate_not_after_seconds',
    "When the proxy's certificate expires, in seconds since 1970.",
    [],
    () => {
      const { certificate } = readings();
      return certificate === undefined ? [] : [{ labels: {}, value: certificate.expiresAtMs / 1000 }];
    },
  );
  counter(
    registers,
    'flm_certificate_renewal_failures_total',
    'Renewals of an ACME certificate that failed.',
    [],
    () => {
      const { certificate } = readings();
      return certificate === undefined ? [] : [{ labels: {}, value: certificate.renewalFailures ?? 0 }];
    },
  );
}

/** Empty where this proxy counts alone. */
function registerLimiterMetrics(registers: Registry[], readings: () => Readings): void {
  const values = (read: (limiter: LimiterReading) => Tally[]): readonly Tally[] => {
    const { limiter } = readings();
    return limiter === undefined ? [] : read(limiter);
  };
  gauge(
    registers,
    'flm_limiter_shared',
    '1 if the server in FLM_VALKEY_URL counts limits for all nodes; 0: this node decides alone.',
    [],
    () => values(({ state }) => [{ labels: {}, value: state === 'shared' ? 1 : 0 }]),
  );
  gauge(registers, 'flm_limiter_nodes', 'The most nodes of the last ten minutes that share limits.', [], () =>
    values(({ nodes }) => [{ labels: {}, value: nodes }]),
  );
  counter(
    registers,
    'flm_limiter_decisions_total',
    'Questions about limits, by who decided: the server, or this node alone.',
    ['by'],
    () =>
      values(({ decidedShared, decidedAlone }) => [
        { labels: { by: 'server' }, value: decidedShared },
        { labels: { by: 'node' }, value: decidedAlone },
      ]),
  );
  counter(
    registers,
    'flm_limiter_outages_total',
    'How often the server that counts limits went away.',
    [],
    () => values(({ outages }) => [{ labels: {}, value: outages }]),
  );
}

/** Empty unless `keyMetrics` is set. */
function registerKeyMetrics(registers: Registry[], keys: KeyMetrics): void {
  const values = (read: (tally: KeyTally) => number): readonly Tally[] =>
    [...keys.tallies()].map((tally) => ({
      labels: { key: tally.key, label: tally.label },
      value: read(tally),
    }));
  counter(
    registers,
    'flm_key_requests_total',
    'Requests of a key, refused ones included; only with `keyMetrics`.',
    ['key', 'label'],
    () => values(({ requests }) => requests),
  );
  counter(
    registers,
    'flm_key_refused_requests_total',
    'Requests of a key that flm refused; only with `keyMetrics`.',
    ['key', 'label'],
    () => values(({ refused }) => refused),
  );
  counter(
    registers,
    'flm_key_tokens_total',
    'Tokens that a key was charged; only with `keyMetrics`.',
    ['key', 'label', 'direction'],
    () =>
      [...keys.tallies()].flatMap(({ key, label, inputTokens, outputTokens }) => [
        { labels: { key, label, direction: 'input' }, value: inputTokens },
        { labels: { key, label, direction: 'output' }, value: outputTokens },
      ]),
  );
}

/** Empty unless `otlp` is set. */
function registerTelemetryMetrics(registers: Registry[], readings: () => Readings): void {
  const values = (read: (telemetry: TelemetryReading) => number): readonly Tally[] => {
    const { telemetry } = readings();
    return telemetry === undefined ? [] : [{ labels: {}, value: read(telemetry) }];
  };
  gauge(
    registers,
    'flm_telemetry_working',
    '1 if the server in `otlp` accepted what was sent last; 0 if it failed.',
    [],
    () => values(({ problem }) => (problem === undefined ? 1 : 0)),
  );
  counter(registers, 'flm_telemetry_requests_dropped_total', 'Requests whose spans were given up.', [], () =>
    values(({ requestsDropped }) => requestsDropped),
  );
}

function counter(
  registers: Registry[],
  name: string,
  help: string,
  labelNames: string[],
  tallies: () => Iterable<Tally>,
): void {
  new Counter({
    name,
    help,
    labelNames,
    registers,
    collect() {
      this.reset();
      for (const { labels, value } of tallies()) this.inc(labels, value);
    },
  });
}

function gauge(
  registers: Registry[],
  name: string,
  help: string,
  labelNames: string[],
  tallies: () => Iterable<Tally>,
): void {
  new Gauge({
    name,
    help,
    labelNames,
    registers,
    collect() {
      this.reset();
      for (const { labels, value } of tallies()) this.set(labels, value);
    },
  });
}
