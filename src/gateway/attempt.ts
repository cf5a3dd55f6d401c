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
import type { EngineRef } from '../core/engine/engine.ts';
import type { RouteId } from '../core/engine/routes.ts';
import type { Upstream } from '../core/engine/upstream.ts';
import type { Limits } from '../core/proxy/limits.ts';
import type { Admission, AdmissionDenial, Lease, QueueTicket } from '../core/security/admission.ts';
import type { KeyView } from '../core/security/api-key.ts';
import type { KeyHoldings } from '../core/security/key-holdings.ts';
import type { TokenBudgets } from '../core/security/token-budgets.ts';
import { engineAnswer } from './engine-answer.ts';
import type { Exchange, Refusal } from './exchange.ts';
import { refuse } from './refuse.ts';
import { Relay } from './relay/relay.ts';
import { limitFields, retryFields } from './retry-fields.ts';
import type { Route } from './routes.ts';

export interface AttemptDeps {
  readonly upstream: Upstream;
  readonly admission: Admission;
  readonly holdings: KeyHoldings;
  readonly tokens: TokenBudgets;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly heartbeatMs: number;
  readonly version: string;
}

/** Routes whose answers hold numbers, sounds or images, and no text of a model. */
const textless: ReadonlySet<RouteId> = new Set([
  'embeddings',
  'ollama.embed',
  'ollama.embeddings',
  'rerank',
  'score',
  'audio.speech',
  'images.generations',
  'images.edits',
  'images.variations',
]);

/** One request, ready for whichever engine gets it. */
export interface UpstreamRequest {
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
  /** It makes an engine work, rather than look something up. */
  readonly generates: boolean;
  /** Its answer holds text of a model. Absent: as the route says. */
  readonly writesText?: boolean | undefined;
  /** The usage at the end of the stream was asked for by flm; the client does not get to see it. */
  readonly usageAdded?: boolean;
}

/** One that only looks something up. `bound`: it belongs to what one engine holds. */
export function lookUpRequest(x: Exchange, route: Route, target: string, bound: boolean): UpstreamRequest {
  return {
    route,
    method: x.head.method,
    target,
    contentType: undefined,
    body: [],
    bodyLength: 0,
    streamed: false,
    bound,
    generates: false,
  };
}

/** Sends the order to an engine as soon as the key's limits and the engine's slots allow it, and on where the rule allows it. */
export function attempt(
  x: Exchange,
  key: KeyView,
  order: UpstreamRequest,
  candidates: readonly Candidate[],
  deps: AttemptDeps,
): void {
  if (order.generates) {
    const reading = deps.tokens.reading(key);
    if (reading !== undefined) x.rate = [...(x.rate ?? []), ...limitFields('tokens', reading)];
    const denial = deps.tokens.deny(key);
    if (denial !== undefined) return refuse(x, refusalOf(denial));
  }
  enter({ x, key, order, deps, fields: requestFields(x, order, deps.version) }, candidates);
}

/** A request that may run, and everything but the engine. */
interface Entrant {
  readonly x: Exchange;
  readonly key: KeyView;
  readonly order: UpstreamRequest;
  readonly deps: AttemptDeps;
  readonly fields: string;
}

