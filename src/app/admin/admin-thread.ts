/**
 * The proxy's side of the admin thread: starts it with the first call, passes calls and streams on, and ends it when it
 * was idle for a while. A thread that crashes fails its calls, and the next call starts it again.
 *
 * The main thread only copies bytes: the thread inflates its own code and opens its own files.
 */
import { Worker } from 'node:worker_threads';
import { errorResponse } from '../../admin/error-response.ts';
import type { Clock, Unsubscribe } from '../../core/clock.ts';
import { AdminError } from '../../core/errors.ts';
import type { AdminCall, AdminPort, AdminReply } from '../../core/proxy/admin-port.ts';
import { enterExistingFolder } from '../../files/existing-working-folder.ts';
import type { AdminThreadStart, FromAdminThread, ToAdminThread } from './thread-messages.ts';
import { adminWorkerCode } from './worker-code.ts';

export interface AdminThreadOptions {
  readonly start: AdminThreadStart;
  readonly clock: Clock;
  readonly idleMs?: number;
  /** A mistake in flm, or the end of a thread that crashed. */
  readonly onProblem: (error: string) => void;
  /** Injected by tests. */
  readonly spawn?: (start: AdminThreadStart) => Worker;
}

interface Call {
  readonly worker: Worker;
  readonly actor: string;
  readonly resolve: (reply: AdminReply) => void;
  /** The reader of a stream. */
  stream: TextStream | undefined;
}

const defaultIdleMs = 60_000;
/** Streams included. */
const maxCalls = 256;
/** One key must not keep all others from the API, nor from watching requests. */
const maxCallsOfActor = 64;
const maxStreamsOfActor = 8;

export class AdminThread implements AdminPort {
  readonly #options: AdminThreadOptions;
  readonly #calls = new Map<number, Call>();
  /** Every thread that has not ended. */
  readonly #threads = new Set<Worker>();
  #worker: Worker | undefined;
  #lastNumber = 0;
  #cancelIdle: Unsubscribe = () => {};
  #retired = false;
  #closed = false;

  constructor(options: AdminThreadOptions) {
    this.#options = options;
  }

  /** The number of threads that have not ended. */
  get threads(): number {
    return this.#threads.size;
  }

