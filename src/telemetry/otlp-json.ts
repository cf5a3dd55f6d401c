/**
 * The JSON encoding of OTLP (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): ids are hex text, whole
 * numbers of 64 bits are text, and enumerations are numbers. Only the messages that flm sends are here.
 */

export type AttributeValue = string | number;

interface KeyValue {
  readonly key: string;
  readonly value:
    | { readonly stringValue: string }
    | { readonly intValue: string }
    | { readonly doubleValue: number };
}

export type Attributes = readonly KeyValue[];

/** Leaves out attributes without a value. */
export function attributesOf(named: Readonly<Record<string, AttributeValue | null | undefined>>): Attributes {
  const attributes: KeyValue[] = [];
  for (const key in named) {
    const value = named[key];
    if (value === undefined || value === null) continue;
    attributes.push({ key, value: encoded(value) });
  }
  return attributes;
}

function encoded(value: AttributeValue): KeyValue['value'] {
  if (typeof value === 'string') return { stringValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

/** Milliseconds since 1970 as nanoseconds, exact to a microsecond. */
export function nanoseconds(ms: number): string {
  return `${Math.round(ms * 1000)}000`;
}

export const spanKinds = { internal: 1, server: 2, client: 3 } as const;
export type SpanKind = keyof typeof spanKinds;
export const errorStatus = { code: 2 } as const;

export interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly flags: number;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: Attributes;
  readonly links?: readonly {
    readonly traceId: string;
    readonly spanId: string;
    readonly attributes: Attributes;
  }[];
  readonly status: { readonly code?: 2 };
}

export interface OtlpHistogramPoint {
  readonly attributes: Attributes;
  readonly startTimeUnixNano: string;
  readonly timeUnixNano: string;
  readonly count: string;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly bucketCounts: readonly string[];
  readonly explicitBounds: readonly number[];
}

export interface OtlpMetric {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly histogram: {
    readonly aggregationTemporality: 2;
    readonly dataPoints: readonly OtlpHistogramPoint[];
  };
}

/** Who sends: attributes of this proxy, and the version of flm. */
export interface Sender {
  readonly resource: Attributes;
  readonly version: string;
}

export function tracesRequest({ resource, version }: Sender, spans: readonly OtlpSpan[]): string {
  return JSON.stringify({
    resourceSpans: [
      { resource: { attributes: resource }, scopeSpans: [{ scope: { name: 'flm', version }, spans }] },
    ],
  });
}

export function metricsRequest({ resource, version }: Sender, metrics: readonly OtlpMetric[]): string {
  return JSON.stringify({
    resourceMetrics: [
      { resource: { attributes: resource }, scopeMetrics: [{ scope: { name: 'flm', version }, metrics }] },
    ],
  });
}
