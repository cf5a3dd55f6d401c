/**
 * What probes speak through in tests: the real client over real sockets.
 */
import { systemClock } from '../../src/core/clock.ts';
import type { ProbeLine } from '../../src/engines/probe-request.ts';
import { EngineUpstream } from '../../src/upstream/upstream.ts';

export interface TestLine extends ProbeLine {
  readonly upstream: EngineUpstream;
}

/** Closed by its owner. */
export function openLine(): TestLine {
  return { clock: systemClock, upstream: new EngineUpstream({ clock: systemClock, poolIdleMs: 3500 }) };
}
