/**
 * Describes the exchanges that run now. Everything is read from the exchange itself when somebody asks: a request that
 * nobody looks at costs nothing.
 */
import type { Clock } from '../core/clock.ts';
import type { RequestState, RunningRequest } from '../core/proxy/running-request.ts';
import type { Exchange } from './exchange.ts';
import type { HandlerName } from './routes.ts';

/** A bound for the work of one list. */
const maxListed = 1_000;
/** Handlers that send requests to engines. */
const engineHandlers: ReadonlySet<HandlerName> = new Set(['inference', 'engine-api']);
/** A rate over a shorter time says little. */
const shortestRateMs = 250;

export function runningRequests(exchanges: Iterable<Exchange>, clock: Clock): readonly RunningRequest[] {
  const requests: RunningRequest[] = [];
  for (const x of exchanges) {
    const request = runningRequest(x, clock);
    if (request !== undefined) requests.push(request);
    if (requests.length === maxListed) break;
  }
  return requests;
}

/** Undefined if the request has not passed its checks yet, is over, or is answered by flm itself. */
export function runningRequest(x: Exchange, clock: Clock): RunningRequest | undefined {
  const { key, route, outcome, reply, progress } = x;
  if (key === undefined || route === undefined || x.over || !engineHandlers.has(route.handler))
    return undefined;
  const nowMs = clock.monotonicMs();
  const ageMs = Math.max(0, nowMs - x.startedAtMs);
  const reported = progress?.reportedTokens ?? 0;
  const estimated = progress?.estimatedTokens ?? 0;
  const outputTokens = Math.max(reported, estimated);
  const firstByteMs = reply.firstByteAtMs === 0 ? null : reply.firstByteAtMs - x.startedAtMs;
  const writingMs = firstByteMs === null ? 0 : ageMs - firstByteMs;
  return {
    id: x.id,
    startedAtMs: Math.round(clock.nowMs() - ageMs),
    ageMs: Math.round(ageMs),
    client: x.client.text,
    keyId: key.id,
    keyLabel: key.label,
    method: x.head.method,
    route: route.pattern,
    model: outcome.model ?? null,
    engine: outcome.engine ?? null,
    state: stateOf(x),
    queuePosition: progress?.queuePlace ?? null,
    firstByteMs: firstByteMs === null ? null : Math.round(firstByteMs),
    bytesIn: outcome.bytesIn,
    bytesOut: reply.bytesOut,
    streamed: outcome.streamed,
    outputTokens,
    tokensEstimated: estimated > reported,
    tokensPerSecond:
      outputTokens === 0 || writingMs < shortestRateMs
        ? null
        : Math.round((outputTokens / writingMs) * 10_000) / 10,
  };
}

function stateOf({ progress }: Exchange): RequestState {
  if (progress === undefined) return 'receiving';
  if (progress.waits) return 'waiting';
  return progress.answers ? 'streaming' : 'processing';
}
