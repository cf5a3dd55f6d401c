/**
 * What telemetry needs to know about one request beside its access record: its place in a trace, its waits for a slot,
 * and its attempts at engines. Made only where telemetry is on. Spans are built from it after the request has ended.
 *
 * It holds ids, names and times: no address, no credential, and nothing that a client wrote.
 */
import type { AttemptEnd } from '../engine/engine.ts';
import type { RouteId } from '../engine/routes.ts';
import type { RequestLine } from '../proxy/proxy-handle.ts';

/** W3C Trace Context: a position in a trace. */
export interface TraceContext {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  readonly sampled: boolean;
}

/** Version 00; section 3.2. Fields of later versions are not read. */
const traceparentPattern = /^00-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-([0-9a-f]{2})$/;

/** Undefined for a field that is not valid. */
export function readTraceparent(text: string | undefined): TraceContext | undefined {
  const found = text === undefined ? null : traceparentPattern.exec(text);
  if (found === null) return undefined;
  const [, traceId = '', spanId = '', flags = ''] = found;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** Where a trace comes from: the context that the request named, and whether the sender may set it. */
export interface TraceOrigin {
  readonly context: TraceContext | undefined;
  /** A trusted proxy sent the context: the trace continues. Otherwise the context becomes a link. */
  readonly trusted: boolean;
  /** The `tracestate` of a trusted proxy. */
  readonly state: string | undefined;
}

/** One attempt at an engine. */
export interface AttemptTrace {
  readonly spanId: string;
  readonly engine: string;
  /** The kind of the engine. */
  readonly kind: string;
  /** The engine's name for the model. */
  readonly model: string | undefined;
  /** Monotonic milliseconds. */
  readonly startedAtMs: number;
  /** 0 until the attempt or its request has ended. */
  endedAtMs: number;
  end: AttemptEnd | undefined;
  /** The status of the engine; undefined where no head arrived. */
  status: number | undefined;
}

export class RequestTrace {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
  readonly origin: TraceOrigin;
  /** Waits for a slot, in order: begin and end in monotonic milliseconds. */
  readonly waits: number[] = [];
  readonly attempts: AttemptTrace[] = [];
  /** Set by the router. */
  route: { readonly id: RouteId; readonly pattern: string } | undefined;
  readonly #newSpanId: () => string;

  constructor(
    start: { readonly traceId: string; readonly sampled: boolean; readonly origin: TraceOrigin },
    newSpanId: () => string,
  ) {
    this.traceId = start.traceId;
    this.sampled = start.sampled;
    this.origin = start.origin;
    this.#newSpanId = newSpanId;
    this.spanId = newSpanId();
  }

  waited(fromMs: number, toMs: number): void {
    this.waits.push(fromMs, toMs);
  }

  attempt(
    engine: { readonly id: string; readonly kind: string },
    model: string | undefined,
    nowMs: number,
  ): AttemptTrace {
    const attempt: AttemptTrace = {
      spanId: this.#newSpanId(),
      engine: engine.id,
      kind: engine.kind,
      model,
      startedAtMs: nowMs,
      endedAtMs: 0,
      end: undefined,
      status: undefined,
    };
    this.attempts.push(attempt);
    return attempt;
  }

  /** The lines of a request head that tell the engine that the attempt is its parent. */
  fieldsFor({ spanId }: AttemptTrace): string {
    const { trusted, state } = this.origin;
    const lines = `traceparent: 00-${this.traceId}-${spanId}-${this.sampled ? '01' : '00'}\r\n`;
    return trusted && state !== undefined ? `${lines}tracestate: ${state}\r\n` : lines;
  }
}

/** The times of a request that its record does not have, in monotonic milliseconds. */
export interface RequestTimes {
  readonly startedAtMs: number;
  /** 0 if the client got no body. */
  readonly firstByteAtMs: number;
  readonly endedAtMs: number;
}

/** Receives the requests of a gateway. Present only where telemetry is on. */
export interface Tracing {
  begin(origin: TraceOrigin): RequestTrace;
  /** The request has ended. `trace` is undefined for a request without a valid key. Never throws. */
  ended(line: RequestLine, trace: RequestTrace | undefined, times: RequestTimes): void;
}
