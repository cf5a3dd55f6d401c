/**
 * Histograms over all requests, sampled or not, with the names and buckets of the semantic conventions. Values of
 * attributes come from tables, the configuration and the model lists of engines. Their combinations are bounded all the
 * same: further ones count as one (https://opentelemetry.io/docs/specs/otel/metrics/sdk/#overflow-attribute).
 */
import type { AttemptTrace, RequestTrace } from '../core/otlp/request-trace.ts';
import {
  type AttributeValue,
  attributesOf,
  nanoseconds,
  type OtlpHistogramPoint,
  type OtlpMetric,
} from './otlp-json.ts';
import { errorOf, methodOf, type RequestFacts } from './request-facts.ts';
import { metricNames, names, operationOf } from './semantic-conventions.ts';

const httpSeconds = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 120, 300,
];
const operationSeconds = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
const firstTokenSeconds = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];
const perTokenSeconds = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5];
const tokenCounts = [
  1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864,
];

const maxSeries = 1_000;
const overflow = { 'otel.metric.overflow': 'true' };

type Named = Readonly<Record<string, AttributeValue | null | undefined>>;

class Histogram {
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, Series>();
  readonly #facts: Pick<OtlpMetric, 'name' | 'description' | 'unit'>;

  constructor(name: string, unit: string, description: string, bounds: readonly number[]) {
    this.#facts = { name, unit, description };
    this.#bounds = bounds;
  }

  /** `key` names the combination of attributes; `named` is called for a new one only. */
  record(key: string, value: number, named: () => Named): void {
    let series = this.#series.get(key);
    if (series === undefined) {
      const isFull = this.#series.size >= maxSeries;
      const kept = isFull ? '' : key;
      series = this.#series.get(kept);
      if (series === undefined) {
        series = new Series(isFull ? overflow : named(), this.#bounds.length + 1);
        this.#series.set(kept, series);
      }
    }
    let bucket = 0;
    while (bucket < this.#bounds.length && value > (this.#bounds[bucket] as number)) bucket += 1;
    series.add(bucket, value);
  }

  /** Undefined while nothing was recorded. */
  metric(startTimeUnixNano: string, timeUnixNano: string): OtlpMetric | undefined {
    if (this.#series.size === 0) return undefined;
    const points = [...this.#series.values()].map((series) =>
      series.point(startTimeUnixNano, timeUnixNano, this.#bounds),
    );
    // 2: counts since the start.
    return { ...this.#facts, histogram: { aggregationTemporality: 2, dataPoints: points } };
  }
}

class Series {
  readonly #named: Named;
  readonly #counts: number[];
  #count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;

  constructor(named: Named, buckets: number) {
    this.#named = named;
    this.#counts = new Array(buckets).fill(0);
  }

  add(bucket: number, value: number): void {
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#count += 1;
    this.#sum += value;
    this.#min = Math.min(this.#min, value);
    this.#max = Math.max(this.#max, value);
  }

  point(
    startTimeUnixNano: string,
    timeUnixNano: string,
    explicitBounds: readonly number[],
  ): OtlpHistogramPoint {
    return {
      attributes: attributesOf(this.#named),
      startTimeUnixNano,
      timeUnixNano,
      count: String(this.#count),
      sum: this.#sum,
      min: this.#min,
      max: this.#max,
      bucketCounts: this.#counts.map(String),
      explicitBounds,
    };
  }
}

export class RequestMetrics {
  readonly #scheme: string;
  readonly #startNano: string;
  readonly #http = new Histogram(
    metricNames.httpDuration,
    's',
    'Duration of HTTP server requests.',
    httpSeconds,
  );
  readonly #client = new Histogram(
    metricNames.clientDuration,
    's',
    'GenAI operation duration.',
    operationSeconds,
  );
  readonly #tokens = new Histogram(
    metricNames.clientTokens,
    '{token}',
    'Number of input and output tokens used.',
    tokenCounts,
  );
  readonly #server = new Histogram(
    metricNames.serverDuration,
    's',
    'Generative AI server request duration such as time-to-last byte or last output token.',
    operationSeconds,
  );
  readonly #firstToken = new Histogram(
    metricNames.timeToFirstToken,
    's',
    'Time to generate first token for successful responses.',
    firstTokenSeconds,
  );
  readonly #perToken = new Histogram(
    metricNames.timePerOutputToken,
    's',
    'Time per output token generated after the first token for successful responses.',
    perTokenSeconds,
  );

