/**
 * Derives the health of one engine from its probes only:
 *
 *   one success            -> running, or degraded if the engine itself reports that
 *   a refused connection   -> down immediately: no program listens
 *   a timeout              -> degraded, if it was up: a busy engine is slow, not gone
 *   any other failure      -> down after the second in a row; one may be a restart or a lost packet
 */
import type { EngineState } from './engine.ts';
import type { ProbeResult } from './probe.ts';

export interface Health {
  readonly state: EngineState;
  /** Failed probes in a row. Timeouts of an engine that was up do not count. */
  readonly failures: number;
  /** Why it is not simply running, in words. */
  readonly note: string | undefined;
}

const failuresToGoDown = 2;

/** Before the first probe. */
export const unknownHealth: Health = { state: 'down', failures: 0, note: 'not asked yet' };

export function nextHealth(before: Health, result: ProbeResult): Health {
  if (result.state !== 'down') return { state: result.state, failures: 0, note: result.note };
  const note = result.detail;
  if (result.reason === 'timeout' && isUp(before.state)) return { state: 'degraded', failures: 0, note };
  const failures = before.failures + 1;
  if (result.reason === 'refused' || failures >= failuresToGoDown || !isUp(before.state)) {
    return { state: 'down', failures, note };
  }
  return { state: before.state, failures, note };
}

export function isUp(state: EngineState): boolean {
  return state === 'running' || state === 'degraded';
}
