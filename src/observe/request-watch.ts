/**
 * Reports running requests to readers: all of them first, then what changed, four times a second. With many requests it
 * reports less often, so that a reader costs the proxy the same at any load. It looks at the requests only while somebody
 * reads, and a slow reader gets fewer updates but never delays a request.
 */
import type { Clock } from '../core/clock.ts';
import { isOwnPath, type RequestsUpdate, type RunningRequest } from '../core/proxy/running-request.ts';
import type { TailHub } from './tail.ts';

const updateMs = 250;
/** 200 requests a second: with 200 running requests, an update each second. */
const msPerRequest = 5;
const slowestUpdateMs = 2_000;
/** Requests that ended, in one update. */
const maxEnded = 200;

export interface RequestWatchDeps {
  readonly running: () => readonly RunningRequest[];
  readonly tail: Pick<TailHub, 'collect'>;
  readonly clock: Clock;
}

export async function* watchRequests(
  { running, tail, clock }: RequestWatchDeps,
  signal: AbortSignal,
): AsyncGenerator<RequestsUpdate, void, undefined> {
  const ended = tail.collect(maxEnded);
  try {
    let before = new Map<string, RunningRequest>();
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      const lines = ended.take().filter(({ path }) => !isOwnPath(path));
      const now = new Map(running().map((request) => [request.id, request]));
      const update = {
        running: [...now.values()].filter((request) => hasChanged(before.get(request.id), request)),
        gone: [...before.keys()].filter((id) => !now.has(id)),
        ended: lines,
      };
      before = now;
      if (isFirst || update.running.length + update.gone.length + lines.length > 0) yield update;
      const wantedMs = (now.size + lines.length) * msPerRequest;
      await pause(clock, Math.min(Math.max(updateMs, wantedMs), slowestUpdateMs), signal);
    }
  } finally {
    ended.end();
  }
}

/** The age changes always, and readers know it. */
function hasChanged(before: RunningRequest | undefined, now: RunningRequest): boolean {
  return (
    before === undefined ||
    before.state !== now.state ||
    before.queuePosition !== now.queuePosition ||
    before.engine !== now.engine ||
    before.model !== now.model ||
    before.firstByteMs !== now.firstByteMs ||
    before.bytesIn !== now.bytesIn ||
    before.bytesOut !== now.bytesOut ||
    before.outputTokens !== now.outputTokens
  );
}

function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    signal.addEventListener('abort', done);
  });
}