function enter(entrant: Entrant, candidates: readonly Candidate[]): void {
  const { x, key, order, deps } = entrant;
  let lease: Lease | undefined;
  let place: QueueTicket | undefined;
  let next = false;
  const relay = new Relay({
    x,
    route: order.route,
    streamed: order.streamed,
    charged: order.generates,
    writesText: order.writesText ?? !textless.has(order.route.id),
    usageAdded: order.usageAdded === true,
    nowMs: () => deps.clock.monotonicMs(),
    commitAfterMs: deps.limits.commitAfterMs,
    heartbeatMs: deps.heartbeatMs,
    takeOver: (end, status) => {
      next =
        candidates.length > 1 &&
        !order.bound &&
        (end === 'refused-connection' || status === 503 || status === 429);
      return next;
    },
    over: (end, status, errorSeen) => {
      if (lease === undefined) {
        tellWait();
        return place?.leave();
      }
      lease.release(end, engineAnswer(order, key, lease.candidate, { end, status, errorSeen }));
      if (!next) return;
      relay.inFlightRequest?.abort();
      const { candidate } = lease;
      enter(
        entrant,
        candidates.filter((c) => c !== candidate),
      );
    },
  });
  const enteredMs = deps.clock.monotonicMs();
  let told = false;
  // However waiting ends, and once for each engine that was waited for.
  const tellWait = (): void => {
    if (place === undefined || told) return;
    told = true;
    x.outcome.queuedMs = (x.outcome.queuedMs ?? 0) + deps.clock.monotonicMs() - enteredMs;
  };
  const settled = (outcome: Lease | AdmissionDenial): void => {
    tellWait();
    if (outcome.kind === 'denied') return relay.deny(refusalOf(outcome));
    lease = outcome;
    send(entrant, outcome, relay);
  };
  const entered = deps.admission.enter({ key, candidates, generates: order.generates }, settled);
  if (entered.kind !== 'waiting') return settled(entered);
  place = entered;
}

function send(entrant: Entrant, lease: Lease, relay: Relay): void {
  const { x, order, deps, fields } = entrant;
  const { ref } = lease.candidate.engine;
  x.outcome.engine = ref.id;
  x.outcome.contextLength = lease.candidate.model?.contextLength;
  relay.inFlightRequest = deps.upstream.send(
    {
      to: ref.address,
      method: order.method,
      head: `${order.method} ${ref.address.path}${order.target} HTTP/1.1\r\n${fields}${keyField(ref, lease.candidate)}`,
      body: order.body,
      bodyLength: order.bodyLength,
      connectTimeoutMs: deps.limits.connectTimeoutMs,
      firstByteTimeoutMs: deps.limits.firstByteTimeoutMs,
      idleTimeoutMs: deps.limits.idleTimeoutMs,
    },
    relay,
  );
}

/** `x-flm-queue-*` tell where the request would have stood, and how long that would have taken. */
function refusalOf(denial: AdmissionDenial): Refusal {
  const { code, params, rule, retryAfterMs, position, expectedWaitMs } = denial;
  const fields = retryFields(retryAfterMs);
  if (position !== undefined) fields.push('x-flm-queue-position', String(position));
  if (expectedWaitMs !== undefined) fields.push('x-flm-queue-wait-ms', String(expectedWaitMs));
  return { code, params, rule, fields };
}

/** Everything but the request line, `host`, `content-length` and the engine's key. */
function requestFields(x: Exchange, order: UpstreamRequest, version: string): string {
  let fields = `user-agent: flm/${version}\r\naccept-encoding: identity\r\nx-request-id: ${x.id}\r\n`;
  if (order.contentType !== undefined) fields += `content-type: ${order.contentType}\r\n`;
  const from = x.head.fields;
  return fields + from.passingLines() + traceFields(from.get('traceparent'), from.get('tracestate'));
}

function keyField(ref: EngineRef, candidate: Candidate): string {
  if (ref.apiKey === undefined) return '';
  return candidate.engine.kind.keyField === 'x-api-key'
    ? `x-api-key: ${ref.apiKey}\r\n`
    : `authorization: Bearer ${ref.apiKey}\r\n`;
}

/** W3C Trace Context, section 3.2: passed on where it is well formed, made where it is missing. */
const traceparentPattern = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** A state belongs to the parent that it came with. */
function traceFields(parent: string | undefined, state: string | undefined): string {
  if (parent !== undefined && traceparentPattern.test(parent))
    return `traceparent: ${parent}\r\n${state === undefined ? '' : `tracestate: ${state}\r\n`}`;
  const id = randomHex();
  return `traceparent: 00-${id.slice(0, 32)}-${id.slice(32)}-01\r\n`;
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
