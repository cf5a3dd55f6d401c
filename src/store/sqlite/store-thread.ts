/**
 * The proxy's side of the store thread: sends requests, collects the slices of a response, and restarts a crashed
 * thread.
 *
 * The next request restarts the thread, after a pause that doubles from 250 ms to 30 s; an urgent request does not wait
 * for the pause. A thread that takes too long to respond is ended. This side never waits for a lock or a disk.
 */
import type { Worker } from 'node:worker_threads';
import type { Clock } from '../../core/clock.ts';
import { FlmError, StoreError } from '../../core/errors.ts';
import { defaultPolicy, parsePolicy } from '../../core/security/security-policy.ts';
import { SlicedKeys, StoredKeys } from '../../core/security/stored-keys.ts';
import type { StateDelta, StoreConnection, StoreReply, StoreRequest, Urgency } from '../store-requests.ts';
import type { SpawnWorker } from './spawn-worker.ts';
import type { FromThread, StoredDelta, ThreadStart, ToThread } from './thread-messages.ts';

export interface StoreThreadOptions {
  readonly start: ThreadStart;
  readonly clock: Clock;
  readonly spawn: SpawnWorker;
  /** How long a response may take. */
  readonly answerMs: number;
}

interface Question {
  readonly askedAtMs: number;
  readonly slices: SlicedKeys[];
  readonly resolve: (reply: StoreReply) => void;
  readonly reject: (error: StoreError) => void;
}

const firstPauseMs = 250;
const longestPauseMs = 30_000;

export class StoreThread implements StoreConnection {
  readonly #options: StoreThreadOptions;
  readonly #questions = new Map<number, Question>();
  #worker: Worker | undefined;
  #gone: Promise<void> = Promise.resolve();
  #ending = false;
  #stopped = false;
  #lastNumber = 0;
  #pauseMs = firstPauseMs;
  #notBeforeMs = Number.NEGATIVE_INFINITY;

  constructor(options: StoreThreadOptions) {
    this.#options = options;
  }

  get alive(): boolean {
    return this.#worker !== undefined;
  }

  /** Rejects with the `StoreError` of the thread, or with STORE_UNUSABLE if there is no thread. */
  ask(request: StoreRequest, urgency: Urgency): Promise<StoreReply> {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#stopped) return Promise.reject(this.#lost('the proxy is ending'));
    if (this.#worker === undefined && (urgency === 'urgent' || nowMs >= this.#notBeforeMs)) this.#spawn();
    const worker = this.#worker;
    if (worker === undefined || this.#ending) return Promise.reject(this.#lost('it is being started again'));
    const n = ++this.#lastNumber;
    return new Promise((resolve, reject) => {
      this.#questions.set(n, { askedAtMs: nowMs, slices: [], resolve, reject });
      worker.postMessage({ n, request } satisfies ToThread);
    });
  }

  /** Ends a thread whose response is overdue. */
  endIfHung(): void {
    const oldest = this.#questions.values().next().value;
    if (oldest === undefined) return;
    if (this.#options.clock.monotonicMs() - oldest.askedAtMs > this.#options.answerMs) this.end();
  }

  /** Ends the thread permanently. */
  stop(): void {
    this.#stopped = true;
    this.end();
  }

  /** Ends the thread immediately. Its open requests fail now; the thread has ended when `gone` resolves. */
  end(): void {
    if (this.#worker === undefined || this.#ending) return;
    this.#ending = true;
    // `terminate` resolves on exit, and `gone` waits for the exit.
    void this.#worker.terminate();
    this.#rejectAll('it did not answer');
  }

  /** Resolves when the thread has ended. */
  gone(): Promise<void> {
    return this.#gone;
  }

  #spawn(): void {
    const worker = this.#options.spawn(this.#options.start);
    this.#worker = worker;
    this.#ending = false;
    let reason = 'it ended';
    worker.on('message', (message: FromThread) => this.#onMessage(message, worker));
    worker.on('error', (error: Error) => {
      reason = error.message;
    });
    this.#gone = new Promise((resolve) => {
      worker.on('exit', () => {
        this.#worker = undefined;
        this.#notBeforeMs = this.#options.clock.monotonicMs() + this.#pauseMs;
        this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
        this.#rejectAll(reason);
        resolve();
      });
    });
  }

  #onMessage({ n, answer }: FromThread, worker: Worker): void {
    const question = this.#questions.get(n);
    if (question === undefined) return;
    if (answer.say === 'slice') {
      question.slices.push(new SlicedKeys(answer.keys));
      // After a turn of the event loop, so that waiting requests run between two slices.
      setImmediate(() => worker.postMessage({ n, request: { do: 'next' } } satisfies ToThread));
      return;
    }
    this.#questions.delete(n);
    if (answer.say === 'failed') {
      question.reject(new StoreError(answer.code, { params: answer.params }));
      return;
    }
    this.#pauseMs = firstPauseMs;
    try {
      if (answer.say !== 'state' || answer.delta === undefined) return question.resolve({ answer, keys: [] });
      const delta = withPolicy(answer.delta);
      const removed = new Set(delta.keys?.removedIds);
      const keys = new StoredKeys(question.slices, removed, new SlicedKeys(answer.keys));
      question.resolve({ answer: { say: 'state', delta }, keys });
    } catch (error) {
      if (!(error instanceof FlmError)) throw error;
      question.reject(new StoreError(error.code, { params: error.params }));
    }
  }

  #rejectAll(reason: string): void {
    const questions = [...this.#questions.values()];
    this.#questions.clear();
    for (const question of questions) question.reject(this.#lost(reason));
  }

  #lost(reason: string): StoreError {
    return new StoreError('STORE_UNUSABLE', {
      params: { file: this.#options.start.home, reason: `the thread that reads it is gone: ${reason}` },
    });
  }
}

/** Throws POLICY_INVALID if the stored policy is invalid, for example after a manual edit. */
function withPolicy(delta: StoredDelta): StateDelta {
  const { policy: stored, ...rest } = delta.rest;
  if (stored === undefined) return { ...delta, rest };
  const policy = stored.body === undefined ? defaultPolicy : parsePolicy(stored.body);
  return { ...delta, rest: { ...rest, policy } };
}
