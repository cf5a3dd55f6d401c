/**
 * The requests that wait for engines, by family of keys, and their places in the order of service. `FairAdmission` owns and
 * changes them; these functions only read.
 */
import type { Unsubscribe } from '../clock.ts';
import type { Candidates } from '../engine/directory.ts';
import type { AdmissionDenial, Lease } from './admission.ts';
import type { FamilyTurn } from './engine-turns.ts';

/** The requests of one family of keys. */
export interface KeyQueue {
  readonly id: string;
  /** Leases and waiting requests. */
  active: number;
  readonly waiting: QueuedRequest[];
}

export interface QueuedRequest {
  /** The order in which requests began to wait. */
  readonly number: number;
  readonly untilMs: number;
  /** Called by `leave` once another process has the request. */
  left: (() => void) | undefined;
  readonly queue: KeyQueue;
  readonly candidates: Candidates;
  readonly settled: (outcome: Lease | AdmissionDenial) => void;
  readonly cancelTimer: Unsubscribe;
}

/** By family id, in the order in which the families began to wait. */
export type KeyQueues = ReadonlyMap<string, KeyQueue>;

export function couldRunOn(engineId: string, { candidates }: QueuedRequest): boolean {
  return candidates.all.some(({ engine }) => engine.ref.id === engineId);
}

/** Whether a request waits that this engine could answer. */
export function waitsFor(queues: KeyQueues, engineId: string): boolean {
  for (const { waiting } of queues.values())
    if (waiting.some((request) => couldRunOn(engineId, request))) return true;
  return false;
}

/** The number of waiting requests that this engine could answer. */
export function waitingFor(queues: KeyQueues, engineId: string): number {
  let count = 0;
  for (const { waiting } of queues.values())
    count += waiting.filter((request) => couldRunOn(engineId, request)).length;
  return count;
}

/** The position of a new request when keys are served in turn. */
export function positionOf(queues: KeyQueues, queue: KeyQueue, candidates: Candidates): number {
  const ids = idsOf(candidates);
  const own = queue.waiting.length;
  let before = own;
  for (const other of queues.values()) {
    if (other === queue) continue;
    const waiting = other.waiting.filter((request) => couldRunOnAny(ids, request)).length;
    before += Math.min(waiting, own + 1);
  }
  return before + 1;
}

/**
 * The position of a waiting request in the order of service of its best engine, whose turns these are. Counts no further
 * than needed: a list of all places must stay cheap.
 */
export function placeOf(
  queues: KeyQueues,
  turns: ReadonlyMap<string, FamilyTurn>,
  request: QueuedRequest,
): number | undefined {
  const { queue, candidates } = request;
  const own = queue.waiting.indexOf(request);
  if (own < 0) return undefined;
  const ids = idsOf(candidates);
  const served = turns.get(queue.id)?.served ?? 0;
  let before = own;
  let isLater = false;
  for (const other of queues.values()) {
    if (other === queue) {
      isLater = true;
      continue;
    }
    const theirs = turns.get(other.id)?.served ?? 0;
    // As `FairAdmission` serves: the key served least recently is first, and among equals the key that began to wait first.
    const most = theirs < served || (theirs === served && !isLater) ? own + 1 : own;
    let earlier = 0;
    for (const waiting of other.waiting) {
      if (earlier === most) break;
      if (couldRunOnAny(ids, waiting)) earlier += 1;
    }
    before += earlier;
  }
  return before + 1;
}

function idsOf(candidates: Candidates): ReadonlySet<string> {
  return new Set(candidates.all.map(({ engine }) => engine.ref.id));
}

function couldRunOnAny(engineIds: ReadonlySet<string>, { candidates }: QueuedRequest): boolean {
  return candidates.all.some(({ engine }) => engineIds.has(engine.ref.id));
}
