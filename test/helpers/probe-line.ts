/**
 * The HTTP client of probes in tests: the real client over real sockets.
 */
import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { ProbeLine } from '../../src/engines/probe-request.ts';
import { EngineUpstream } from '../../src/upstream/upstream.ts';

export interface TestLine extends ProbeLine {
  readonly upstream: EngineUpstream;
}

/** A clock without timeouts: a machine that is busy with other tests must not make an engine time out. */
export const patientClock: Clock = { ...systemClock, after: () => () => {}, every: () => () => {} };

/** Closed by its owner. */
export function openLine(): TestLine {
  return { clock: patientClock, upstream: new EngineUpstream({ clock: patientClock, poolIdleMs: 3500 }) };
}
