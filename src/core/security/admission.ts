/**
 * When a request that may run does run, and on which engine: slots of engines, the fair queue.
 *
 *   enter --slot free--> lease --release--> over
 *     |                    ^
 *     `--slots taken----> waiting --leave, too long, pushed out--> over
 *
 * An engine has as many slots as it tells or as it was given; without either it takes everything and queues by itself.
 * When a slot frees, it goes to the key that was served by this engine the longest ago, so that over any span in which
 * two keys wait without a break for the same engine, the requests started for them differ by at most one; and while a
 * key waits, no other one is started there twice, be it in line without a break or not. Within a key it is first come,
 * first served. While a slot is free nobody waits for it, except where its engine ranks last and a better one is up.
 *
 * The queue is bounded in length and in time. When it is full, a key with fewer waiting requests pushes out the newest
 * of the key that has most, so that nobody can shut others out by flooding.
 *
 * A key here is a family of keys: after a rotation the old and the new secret stand in one line.
 *
 * A lease is released exactly once; the count of leases of an engine is kept here and nowhere else.
 */

import assert from 'node:assert';
import type { Clock, Unsubscribe } from '../clock.ts';
import type { Candidate, EngineDirectory } from '../engine/directory.ts';
import type { AttemptEnd } from '../engine/engine.ts';
import type { EngineAnswer } from '../engine/engine-rank.ts';
import { isUp } from '../engine/health.ts';
import { rule } from '../rules.ts';
import type { Denial } from './access.ts';
import type { KeyView } from './api-key.ts';

export interface Lease {
  readonly kind: 'lease';
  readonly candidate: Candidate;
  /** Exactly once. `answer` goes on to the engine's rank. */
  release(end: AttemptEnd, answer?: EngineAnswer): void;
}

/** Not admitted. `retryAfterMs` is a fair guess; the other two only where the queue refused. */
export interface AdmissionDenial extends Denial {
  readonly kind: 'denied';
  readonly retryAfterMs: number;
  readonly position?: number;
  readonly expectedWaitMs?: number;
}

/** A place in the queue. */
export interface QueueTicket {
  readonly kind: 'waiting';
  /** How many are served before it, as it stood at the beginning. */
  readonly position: number;
  /** Gives the place up; what it waits for is not told any more. Without effect once it was told. */
  leave(): void;
}

export interface AdmissionAsk {
  readonly key: KeyView;
  /** Best first. */
  readonly candidates: readonly Candidate[];
  /** False for what only reads: it takes no slot, waits for none and counts against no limit. */
  readonly generates: boolean;
}

export interface Admission {
  /** At once where that is possible; else `settled` is called once, later, unless the place is left before. */
  enter(
    ask: AdmissionAsk,
    settled: (outcome: Lease | AdmissionDenial) => void,
  ): Lease | AdmissionDenial | QueueTicket;
}

export interface AdmissionLimits {
  /** Requests that wait, of all keys together. */
  readonly maxQueued: number;
  readonly maxQueueWaitMs: number;
}

export interface QueueReading {
  readonly engine: string;
  readonly running: number;
  readonly slots: number | undefined;
  /** Requests that this engine could answer and that wait. */
  readonly queued: number;
}

/** One engine: what runs on it, and when it last served whom. */
interface EngineSlots {
  running: number;
  /** Family id to a running number. Forgotten when nobody waits: a key that is away for a moment keeps its turn. */
  readonly lastServed: Map<string, number>;
  /** A moving average of how long a lease lasts; 0 while unknown. */
  averageMs: number;
}

/** One family of keys: what it has in here. */
interface KeyQueue {
  readonly id: string;
  /** Leases and waiting requests. */
  active: number;
  readonly waiting: QueuedRequest[];
}

interface QueuedRequest {
  readonly line: KeyQueue;
  readonly candidates: readonly Candidate[];
  readonly settled: (outcome: Lease | AdmissionDenial) => void;
  readonly cancelTimer: Unsubscribe;
}

/** Weight of the newest lease in the moving average. */
const newestWeight = 0.2;
/** The wait that is told while nothing is known of an engine. */
const unknownLeaseMs = 5_000;

export class FairAdmission implements Admission {
  readonly #directory: EngineDirectory;
  readonly #clock: Clock;
  readonly #limits: AdmissionLimits;
  readonly #desks = new Map<string, EngineSlots>();
  readonly #lines = new Map<string, KeyQueue>();
  #queued = 0;
  #served = 0;
  readonly #off: Unsubscribe;

