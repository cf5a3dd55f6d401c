/**
 * Decides when an admitted request runs, and on which engine: slots of engines, and a queue that is fair between keys.
 *
 *   enter --a slot is free--> lease --release--> over
 *     |                         ^
 *     `--all slots taken--> waiting --leave, waited too long, or displaced--> over
 *
 * An engine has as many slots as it reports or as its owner set. If neither is known, flm sends every request at once,
 * and the engine queues them. A free slot goes to the waiting key that this engine served least recently. So while two
 * keys both wait for the same engine, the numbers of requests started for them differ by at most one, and no other key
 * is served there twice while a key waits. Within a key the order is first in, first out. No request waits while a slot
 * is free, unless the engine of the slot ranks last and a better engine is up.
 *
 * The queue is bounded in length and in time. When it is full, a key with fewer waiting requests displaces the newest
 * request of the key that has most, so no key can block the others.
 *
 * A key here means a family of keys: after a rotation the old and the new secret share one queue. A lease is released
 * exactly once. Only this class counts the leases of an engine.
 *
 * A hand-over to another process reads the state with `exportState`, stops serving with `pause`, and takes the waiting
 * requests out with `takeWaiting`.
 */
import assert from 'node:assert';
import type { Clock, Unsubscribe } from '../clock.ts';
import type { Candidate, Candidates, EngineDirectory } from '../engine/directory.ts';
import type { AttemptEnd, EngineRef } from '../engine/engine.ts';
import type { EngineAnswer } from '../engine/engine-rank.ts';
import { isUp } from '../engine/health.ts';
import { rule } from '../rules.ts';
import type { Admission, AdmissionAsk, AdmissionDenial, Lease, QueueTicket } from './admission.ts';
import type { AdmissionState, TakenRequest } from './admission-state.ts';
import { EngineTurns } from './engine-turns.ts';
import {
  couldRunOn,
  type KeyQueue,
  placeOf,
  positionOf,
  type QueuedRequest,
  waitingFor,
  waitsFor,
} from './key-queues.ts';

export interface AdmissionLimits {
  /** Waiting requests of all keys. */
  readonly maxQueued: number;
  readonly maxQueueWaitMs: number;
}

/**
 * Decides how many slots of each engine this process may use. Without one, the process may use all of them. A source that
 * gets slots later calls `FairAdmission.serve`.
 */
export interface SlotSource {
  /** Slots of this process; undefined: no limit. */
  slots(engineId: string): number | undefined;
  /** A request has begun to wait for one of these engines. */
  waiting(candidates: readonly Candidate[]): void;
  /** A request has ended on the engine. Called before its slot goes to a waiting request. */
  released(engineId: string): void;
}

export interface QueueReading {
  readonly engine: string;
  readonly running: number;
  readonly slots: number | undefined;
  /** Waiting requests that this engine could answer. */
  readonly queued: number;
}

export interface FairTicket extends QueueTicket {
  /** The order in which requests began to wait. */
  readonly number: number;
}

/** The estimate for an engine without data. */
const unknownLeaseMs = 5_000;

export class FairAdmission implements Admission {
  readonly #directory: EngineDirectory;
  readonly #clock: Clock;
  readonly #limits: AdmissionLimits;
  readonly #turns = new EngineTurns();
  readonly #queues = new Map<string, KeyQueue>();
  #queued = 0;
  #lastNumber = 0;
  #paused = false;
  readonly #off: Unsubscribe;
  /** Called at each release, while another process counts the leases of this one. */
  onRelease:
    | ((engine: string, family: string, end: AttemptEnd, answer: EngineAnswer | undefined) => void)
    | undefined;

  /** Set once, before the first request. */
  slotSource: SlotSource | undefined;

