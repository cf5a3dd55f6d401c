/** An OTLP server for tests: keeps what it gets, and answers as the test says. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

export type SpanValue = string | number;

export interface SeenSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name: string;
  readonly kind: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, SpanValue>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly failed: boolean;
}

export interface SeenMetric {
  readonly name: string;
  readonly unit: string;
  readonly points: readonly {
    readonly attributes: Readonly<Record<string, SpanValue>>;
    readonly count: number;
    readonly sum: number;
  }[];
}

export interface TelemetryServer {
  readonly url: string;
  readonly port: number;
  readonly spans: readonly SeenSpan[];
  /** Those of the last message. */
  readonly metrics: readonly SeenMetric[];
  readonly resource: Readonly<Record<string, SpanValue>>;
  readonly headers: readonly IncomingHttpHeaders[];
  /** All bodies as text. */
  readonly text: string;
  readonly requests: number;
  close(): Promise<void>;
}

/** `answer`: writes the answer to a request; by default it accepts everything. */
export async function startTelemetryServer(
  answer: (path: string, response: ServerResponse) => void = accept,
): Promise<TelemetryServer> {
  const spans: SeenSpan[] = [];
  let metrics: readonly SeenMetric[] = [];
  let resource: Readonly<Record<string, SpanValue>> = {};
  const headers: IncomingHttpHeaders[] = [];
  let text = '';
  let requests = 0;
  const receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    headers.push(request.headers);
    requests += 1;
    const path = request.url ?? '';
    // The shape is the one that the specification gives.
    const body = (await json(request)) as Message;
    text += JSON.stringify(body);
    for (const part of [...(body.resourceSpans ?? []), ...(body.resourceMetrics ?? [])])
      resource = named(part.resource.attributes);
    spans.push(
      ...(body.resourceSpans ?? []).flatMap((r) => r.scopeSpans).flatMap((s) => s.spans.map(seenSpan)),
    );
    if (body.resourceMetrics !== undefined)
      metrics = body.resourceMetrics.flatMap((r) => r.scopeMetrics).flatMap((s) => s.metrics.map(seenMetric));
    answer(path, response);
  };
  const server = createServer((request, response) => void receive(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    spans,
    headers,
    get metrics() {
      return metrics;
    },
    get resource() {
      return resource;
    },
    get text() {
      return text;
    },
    get requests() {
      return requests;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function accept(_path: string, response: ServerResponse): void {
  response.setHeader('content-type', 'application/json').end('{}');
}

interface Message {
  readonly resourceSpans?: readonly {
    readonly resource: { readonly attributes: Encoded };
    readonly scopeSpans: readonly { readonly spans: readonly RawSpan[] }[];
  }[];
  readonly resourceMetrics?: readonly {
    readonly resource: { readonly attributes: Encoded };
    readonly scopeMetrics: readonly { readonly metrics: readonly RawMetric[] }[];
  }[];
}

type Encoded = readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
type RawSpan = Pick<SeenSpan, 'traceId' | 'spanId' | 'parentSpanId' | 'traceState' | 'name' | 'kind'> & {
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: Encoded;
  readonly links?: SeenSpan['links'];
  readonly status: { readonly code?: number };
};
interface RawMetric {
  readonly name: string;
  readonly unit: string;
  readonly histogram: {
    readonly dataPoints: readonly {
      readonly attributes: Encoded;
      readonly count: string;
      readonly sum: number;
    }[];
  };
}

function seenSpan(span: RawSpan): SeenSpan {
  const { startTimeUnixNano, endTimeUnixNano, attributes, links = [], status, ...rest } = span;
  return {
    ...rest,
    startMs: Number(BigInt(startTimeUnixNano) / 1000n) / 1000,
    endMs: Number(BigInt(endTimeUnixNano) / 1000n) / 1000,
    attributes: named(attributes),
    links: links.map(({ traceId, spanId }) => ({ traceId, spanId })),
    failed: status.code === 2,
  };
}

function seenMetric({ name, unit, histogram }: RawMetric): SeenMetric {
  const points = histogram.dataPoints.map(({ attributes, count, sum }) => ({
    attributes: named(attributes),
    count: Number(count),
    sum,
  }));
  return { name, unit, points };
}

function named(attributes: Encoded): Readonly<Record<string, SpanValue>> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => {
      if (typeof value.stringValue === 'string') return [key, value.stringValue];
      return [key, Number(value.intValue ?? value.doubleValue)];
    }),
  );
}
