/**
 * Gives a request its place in a trace, where telemetry is on. Only a trusted proxy (`trustedProxies`) may continue a
 * trace: a client could otherwise decide what is sampled, and write into the traces of others. The context of any other
 * sender becomes a link.
 */
import type { Clock } from '../core/clock.ts';
import { detachString } from '../core/detached-string.ts';
import { type RequestTrace, readTraceparent, type Tracing } from '../core/otlp/request-trace.ts';
import type { RequestLine } from '../core/proxy/proxy-handle.ts';
import type { Exchange } from './exchange.ts';

/** W3C Trace Context, section 3.3.1.5: at least 512 characters must pass. */
const maxStateLength = 512;

export function beginTrace(x: Exchange, tracing: Tracing): RequestTrace {
  const { fields } = x.head;
  const text = fields.get('traceparent');
  // Spans are kept for longer than the head that these texts are a part of.
  const context = text === undefined ? undefined : readTraceparent(detachString(text));
  const { trustedProxies } = x.snapshot.policy;
  const trusted = context !== undefined && !trustedProxies.empty && trustedProxies.matches(x.peer.address);
  const state = trusted ? fields.get('tracestate') : undefined;
  const kept = state === undefined || state.length > maxStateLength ? undefined : detachString(state);
  const trace = tracing.begin({ context, trusted, state: kept });
  x.trace = trace;
  return trace;
}

/** Reports the end of a request. A request without a key has no trace: anyone could send any number of them. */
export function endTrace(x: Exchange, line: RequestLine, tracing: Tracing, clock: Clock): void {
  const trace = x.trace ?? (x.key === undefined ? undefined : beginTrace(x, tracing));
  if (trace !== undefined) trace.route = x.route;
  const { startedAtMs, reply } = x;
  tracing.ended(line, trace, {
    startedAtMs,
    firstByteAtMs: reply.firstByteAtMs,
    endedAtMs: clock.monotonicMs(),
  });
}