  constructor(directory: EngineDirectory, clock: Clock, limits: AdmissionLimits) {
    this.#directory = directory;
    this.#clock = clock;
    this.#limits = limits;
    // An engine may have more slots now, or be up again.
    this.#off = directory.onChange(() => {
      if (this.#queued > 0) this.serveAll();
    });
  }

  enter(
    ask: AdmissionAsk,
    settled: (outcome: Lease | AdmissionDenial) => void,
  ): Lease | AdmissionDenial | FairTicket {
    const { key, candidates } = ask;
    const { best } = candidates;
    if (!ask.generates) return this.#readLease(best);
    assert(!this.#paused, 'nobody asks while another process takes over');
    const queue = this.#queueOf(key.familyId);
    const free = this.#mayTake(best, candidates)
      ? best
      : candidates.all.find((candidate) => this.#mayTake(candidate, candidates));
    if (free !== undefined) return this.#lease(free.engine.ref, queue, free);
    return this.#queue(queue, candidates, settled);
  }

  /**
   * Takes a slot that another process granted, or that a running request had before a hand-over, even if none is free.
   */
  hold(candidate: Candidate, familyId: string): Lease {
    return this.#lease(candidate.engine.ref, this.#queueOf(familyId), candidate);
  }

  /** Adds a request that waited in another process, even if the queue is full. */
  wait(ask: AdmissionAsk, leftMs: number, settled: (outcome: Lease | AdmissionDenial) => void): FairTicket {
    const queue = this.#queueOf(ask.key.familyId);
    const ticket = this.#push(queue, ask.candidates, leftMs, settled);
    for (const { engine } of ask.candidates.all) this.serve(engine.ref.id);
    return ticket;
  }

  serveAll(): void {
    for (const id of this.#turns.ids()) this.serve(id);
  }

  /** Running requests of an engine, those that are held for other processes included. */
  runningOn(engineId: string): number {
    return this.#turns.running(engineId);
  }

  /** Whether a request waits here that this engine could answer. */
  waitsFor(engineId: string): boolean {
    return this.#queued > 0 && waitsFor(this.#queues, engineId);
  }

  /** Returns the state that another process needs to continue. Changes nothing. */
  exportState(): AdmissionState {
    const nowMs = this.#clock.monotonicMs();
    const waiting = [...this.#queues.values()].flatMap((queue) => queue.waiting);
    return {
      engines: this.#turns.orders(),
      leases: this.#turns.leases(),
      waiting: waiting
        .sort((a, b) => a.number - b.number)
        .map(({ number, queue, candidates, untilMs }) => ({
          number,
          family: queue.id,
          engines: candidates.all.map((c) => c.engine.ref.id),
          leftMs: Math.max(0, untilMs - nowMs),
        })),
    };
  }

  /** Continues the order of service and the averages of another process. Its leases and waiting requests are not added. */
  importTurns(state: Pick<AdmissionState, 'engines'>): void {
    this.#turns.importOrders(state.engines);
  }

  /** Stops granting slots to waiting requests until `resume`. `enter` must not be called until then. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.serveAll();
  }

  /** Empties the queue and returns its requests, oldest first. This queue no longer settles them. */
  takeWaiting(): readonly TakenRequest[] {
    const all = [...this.#queues.values()].flatMap((queue) => queue.waiting);
    return all
      .sort((a, b) => a.number - b.number)
      .map((request) => {
        this.#drop(request);
        const { number, queue, candidates, settled } = request;
        return {
          number,
          ask: { key: { familyId: queue.id }, candidates, generates: true },
          settled,
          onLeave: (f: () => void): void => {
            request.left = f;
          },
        };
      });
  }

  get maxQueueWaitMs(): number {
    return this.#limits.maxQueueWaitMs;
  }

  /** Waiting requests of all keys. */
  get queued(): number {
    return this.#queued;
  }

  readings(): readonly QueueReading[] {
    return this.#directory.engines().map(({ ref }) => ({
      engine: ref.id,
      running: this.#turns.running(ref.id),
      slots: this.#slotCount(ref.id),
      queued: waitingFor(this.#queues, ref.id),
    }));
  }

  /** Ends every timer and subscription. Waiting requests are no longer settled. */
  close(): void {
    this.#off();
    for (const queue of this.#queues.values()) for (const request of queue.waiting) request.cancelTimer();
  }

  // --- slots

  #slotCount(engineId: string): number | undefined {
    return this.#directory.engine(engineId)?.slots;
  }

  #isFree(engineId: string): boolean {
    const slots = this.slotSource === undefined ? this.#slotCount(engineId) : this.slotSource.slots(engineId);
    // `of`, so that `serveAll` serves the engine also if no request has run on it yet.
    return slots === undefined || this.#turns.of(engineId).running < slots;
  }

  #mayTake({ engine: { ref } }: Candidate, candidates: Candidates): boolean {
    return this.#isFree(ref.id) && this.#isGoodEnough(ref.id, candidates);
  }

  /** An engine that ranks last gets a request only where no better engine is up: overflow must not go to a failing engine. */
  #isGoodEnough(engineId: string, candidates: Candidates): boolean {
    if (!this.#directory.ranksLast(engineId)) return true;
    return candidates.all.every(({ engine: { ref } }) => {
      if (this.#directory.ranksLast(ref.id)) return true;
      const now = this.#directory.engine(ref.id);
      return now === undefined || !isUp(now.state);
    });
  }

  /** Whether this request may take a free slot of the engine. */
  #isFor(engineId: string, request: QueuedRequest): boolean {
    return couldRunOn(engineId, request) && this.#isGoodEnough(engineId, request.candidates);
  }

  #lease(ref: EngineRef, queue: KeyQueue, candidate: Candidate): Lease {
    const slots = this.#turns.of(ref.id);
    const turn = this.#turns.begin(slots, queue.id);
    queue.active += 1;
    this.#directory.begin(ref);
    const begunMs = this.#clock.monotonicMs();
    let released = false;
    return {
      kind: 'lease',
      candidate,
      release: (end, answer) => {
        assert(!released, 'a lease is released exactly once');
        released = true;
        this.#turns.end(slots, turn, this.#clock.monotonicMs() - begunMs);
        this.#directory.report(ref, end, answer);
        this.onRelease?.(ref.id, queue.id, end, answer);
        this.#leaveQueue(queue);
        this.slotSource?.released(ref.id);
        if (this.#queued > 0) this.serve(ref.id);
      },
    };
  }

  #readLease(candidate: Candidate): Lease {
    const { ref } = candidate.engine;
    this.#directory.begin(ref);
    let released = false;
    return {
      kind: 'lease',
      candidate,
      release: (end, answer) => {
        assert(!released, 'a lease is released exactly once');
        released = true;
        this.#directory.report(ref, end, answer);
      },
    };
  }

  /** Gives the free slots of an engine to waiting requests, in fair order. */
  serve(engineId: string): void {
    if (this.#paused) return;
    while (this.#isFree(engineId)) {
      const request = this.#nextFor(engineId);
      if (request === undefined) return;
      this.#take(request);
      // The request was counted as waiting; the lease counts it again.
      request.queue.active -= 1;
      const candidate = request.candidates.all.find((c) => c.engine.ref.id === engineId) as Candidate;
      request.settled(this.#lease(candidate.engine.ref, request.queue, candidate));
    }
  }

  /** Returns the first request that can run on the engine, of the key that the engine served least recently. */
  #nextFor(engineId: string): QueuedRequest | undefined {
    const { turns } = this.#turns.of(engineId);
    let best: QueuedRequest | undefined;
    let bestServed = Number.POSITIVE_INFINITY;
    for (const queue of this.#queues.values()) {
      if (queue.waiting.length === 0) continue;
      const served = turns.get(queue.id)?.served ?? 0;
      if (served >= bestServed) continue;
      const first = queue.waiting.find((w) => this.#isFor(engineId, w));
      if (first === undefined) continue;
      best = first;
      bestServed = served;
    }
    return best;
  }

  // --- waiting

  #queue(
    queue: KeyQueue,
    candidates: Candidates,
    settled: (outcome: Lease | AdmissionDenial) => void,
  ): AdmissionDenial | FairTicket {
    const position = positionOf(this.#queues, queue, candidates);
    if (this.#queued >= this.#limits.maxQueued && !this.#displace(queue)) {
      return this.#full(position, candidates);
    }
    const ticket = this.#push(queue, candidates, this.#limits.maxQueueWaitMs, settled);
    return { ...ticket, position };
  }

  /** Lets a request wait at the end of its key's queue. */
  #push(
    queue: KeyQueue,
    candidates: Candidates,
    waitMs: number,
    settled: (outcome: Lease | AdmissionDenial) => void,
  ): FairTicket {
    if (queue.waiting.length === 0) {
      // Among keys that an engine has served equally, the one that began to wait first is first.
      this.#queues.delete(queue.id);
      this.#queues.set(queue.id, queue);
    }
    const request: QueuedRequest = {
      number: ++this.#lastNumber,
      untilMs: this.#clock.monotonicMs() + waitMs,
      left: undefined,
      queue,
      candidates,
      settled,
      cancelTimer: this.#clock.after(waitMs, () => {
        this.#drop(request);
        settled({
          ...this.#full(positionOf(this.#queues, queue, candidates), candidates),
          rule: rule('max-queue-wait'),
        });
      }),
    };
    queue.waiting.push(request);
    queue.active += 1;
    this.#queued += 1;
    this.slotSource?.waiting(candidates.all);
    return {
      kind: 'waiting',
      number: request.number,
      position: queue.waiting.length,
      place: () => placeOf(this.#queues, this.#turns.of(candidates.best.engine.ref.id).turns, request),
      leave: () => {
        if (request.left === undefined) this.#drop(request);
        else request.left();
      },
    };
  }

  /**
   * Displaces the newest request of the key with most waiting requests, if that key has more than the requesting key
   * would have.
   */
  #displace(asking: KeyQueue): boolean {
    let most: KeyQueue | undefined;
    for (const queue of this.#queues.values()) {
      if (queue.waiting.length > (most?.waiting.length ?? asking.waiting.length + 1)) most = queue;
    }
    const newest = most?.waiting.at(-1);
    if (newest === undefined) return false;
    this.#drop(newest);
    const { queue, candidates } = newest;
    newest.settled(this.#full(positionOf(this.#queues, queue, candidates), candidates));
    return true;
  }

  /** Removes a request from the queue without settling it. */
  #drop(request: QueuedRequest): void {
    if (!this.#take(request)) return;
    this.#leaveQueue(request.queue);
  }

  #take(request: QueuedRequest): boolean {
    const at = request.queue.waiting.indexOf(request);
    if (at < 0) return false;
    request.queue.waiting.splice(at, 1);
    request.cancelTimer();
    this.#queued -= 1;
    return true;
  }

  #full(position: number, candidates: Candidates): AdmissionDenial {
    const expectedWaitMs = this.#expectedWaitMs(position, candidates);
    return {
      kind: 'denied',
      code: 'QUEUE_FULL',
      params: {},
      rule: rule('max-queued'),
      retryAfterMs: expectedWaitMs,
      position,
      expectedWaitMs,
    };
  }

  #expectedWaitMs(position: number, candidates: Candidates): number {
    let slots = 0;
    let averageMs = 0;
    for (const { engine } of candidates.all) {
      slots += this.#slotCount(engine.ref.id) ?? 1;
      averageMs = Math.max(averageMs, this.#turns.of(engine.ref.id).averageMs);
    }
    return Math.ceil((position * (averageMs || unknownLeaseMs)) / Math.max(1, slots));
  }

  // --- bounds of memory

  #queueOf(familyId: string): KeyQueue {
    let queue = this.#queues.get(familyId);
    if (queue === undefined) {
      queue = { id: familyId, active: 0, waiting: [] };
      this.#queues.set(familyId, queue);
    }
    return queue;
  }

  #leaveQueue(queue: KeyQueue): void {
    queue.active -= 1;
    assert(queue.active >= 0, 'a request that leaves a queue was in it');
  }

  /**
   * Drops keys without requests. Call it about once a second: a map that changes with each request leaves a trail of old
   * tables, through which dead requests keep younger ones alive until a full collection.
   */
  forgetIdle(): void {
    for (const { id, active } of this.#queues.values()) if (active === 0) this.#queues.delete(id);
    // While others wait, the turn is kept. Otherwise a key that sends its next request after each response would always
    // count as new, and be first.
    if (this.#queued > 0) return;
    this.#turns.keep((id) => this.#queues.has(id));
  }
}