  constructor(scheme: string, startMs: number) {
    this.#scheme = scheme;
    this.#startNano = nanoseconds(startMs);
  }

  record(facts: RequestFacts, trace: RequestTrace | undefined): void {
    const { status } = facts;
    const method = methodOf(facts);
    const route = trace?.route;
    const error = errorOf(facts);
    const wholeMs = facts.endedAtMs - facts.startedAtMs;
    this.#http.record(`${method} ${status} ${route?.pattern} ${error}`, wholeMs / 1000, () => ({
      [names.httpMethod]: method,
      [names.httpStatus]: status,
      [names.httpRoute]: route?.pattern,
      [names.urlScheme]: this.#scheme,
      [names.errorType]: error,
    }));
    const operation = operationOf(route?.id);
    if (operation === undefined || trace === undefined) return;
    for (const attempt of trace.attempts) this.#attempt(facts, attempt, operation);
    const last = trace.attempts.at(-1);
    if (last !== undefined) this.#answer({ facts, last, operation, wholeMs, error });
  }

  metrics(nowMs: number): readonly OtlpMetric[] {
    const nowNano = nanoseconds(nowMs);
    return [this.#http, this.#client, this.#tokens, this.#server, this.#firstToken, this.#perToken].flatMap(
      (histogram) => histogram.metric(this.#startNano, nowNano) ?? [],
    );
  }

  #attempt({ model }: RequestFacts, attempt: AttemptTrace, operation: string): void {
    const { kind, status, end, startedAtMs, endedAtMs } = attempt;
    const isEnd = end === undefined || end === 'done' || end === 'client-gone';
    const error = (status ?? 0) >= 400 ? String(status) : isEnd ? undefined : end;
    this.#client.record(`${operation} ${kind} ${error} ${model}`, (endedAtMs - startedAtMs) / 1000, () => ({
      [names.operation]: operation,
      [names.provider]: kind,
      [names.requestModel]: model,
      [names.errorType]: error,
    }));
  }

  #answer(of: {
    readonly facts: RequestFacts;
    readonly last: AttemptTrace;
    readonly operation: string;
    readonly wholeMs: number;
    readonly error: string | undefined;
  }): void {
    const { facts, last, operation, wholeMs } = of;
    const { model, status, startedAtMs, firstByteAtMs, inputTokens, outputTokens } = facts;
    const error = of.error ?? (status >= 400 ? String(status) : undefined);
    const key = `${operation} ${last.kind} ${model} ${last.model}`;
    const named = (more: Named) => (): Named => ({
      [names.operation]: operation,
      [names.provider]: last.kind,
      [names.requestModel]: model,
      [names.responseModel]: last.model,
      ...more,
    });
    this.#server.record(`${key} ${error}`, wholeMs / 1000, named({ [names.errorType]: error }));
    if (error !== undefined) return;
    if (inputTokens !== null)
      this.#tokens.record(`${key} input`, inputTokens, named({ [names.tokenType]: 'input' }));
    if (outputTokens !== null)
      this.#tokens.record(`${key} output`, outputTokens, named({ [names.tokenType]: 'output' }));
    // Without a stream, the first byte comes when all tokens are there.
    if (!facts.streamed || firstByteAtMs === 0) return;
    this.#firstToken.record(key, (firstByteAtMs - startedAtMs) / 1000, named({}));
    if (outputTokens !== null && outputTokens > 1 && facts.ending === 'done')
      this.#perToken.record(key, (facts.endedAtMs - firstByteAtMs) / (outputTokens - 1) / 1000, named({}));
  }
}
