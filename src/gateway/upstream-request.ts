/**
 * A request for an engine, the same for every engine that may get it, and the request head that flm writes. Only the
 * fields listed here and in the table of passing headers reach an engine.
 */
import { randomBytes } from 'node:crypto';
import type { RouteId } from '../core/engine/routes.ts';
import { readTraceparent } from '../core/otlp/request-trace.ts';
import type { Exchange } from './exchange.ts';
import type { Route } from './routes.ts';

/** Routes whose responses hold numbers, sounds or images, and no text of a model. */
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

/** One request that any of the candidate engines can answer. */
export interface UpstreamRequest {
  readonly route: Route;
  readonly method: string;
  /** Path and query on the engine, without the prefix of its address. */
  readonly target: string;
  readonly contentType: string | undefined;
  readonly body: readonly Buffer[];
  readonly bodyLength: number;
  readonly streamed: boolean;
  /** The request continues state of one engine (a conversation, a stored response), so no other engine is tried. */
  readonly bound: boolean;
  /** The request makes an engine generate. False for a request that only reads. */
  readonly generates: boolean;
  /** The response holds text of a model. Absent: as the route says. */
  readonly writesText?: boolean | undefined;
  /** flm asked for the usage at the end of the stream, and removes it from the client's stream. */
  readonly usageAdded?: boolean;
}

/** A request that only reads, without a body. */
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

/** Whether the response holds text of a model, rather than numbers, sounds or images. */
export function writesText(request: UpstreamRequest): boolean {
  return request.writesText ?? !textless.has(request.route.id);
}

/** The fields that are the same for every engine: all but `host`, `content-length` and the engine's key. */
export function requestFields(x: Exchange, request: UpstreamRequest, version: string): string {
  let fields = `user-agent: flm/${version}\r\naccept-encoding: identity\r\nx-request-id: ${x.id}\r\n`;
  if (request.contentType !== undefined) fields += `content-type: ${request.contentType}\r\n`;
  const from = x.head.fields;
  // A trace gives each attempt its own fields.
  const trace = x.trace === undefined ? traceFields(from.get('traceparent'), from.get('tracestate')) : '';
  return fields + from.passingLines() + trace;
}

/**
 * A `traceparent` is passed on where it is valid, and made where it is missing. A `tracestate` is valid only with the
 * `traceparent` that it came with.
 */
function traceFields(parent: string | undefined, state: string | undefined): string {
  if (readTraceparent(parent) !== undefined)
    return `traceparent: ${parent}\r\n${state === undefined ? '' : `tracestate: ${state}\r\n`}`;
  const id = randomHex();
  return `traceparent: 00-${id.slice(0, 32)}-${id.slice(32)}-01\r\n`;
}

/** Random bytes are generated in bulk; one request uses 24. */
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
