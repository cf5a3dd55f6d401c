/**
 * The requests that a proxy works on now, as `flm requests`, `flm top`, the dashboard and the admin API show them.
 * Neither prompts nor responses are part of it.
 */
import type { RequestLine } from './proxy-handle.ts';

/**
 * - receiving: the body of the request is not complete.
 * - waiting: the request waits for a slot of an engine.
 * - processing: the engine has the request and has sent nothing of its response.
 * - streaming: the client receives the response.
 */
export const requestStates = ['receiving', 'waiting', 'processing', 'streaming'] as const;
export type RequestState = (typeof requestStates)[number];

export interface RunningRequest {
  readonly id: string;
  readonly startedAtMs: number;
  /** Milliseconds since the request began. */
  readonly ageMs: number;
  readonly client: string;
  readonly keyId: string;
  readonly keyLabel: string;
  readonly method: string;
  /** The pattern of its row in the route table, such as `/v1/chat/completions`. */
  readonly route: string;
  /** Null while it is not known, and where the request names no model. */
  readonly model: string | null;
  /** The engine of the current attempt; null before the first. */
  readonly engine: string | null;
  readonly state: RequestState;
  /** The place in the order of service, from 1; null unless the request waits, or if another process keeps the queue. */
  readonly queuePosition: number | null;
  /** From the beginning of the request to the first byte of the response; null before. */
  readonly firstByteMs: number | null;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** The response is a stream of events. */
  readonly streamed: boolean;
  /** Tokens of the response so far: the count of the engine, or an estimate if that is larger. */
  readonly outputTokens: number;
  readonly tokensEstimated: boolean;
  /** Output tokens a second since the first byte; null until it can be told. */
  readonly tokensPerSecond: number | null;
}

/** What changed since the update before. The first update of a stream has every running request. */
export interface RequestsUpdate {
  /** New requests and requests that changed. */
  readonly running: readonly RunningRequest[];
  /** Ids of requests that an earlier update had and that no longer run. */
  readonly gone: readonly string[];
  /** The newest requests that ended, oldest first; also those that began after the update before. */
  readonly ended: readonly RequestLine[];
}

/** Calls of flm's own pages and admin API are left out where requests are listed: a page would list itself. */
export function isOwnPath(path: string): boolean {
  return path.startsWith('/flm/');
}