  constructor(directory: EngineDirectory, clock: Clock, limits: AdmissionLimits) {
    this.#directory = directory;
    this.#clock = clock;
    this.#limits = limits;
    // Slots may have become more, or an engine come back.
    this.#off = directory.onChange(() => {
      if (this.#queued > 0) for (const id of [...this.#desks.keys()]) this.#serve(id);
    });
  }

  enter(
    ask: AdmissionAsk,
    settled: (outcome: Lease | AdmissionDenial) => void,
  ): Lease | AdmissionDenial | QueueTicket {
    const { key, candidates } = ask;
    const [best] = candidates;
    assert(best !== undefined, 'admission needs a candidate');
    if (!ask.generates) return this.#readLease(best);
    const line = this.#lineOf(key.familyId);
    for (const candidate of candidates) {
      const id = candidate.engine.ref.id;
      if (this.#isFree(id) && this.#isGoodEnough(id, candidates)) return this.#lease(id, line, candidate);
    }
    return this.#queue(line, candidates, settled);
  }

  /** Requests that wait, of all keys together. */
  get queued(): number {
    return this.#queued;
  }

  readings(): readonly QueueReading[] {
    return this.#directory.engines().map(({ ref }) => ({
      engine: ref.id,
      running: this.#desks.get(ref.id)?.running ?? 0,
      slots: this.#slotsOf(ref.id),
      queued: this.#waitingFor(ref.id),
    }));
  }

  /** No timer and no subscription is left; those who wait hear nothing more. */
  close(): void {
    this.#off();
    for (const line of this.#lines.values()) for (const waiter of line.waiting) waiter.cancelTimer();
  }

  // --- slots

  #slotsOf(engineId: string): number | undefined {
    return this.#directory.engine(engineId)?.slots;
  }

  #isFree(engineId: string): boolean {
    const slots = this.#slotsOf(engineId);
    return slots === undefined || this.#deskOf(engineId).running < slots;
  }

  /** An engine that ranks last gets a request only where no better one is up: overflow must not end in failures. */
  #isGoodEnough(engineId: string, candidates: readonly Candidate[]): boolean {
    if (candidates.length === 1 || !this.#directory.ranksLast(engineId)) return true;
    return candidates.every(({ engine: { ref } }) => {
      if (this.#directory.ranksLast(ref.id)) return true;
      const now = this.#directory.engine(ref.id);
      return now === undefined || !isUp(now.state);
    });
  }

  /** Whether a free slot of the engine is for this request. */
  #isFor(engineId: string, waiter: QueuedRequest): boolean {
    return (
      waiter.candidates.some((c) => c.engine.ref.id === engineId) &&
      this.#isGoodEnough(engineId, waiter.candidates)
    );
  }

  #lease(engineId: string, line: KeyQueue, candidate: Candidate): Lease {
    const desk = this.#deskOf(engineId);
    desk.running += 1;
    line.active += 1;
    desk.lastServed.set(line.id, ++this.#served);
    const { ref } = candidate.engine;
    this.#directory.begin(ref);
    const begunMs = this.#clock.monotonicMs();
    let released = false;
    return {
      kind: 'lease',
      candidate,
      release: (end, answer) => {
        assert(!released, 'a lease is released exactly once');
        released = true;
        desk.running -= 1;
        const tookMs = this.#clock.monotonicMs() - begunMs;
        desk.averageMs =
          desk.averageMs === 0 ? tookMs : desk.averageMs + (tookMs - desk.averageMs) * newestWeight;
        this.#directory.report(ref, end, answer);
        this.#leaveLine(line);
        if (this.#queued > 0) this.#serve(engineId);
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

  /** Gives free slots to those who wait, fairly. */
  #serve(engineId: string): void {
    while (this.#isFree(engineId)) {
      const waiter = this.#nextFor(engineId);
      if (waiter === undefined) return;
      this.#take(waiter);
      // It keeps its place in the count of its key: the lease takes it over.
      waiter.line.active -= 1;
      const candidate = waiter.candidates.find((c) => c.engine.ref.id === engineId) as Candidate;
      waiter.settled(this.#lease(engineId, waiter.line, candidate));
    }
  }

  /** The first request for this engine of the key that it served the longest ago. */
  #nextFor(engineId: string): QueuedRequest | undefined {
    const desk = this.#deskOf(engineId);
    let best: QueuedRequest | undefined;
    let bestServed = Number.POSITIVE_INFINITY;
    for (const line of this.#lines.values()) {
      if (line.waiting.length === 0) continue;
      const served = desk.lastServed.get(line.id) ?? 0;
      if (served >= bestServed) continue;
      const first = line.waiting.find((w) => this.#isFor(engineId, w));
      if (first === undefined) continue;
      best = first;
      bestServed = served;
    }
    return best;
  }

  // --- waiting

  #queue(
    line: KeyQueue,
    candidates: readonly Candidate[],
    settled: (outcome: Lease | AdmissionDenial) => void,
  ): AdmissionDenial | QueueTicket {
    const position = this.#positionOf(line, candidates);
    if (this.#queued >= this.#limits.maxQueued && !this.#pushOut(line)) {
      this.#forgetIfIdle(line);
      return this.#full(position, candidates);
    }
    const waiter: QueuedRequest = {
      line,
      candidates,
      settled,
      cancelTimer: this.#clock.after(this.#limits.maxQueueWaitMs, () => {
        this.#drop(waiter);
        settled({
          ...this.#full(this.#positionOf(line, candidates), candidates),
          rule: rule('max-queue-wait'),
        });
      }),
    };
    line.waiting.push(waiter);
    line.active += 1;
    this.#queued += 1;
    return { kind: 'waiting', position, leave: () => this.#drop(waiter) };
  }

  /** Makes room for a key that has fewer waiting requests than another one has. */
  #pushOut(asking: KeyQueue): boolean {
    let most: KeyQueue | undefined;
    for (const line of this.#lines.values()) {
      if (line.waiting.length > (most?.waiting.length ?? asking.waiting.length + 1)) most = line;
    }
    const newest = most?.waiting.at(-1);
    if (newest === undefined) return false;
    this.#drop(newest);
    const { line, candidates } = newest;
    newest.settled(this.#full(this.#positionOf(line, candidates), candidates));
    return true;
  }

  /** Out of the queue without an answer. */
  #drop(waiter: QueuedRequest): void {
    if (!this.#take(waiter)) return;
    this.#leaveLine(waiter.line);
  }

  #take(waiter: QueuedRequest): boolean {
    const at = waiter.line.waiting.indexOf(waiter);
    if (at < 0) return false;
    waiter.line.waiting.splice(at, 1);
    waiter.cancelTimer();
    this.#queued -= 1;
    if (this.#queued === 0) this.#forgetTurns();
    return true;
  }

  #full(position: number, candidates: readonly Candidate[]): AdmissionDenial {
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

  /** Served one key after the other, this many come before it. */
  #positionOf(line: KeyQueue, candidates: readonly Candidate[]): number {
    const ids = new Set(candidates.map((c) => c.engine.ref.id));
    const own = line.waiting.length;
    let before = own;
    for (const other of this.#lines.values()) {
      if (other === line) continue;
      const waiting = other.waiting.filter((w) => w.candidates.some((c) => ids.has(c.engine.ref.id))).length;
      before += Math.min(waiting, own + 1);
    }
    return before + 1;
  }

  #expectedWaitMs(position: number, candidates: readonly Candidate[]): number {
    let slots = 0;
    let averageMs = 0;
    for (const { engine } of candidates) {
      slots += this.#slotsOf(engine.ref.id) ?? 1;
      averageMs = Math.max(averageMs, this.#deskOf(engine.ref.id).averageMs);
    }
    return Math.ceil((position * (averageMs || unknownLeaseMs)) / Math.max(1, slots));
  }

  #waitingFor(engineId: string): number {
    let count = 0;
    for (const line of this.#lines.values())
      count += line.waiting.filter((w) => w.candidates.some((c) => c.engine.ref.id === engineId)).length;
    return count;
  }

  // --- what is remembered, and for how long

  #deskOf(engineId: string): EngineSlots {
    let desk = this.#desks.get(engineId);
    if (desk === undefined) {
      desk = { running: 0, lastServed: new Map(), averageMs: 0 };
      this.#desks.set(engineId, desk);
    }
    return desk;
  }

  #lineOf(familyId: string): KeyQueue {
    let line = this.#lines.get(familyId);
    if (line === undefined) {
      line = { id: familyId, active: 0, waiting: [] };
      this.#lines.set(familyId, line);
    }
    return line;
  }

  #leaveLine(line: KeyQueue): void {
    line.active -= 1;
    assert(line.active >= 0, 'what leaves a line was in it');
    this.#forgetIfIdle(line);
  }

  #forgetIfIdle(line: KeyQueue): void {
    if (line.active > 0) return;
    this.#lines.delete(line.id);
    // Where others wait, one who asks again right after each answer would else be new each time, and first.
    if (this.#queued === 0) for (const desk of this.#desks.values()) desk.lastServed.delete(line.id);
  }

  /** Nobody waits, so turns of keys that have nothing in here matter to nobody. */
  #forgetTurns(): void {
    for (const { lastServed } of this.#desks.values())
      for (const id of lastServed.keys()) if (!this.#lines.has(id)) lastServed.delete(id);
  }
}
