/**
 * One ended request as telemetry keeps it until it is sent: a copy, so that nothing of the request stays in memory
 * longer than needed, and only what may be sent. The address of the client, the path and the label of the key are left
 * out here.
 */

import type { RequestTimes } from '../core/otlp/request-trace.ts';
import type { Ending, RequestLine } from '../core/proxy/proxy-handle.ts';

export interface RequestFacts extends RequestTimes {
  readonly id: string;
  readonly method: string;
  readonly status: number;
  readonly keyId: string | null;
  readonly engine: string | null;
  readonly model: string | null;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly cachedTokens: number | null;
  readonly streamed: boolean;
  readonly ending: Ending;
  readonly code: string | null;
  /** What to add to a monotonic time for milliseconds since 1970. */
  readonly epochMs: number;
}

export function factsOf(line: RequestLine, times: RequestTimes, epochMs: number): RequestFacts {
  return {
    id: line.id,
    method: line.method,
    status: line.status,
    keyId: line.keyId,
    engine: line.engine,
    model: line.model,
    bytesIn: line.bytesIn,
    bytesOut: line.bytesOut,
    inputTokens: line.inputTokens,
    outputTokens: line.outputTokens,
    cachedTokens: line.cachedTokens,
    streamed: line.streamed,
    ending: line.ending,
    code: line.code,
    startedAtMs: times.startedAtMs,
    firstByteAtMs: times.firstByteAtMs,
    endedAtMs: times.endedAtMs,
    epochMs,
  };
}

/** `error.type`; undefined where flm or an engine made no mistake. A client that leaves is no error of the server. */
export function errorOf({ status, ending, code }: RequestFacts): string | undefined {
  if (ending === 'client-left' || ending === 'key-ended' || ending === 'cancelled') return undefined;
  if (status >= 500) return code ?? String(status);
  const isCut = ending !== 'done' && ending !== 'refused';
  return isCut ? (code ?? ending) : undefined;
}

/** A method that is no method of the table counts as one name, because a client can invent any number. */
const knownMethods: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
]);

export function methodOf({ method }: RequestFacts): string {
  return knownMethods.has(method) ? method : '_OTHER';
}
