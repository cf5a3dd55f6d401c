/**
 * From an exchange that may run to an answer under way: the request head of our making, the engine of the lease, and
 * the one rule for trying another engine.
 *
 * Another engine is tried only when the connection failed, or the engine answered 503 or 429 before the commit: never
 * after a time-out, a 4xx, a 500, or a reset once the request was sent (a prompt that fells one engine must not fell
 * the next), nor where the request continues a conversation that one engine holds.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import type { Candidate } from '../core/engine/directory.ts';
import type { AttemptEnd, EngineRef } from '../core/engine/engine.ts';
import type { Upstream } from '../core/engine/upstream.ts';
import type { Limits } from '../core/proxy/limits.ts';
import type { Admission, Lease } from '../core/security/admission.ts';
import type { Exchange } from './exchange.ts';
import type { FieldName } from './fields.ts';
import { Relay } from './relay/relay.ts';
import type { Route } from './routes.ts';

export interface AttemptNeeds {
  readonly upstream: Upstream;
  readonly admission: Admission;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly heartbeatMs: number;
  readonly version: string;
}

/** One request, ready for whichever engine gets it. */
export interface Order {
  readonly route: Route;
  readonly method: string;
  /** Path and query on the engine, without the prefix of its address. */
  readonly target: string;
  readonly contentType: string | undefined;
  readonly body: readonly Buffer[];
  readonly bodyLength: number;
  readonly streamed: boolean;
  /** It belongs to what one engine holds; never tried elsewhere. */
  readonly bound: boolean;
}

/** Fields of the client's that mean something to an engine; all others stay here. */
const passing: readonly FieldName[] = [
  'accept',
  'tracestate',
  'anthropic-version',
  'anthropic-beta',
  'openai-beta',
];

/** Sends the order to the best candidate, and on to the next where the rule allows it. */
export function attempt(
  x: Exchange,
  order: Order,
  candidates: readonly Candidate[],
  needs: AttemptNeeds,
): void {
  const fields = requestFields(x, order, needs.version);
  const entered = needs.admission.enter(candidates);
  if (entered instanceof Promise) {
    // A lease that comes too late is given back, not leaked.
    void entered.then((lease) =>
      x.over ? lease.release('client-gone') : send(x, order, candidates, needs, fields, lease),
    );
    return;
  }
  send(x, order, candidates, needs, fields, entered);
}

function send(
  x: Exchange,
  order: Order,
  candidates: readonly Candidate[],
  needs: AttemptNeeds,
  fields: string,
  lease: Lease,
): void {
  const { ref } = lease.candidate.engine;
  const others = candidates.filter((c) => c !== lease.candidate);
  let next = false;
  x.outcome.engine = ref.id;
  const relay = new Relay({
    x,
    route: order.route,
    streamed: order.streamed,
    nowMs: () => needs.clock.monotonicMs(),
    commitAfterMs: needs.limits.commitAfterMs,
    heartbeatMs: needs.heartbeatMs,
    takeOver: (end, status) => {
      next =
        others.length > 0 &&
        !order.bound &&
        (end === 'refused-connection' || status === 503 || status === 429);
      return next;
    },
    over: (end: AttemptEnd) => {
      lease.release(end);
      if (!next) return;
      relay.flight?.abort();
      attempt(x, order, others, needs);
    },
  });
  relay.flight = needs.upstream.send(
    {
      to: ref.address,
      method: order.method,
      head: `${order.method} ${ref.address.path}${order.target} HTTP/1.1\r\n${fields}${keyField(ref, lease.candidate)}`,
      body: order.body,
      bodyLength: order.bodyLength,
      connectTimeoutMs: needs.limits.connectTimeoutMs,
      firstByteTimeoutMs: needs.limits.firstByteTimeoutMs,
      idleTimeoutMs: needs.limits.idleTimeoutMs,
    },
    relay,
  );
}

/** Everything but the request line, `host`, `content-length` and the engine's key. */
function requestFields(x: Exchange, order: Order, version: string): string {
  let fields = `user-agent: flm/${version}\r\naccept-encoding: identity\r\nx-request-id: ${x.id}\r\n`;
  if (order.contentType !== undefined) fields += `content-type: ${order.contentType}\r\n`;
  for (const name of passing) {
    const value = x.head.fields.get(name);
    if (value !== undefined) fields += `${name}: ${value}\r\n`;
  }
  return `${fields}traceparent: ${traceparent(x.head.fields.get('traceparent'))}\r\n`;
}

function keyField(ref: EngineRef, candidate: Candidate): string {
  if (ref.apiKey === undefined) return '';
  return candidate.engine.kind.keyField === 'x-api-key'
    ? `x-api-key: ${ref.apiKey}\r\n`
    : `authorization: Bearer ${ref.apiKey}\r\n`;
}

/** W3C Trace Context, section 3.2: passed on where it is well formed, made where it is missing. */
const traceparentPattern = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

function traceparent(given: string | undefined): string {
  if (given !== undefined && traceparentPattern.test(given)) return given;
  const id = randomHex();
  return `00-${id.slice(0, 32)}-${id.slice(32)}-01`;
}

/** Random bytes are drawn in bulk; one request takes 24 of them. */
let pool = '';
let poolAt = 0;

function randomHex(): string {
  if (poolAt + 48 > pool.length) {
    pool = randomBytes(24 * 256).toString('hex');
    poolAt = 0;
  }
  poolAt += 48;
  return pool.slice(poolAt - 48, poolAt);
}
