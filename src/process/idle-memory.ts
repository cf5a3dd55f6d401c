/**
 * Returns memory to the operating system while a proxy rests. V8 collects garbage only when a program allocates, so what
 * a start or a busy hour needed would stay resident for as long as nothing happens.
 *
 * A collection stops the process for about 50 ms, and V8 forgets what it has optimised: the next 20,000 requests cost about
 * 0.5 s of CPU more. So after a start it runs at once, and after requests only when none came for five minutes. It runs only
 * if the heap has grown since the last one.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Clock, Unsubscribe } from '../core/clock.ts';

export interface IdleMemoryOptions {
  readonly clock: Clock;
  /** Requests that run. */
  readonly inFlight: () => number;
  /** Requests so far. */
  readonly handled: () => number;
  /** Injected by tests. */
  readonly heapBytes?: () => number;
  readonly collect?: () => void;
}

const checkEveryMs = 2_000;
/** Checks in a row that see no request: before the first request, and after it. */
const checksAfterStart = 2;
const checksAfterRequests = 150;
const worthBytes = 8 * 1024 * 1024;

/** Checks until the returned function is called. */
export function trimWhenIdle({
  clock,
  inFlight,
  handled,
  heapBytes = () => getHeapStatistics().total_physical_size,
  collect = () => collectGarbage(),
}: IdleMemoryOptions): Unsubscribe {
  let seen = -1;
  let quiet = 0;
  /** Bytes of the heap after the last collection. */
  let floor = 0;
  return clock.every(checkEveryMs, () => {
    const now = handled();
    quiet = now === seen && inFlight() === 0 ? quiet + 1 : 0;
    seen = now;
    const needed = now === 0 ? checksAfterStart : checksAfterRequests;
    if (quiet < needed || heapBytes() < floor + worthBytes) return;
    collect();
    floor = heapBytes();
  });
}

/** Collects all garbage. `last-resort` also shrinks the heap and forgets compiled code that has not run for long. */
export function collectGarbage(flavor: NodeJS.GCOptions['flavor'] = 'last-resort'): void {
  // Node has no function for this. Contexts that are made while the flag is set have one.
  setFlagsFromString('--expose-gc');
  try {
    const gc: NodeJS.GCFunction = runInNewContext('gc');
    gc({ type: 'major', execution: 'sync', flavor });
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}