  call(call: AdminCall, signal: AbortSignal): Promise<AdminReply> {
    if (this.#closed) return Promise.resolve(errorResponse(new AdminError('DRAINING')));
    const { actor } = call.caller;
    if (this.#calls.size >= maxCalls || this.#countOf(actor, () => true) >= maxCallsOfActor)
      return Promise.resolve(errorResponse(new AdminError('STREAMS_EXHAUSTED')));
    this.#cancelIdle();
    try {
      this.#worker ??= this.#spawn();
    } catch (error) {
      // The system has no memory or thread left.
      this.#options.onProblem(String(error));
      return Promise.resolve(errorResponse(new AdminError('INTERNAL')));
    }
    const worker = this.#worker;
    const n = ++this.#lastNumber;
    return new Promise((resolve) => {
      this.#calls.set(n, { worker, actor, resolve, stream: undefined });
      const cancel = (): void => this.#cancel(n);
      signal.addEventListener('abort', cancel, { once: true });
      worker.postMessage({ do: 'call', n, call } satisfies ToAdminThread);
      if (signal.aborted) cancel();
    });
  }

  /** Another process serves from now on, or nobody: streams end, and the thread ends with its last call. */
  retire(): void {
    this.#retired = true;
    for (const [n, { stream }] of this.#calls) if (stream !== undefined) this.#cancel(n);
    this.#lookIdle();
  }

  /** Ends the thread. Resolves when it has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelIdle();
    await Promise.all([...this.#threads].map((worker) => worker.terminate()));
  }

  #spawn(): Worker {
    const { start, spawn = spawnAdminWorker, onProblem } = this.#options;
    const worker = spawn(start);
    this.#threads.add(worker);
    worker.on('message', (message: FromAdminThread) => this.#onMessage(message, worker));
    worker.on('error', (error: Error) => onProblem(error.stack ?? error.message));
    worker.on('exit', () => {
      this.#threads.delete(worker);
      if (this.#worker === worker) this.#worker = undefined;
      for (const [n, call] of [...this.#calls]) if (call.worker === worker) this.#fail(n);
    });
    return worker;
  }

  #onMessage(message: FromAdminThread, worker: Worker): void {
    if (message.say === 'problem') return this.#options.onProblem(message.error);
    const call = this.#calls.get(message.n);
    if (call === undefined) {
      // The client left before the stream began, so that the thread had no stream to end.
      if (message.say === 'reply') worker.postMessage({ do: 'cancel', n: message.n } satisfies ToAdminThread);
      return;
    }
    switch (message.say) {
      case 'reply': {
        const { n, status, headers, body } = message;
        if (body !== undefined) {
          call.resolve({ status, headers, body });
          return this.#over(n);
        }
        if (this.#countOf(call.actor, ({ stream }) => stream !== undefined) >= maxStreamsOfActor) {
          worker.postMessage({ do: 'cancel', n } satisfies ToAdminThread);
          call.resolve(errorResponse(new AdminError('STREAMS_EXHAUSTED')));
          return this.#over(n);
        }
        call.stream = new TextStream(() => worker.postMessage({ do: 'more', n } satisfies ToAdminThread));
        call.resolve({ status, headers, body: call.stream });
        if (this.#retired) this.#cancel(n);
        return;
      }
      case 'text':
        return call.stream?.push(message.text);
      case 'done':
        call.stream?.end();
        return this.#over(message.n);
      default:
        return message satisfies never;
    }
  }

  #countOf(actor: string, counts: (call: Call) => boolean): number {
    let count = 0;
    for (const call of this.#calls.values()) if (call.actor === actor && counts(call)) count += 1;
    return count;
  }

  /** Nobody waits for the call. */
  #cancel(n: number): void {
    const call = this.#calls.get(n);
    if (call === undefined) return;
    call.worker.postMessage({ do: 'cancel', n } satisfies ToAdminThread);
    // A change that has begun is completed; only its response is dropped.
    call.stream?.end();
    call.resolve(errorResponse(new AdminError('SHUT_DOWN')));
    this.#over(n);
  }

  /** The thread has ended. */
  #fail(n: number): void {
    const call = this.#calls.get(n);
    call?.stream?.end();
    call?.resolve(errorResponse(new AdminError(this.#closed ? 'SHUT_DOWN' : 'INTERNAL')));
    this.#over(n);
  }

  #over(n: number): void {
    this.#calls.delete(n);
    this.#lookIdle();
  }

  #lookIdle(): void {
    this.#cancelIdle();
    if (this.#calls.size > 0 || this.#worker === undefined || this.#closed) return;
    const { clock, idleMs = defaultIdleMs } = this.#options;
    this.#cancelIdle = clock.after(this.#retired ? 0 : idleMs, () => {
      const worker = this.#worker;
      this.#worker = undefined;
      worker?.postMessage({ do: 'close' } satisfies ToAdminThread);
    });
  }
}

/** The texts of one stream: asks for the next text when the reader wants it. */
class TextStream implements AsyncIterable<string>, AsyncIterator<string, undefined> {
  readonly #ask: () => void;
  #waiting: ((result: IteratorResult<string, undefined>) => void) | undefined;
  #isOver = false;

  constructor(ask: () => void) {
    this.#ask = ask;
  }

  [Symbol.asyncIterator](): AsyncIterator<string, undefined> {
    return this;
  }

  next(): Promise<IteratorResult<string, undefined>> {
    if (this.#isOver) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => {
      this.#waiting = resolve;
      this.#ask();
    });
  }

  push(text: string): void {
    this.#settle({ value: text, done: false });
  }

  end(): void {
    this.#isOver = true;
    this.#settle({ value: undefined, done: true });
  }

  #settle(result: IteratorResult<string, undefined>): void {
    this.#waiting?.(result);
    this.#waiting = undefined;
  }
}

function spawnAdminWorker(start: AdminThreadStart): Worker {
  const { url, compressed } = adminWorkerCode();
  enterExistingFolder();
  return new Worker(url, {
    name: 'flm-admin',
    workerData: compressed === undefined ? start : { ...start, compressed },
    env: { ...start.environment },
    execArgv: ['--disable-warning=ExperimentalWarning'],
    // If the thread runs out of memory, only the thread ends, and the next call starts it again.
    resourceLimits: { maxOldGenerationSizeMb: 512 },
  });
}
