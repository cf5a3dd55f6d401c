/**
 * The port through which a request waits for an engine: asks for a slot of one of its candidates, and gets a lease, a
 * denial, or a place in a queue. `FairAdmission` decides in this process; other implementations ask another process or
 * machine.
 */
import type { Candidate, Candidates } from '../engine/directory.ts';
import type { AttemptEnd } from '../engine/engine.ts';
import type { EngineAnswer } from '../engine/engine-rank.ts';
import type { Denial } from './access.ts';
import type { KeyView } from './api-key.ts';

export interface Lease {
  readonly kind: 'lease';
  readonly candidate: Candidate;
  /** Call it exactly once. `answer` affects the rank of the engine. */
  release(end: AttemptEnd, answer?: EngineAnswer): void;
}

/** Not admitted. `retryAfterMs` is an estimate. The last two fields are set if the queue refused. */
export interface AdmissionDenial extends Denial {
  readonly kind: 'denied';
  readonly retryAfterMs: number;
  readonly position?: number;
  readonly expectedWaitMs?: number;
}

/** A request in the queue. */
export interface QueueTicket {
  readonly kind: 'waiting';
  /** The number of the request in the queue of this process; undefined if it waits elsewhere. */
  readonly number?: number | undefined;
  /** Position in the order of service when the request entered the queue, from 1. */
  readonly position: number;
  /** The position in the order of service now; undefined if it is not known, or the request no longer waits here. */
  place(): number | undefined;
  /** Leaves the queue; `settled` is not called. Has no effect after `settled` was called. */
  leave(): void;
}

export interface AdmissionAsk {
  readonly key: Pick<KeyView, 'familyId'>;
  readonly candidates: Candidates;
  /** False for read-only requests: they take no slot, never wait and count against no limit. */
  readonly generates: boolean;
}

export interface Admission {
  /**
   * Returns a lease or a denial immediately if possible. Otherwise returns a ticket and later calls `settled` once,
   * unless the ticket leaves.
   */
  enter(
    ask: AdmissionAsk,
    settled: (outcome: Lease | AdmissionDenial) => void,
  ): Lease | AdmissionDenial | QueueTicket;
}
