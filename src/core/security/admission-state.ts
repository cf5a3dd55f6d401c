/** What a queue gives to the process that takes over. */
import type { AdmissionAsk, AdmissionDenial, Lease } from './admission.ts';
import type { EngineOrder, HeldLeases } from './engine-turns.ts';

export interface AdmissionState {
  readonly engines: readonly EngineOrder[];
  readonly leases: readonly HeldLeases[];
  /** In the order in which they began to wait. */
  readonly waiting: readonly WaitingRequest[];
}

export interface WaitingRequest {
  readonly number: number;
  readonly family: string;
  /** Ids of the engines that may answer it, best first. */
  readonly engines: readonly string[];
  /** How much longer it may wait before it is refused. */
  readonly leftMs: number;
}

/** A waiting request that left this queue and will be settled by another process. */
export interface TakenRequest {
  readonly number: number;
  readonly ask: AdmissionAsk;
  readonly settled: (outcome: Lease | AdmissionDenial) => void;
  /** Sets the new behaviour of its ticket. */
  onLeave(f: () => void): void;
}
