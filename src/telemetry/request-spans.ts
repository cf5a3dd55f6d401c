/**
 * Builds the spans of one request from its recorded times, after it has ended:
 *
 *   POST /v1/chat/completions          server: from the head of the request to the end of the response
 *     queue                            each wait for a slot
 *     chat llama3                      client: each attempt at an engine; the engine's own span is its child
 *       first byte                     until the client got the first byte of the body
 *       stream                         until the last byte
 */
import type { AttemptTrace, RequestTrace, TraceContext } from '../core/otlp/request-trace.ts';
import {
  type Attributes,
  attributesOf,
  errorStatus,
  nanoseconds,
  type OtlpSpan,
  type SpanKind,
  spanKinds,
} from './otlp-json.ts';
import { errorOf, methodOf, type RequestFacts } from './request-facts.ts';
import { names, operationOf, ownNames } from './semantic-conventions.ts';

/** Where the parts of a request belong. */
interface Place {
  readonly trace: RequestTrace;
  readonly facts: RequestFacts;
}

interface SpanParts {
  readonly spanId: string;
  readonly parent: string | undefined;
  readonly name: string;
  readonly kind: SpanKind;
  readonly fromMs: number;
  readonly toMs: number;
  readonly attributes?: Attributes;
  readonly failed?: boolean;
}

/** OTLP: the lowest bits are the trace flags; the next two say whether the parent is in another process. */
const sampledFlag = 1;
const knowsRemote = 0x100;
const isRemote = 0x200;

export function requestSpans(
  facts: RequestFacts,
  trace: RequestTrace,
  scheme: string,
  newSpanId: () => string,
): readonly OtlpSpan[] {
  const place = { trace, facts };
  const spans = [serverSpan(place, scheme)];
  for (let i = 0; i + 1 < trace.waits.length; i += 2) {
    const fromMs = trace.waits[i] as number;
    const toMs = trace.waits[i + 1] as number;
    spans.push(
      span(place, {
        spanId: newSpanId(),
        parent: trace.spanId,
        name: 'queue',
        kind: 'internal',
        fromMs,
        toMs,
      }),
    );
  }
  for (const [index, attempt] of trace.attempts.entries())
    spans.push(...attemptSpans(place, attempt, index, newSpanId));
  return spans;
}

function serverSpan(place: Place, scheme: string): OtlpSpan {
  const { trace, facts } = place;
  const { context, trusted, state } = trace.origin;
  const method = methodOf(facts);
  const route = trace.route?.pattern;
  const error = errorOf(facts);
  const own = span(place, {
    spanId: trace.spanId,
    parent: trusted ? context?.spanId : undefined,
    name: route === undefined ? method : `${method} ${route}`,
    kind: 'server',
    fromMs: facts.startedAtMs,
    toMs: facts.endedAtMs,
    failed: error !== undefined,
    attributes: attributesOf({
      [names.httpMethod]: method,
      [names.httpRoute]: route,
      [names.urlScheme]: scheme,
      [names.httpStatus]: facts.status,
      [names.httpRequestSize]: facts.bytesIn,
      [names.httpResponseSize]: facts.bytesOut,
      [names.errorType]: error,
      [ownNames.requestId]: facts.id,
      [ownNames.keyId]: facts.keyId,
      [ownNames.engine]: facts.engine,
      [ownNames.ending]: facts.ending,
      [ownNames.code]: facts.code,
    }),
  });
  return {
    ...own,
    flags: sampledFlag | knowsRemote | (trusted ? isRemote : 0),
    ...(trusted && state !== undefined ? { traceState: state } : {}),
    ...(context === undefined || trusted ? {} : { links: [linkTo(context)] }),
  };
}

function linkTo({ traceId, spanId }: TraceContext): {
  traceId: string;
  spanId: string;
  attributes: Attributes;
} {
  return { traceId, spanId, attributes: [] };
}

function attemptSpans(
  place: Place,
  attempt: AttemptTrace,
  index: number,
  newSpanId: () => string,
): readonly OtlpSpan[] {
  const { facts, trace } = place;
  const { startedAtMs, spanId } = attempt;
  const toMs = Math.min(attempt.endedAtMs, facts.endedAtMs);
  const isLast = index === trace.attempts.length - 1;
  const answered = isLast && facts.firstByteAtMs >= startedAtMs && (attempt.status ?? 0) < 400;
  const firstMs = Math.min(facts.firstByteAtMs, toMs);
  const error = errorOfAttempt(attempt, isLast ? facts : undefined);
  const operation = operationOf(trace.route?.id);
  const genAi =
    operation === undefined
      ? {}
      : {
          [names.operation]: operation,
          [names.provider]: attempt.kind,
          [names.requestModel]: facts.model,
          ...(answered
            ? {
                [names.responseModel]: attempt.model,
                [names.inputTokens]: facts.inputTokens,
                [names.outputTokens]: facts.outputTokens,
                [names.cachedTokens]: facts.cachedTokens,
                ...(facts.streamed ? { [names.timeToFirstChunk]: seconds(firstMs - startedAtMs) } : {}),
              }
            : {}),
        };
  const name = operation === undefined ? 'attempt' : [operation, facts.model].filter(Boolean).join(' ');
  const own = span(place, {
    spanId,
    parent: trace.spanId,
    name,
    kind: 'client',
    fromMs: startedAtMs,
    toMs,
    failed: error !== undefined,
    attributes: attributesOf({
      ...genAi,
      [names.httpStatus]: attempt.status,
      [names.errorType]: error,
      [ownNames.engine]: attempt.engine,
      [ownNames.attempt]: index + 1,
      [ownNames.attemptEnd]: attempt.end,
    }),
  });
  if (!answered) return [own];
  const part = (partName: string, from: number, to: number): OtlpSpan =>
    span(place, {
      spanId: newSpanId(),
      parent: spanId,
      name: partName,
      kind: 'internal',
      fromMs: from,
      toMs: to,
    });
  return [own, part('first byte', startedAtMs, firstMs), part('stream', firstMs, toMs)];
}

/** For a client, a status of 400 or above is an error. */
function errorOfAttempt({ end, status }: AttemptTrace, last: RequestFacts | undefined): string | undefined {
  if (status !== undefined && status >= 400) return String(status);
  if (last !== undefined) {
    const error = errorOf(last);
    if (error !== undefined) return error;
  }
  return end === undefined || end === 'done' || end === 'client-gone' ? undefined : end;
}

function span(
  { trace, facts }: Place,
  { spanId, parent, name, kind, fromMs, toMs, attributes = [], failed = false }: SpanParts,
): OtlpSpan {
  return {
    traceId: trace.traceId,
    spanId,
    ...(parent === undefined ? {} : { parentSpanId: parent }),
    flags: sampledFlag | knowsRemote,
    name,
    kind: spanKinds[kind],
    startTimeUnixNano: nanoseconds(facts.epochMs + fromMs),
    endTimeUnixNano: nanoseconds(facts.epochMs + Math.max(fromMs, toMs)),
    attributes,
    status: failed ? errorStatus : {},
  };
}

function seconds(ms: number): number {
  return Math.round(ms * 1000) / 1_000_000;
}
