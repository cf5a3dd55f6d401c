/** Proxy stores for tests: records their notifications and keeps their threads, so that a test can end a thread. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { systemClock } from '../../src/core/clock.ts';
import type { EnforcedKey } from '../../src/core/security/api-key.ts';
import type { StateChange } from '../../src/core/security/ports.ts';
import type { StoredKeyChange } from '../../src/core/security/stored-keys.ts';
import { openProxyStore, type ProxyStoreOptions } from '../../src/store/sqlite/proxy-store.ts';
import { type SpawnWorker, spawnStoreWorker } from '../../src/store/sqlite/spawn-worker.ts';
import type { FromThread } from '../../src/store/sqlite/thread-messages.ts';
import type { ProxyStore } from '../../src/store/store.ts';
import { atEnd } from './temporary-store.ts';

/** A change with its keys as a list. */
export interface HeardChange extends Omit<StateChange, 'keys'> {
  readonly keys?: Omit<StoredKeyChange, 'upserted'> & {
    readonly upserted: readonly EnforcedKey[];
  };
}

/** All notifications of the listener, and a way to wait for more. */
export class Heard {
  readonly changes: HeardChange[] = [];
  readonly problems: (string | undefined)[] = [];
  readonly expiries: boolean[] = [];
  #waiting: (() => void)[] = [];

  changed({ keys, ...rest }: StateChange): void {
    this.changes.push(
      keys === undefined ? rest : { ...rest, keys: { ...keys, upserted: [...keys.upserted] } },
    );
    this.#wake();
  }
  problem(text: string | undefined): void {
    this.problems.push(text);
    this.#wake();
  }
  expired(isExpired: boolean): void {
    this.expiries.push(isExpired);
    this.#wake();
  }
  /** Resolves as soon as the condition holds. */
  async until(holds: (heard: Heard) => boolean): Promise<void> {
    while (!holds(this)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** Threads as the proxy starts them, kept so that a test can end them. */
export class Threads {
  readonly started: Worker[] = [];
  readonly exited: Worker[] = [];
  readonly #make: SpawnWorker;

  constructor(make: SpawnWorker = spawnStoreWorker) {
    this.#make = make;
  }
  readonly spawn: SpawnWorker = (start) => {
    const worker = this.#make(start);
    this.started.push(worker);
    worker.on('exit', () => this.exited.push(worker));
    return worker;
  };
  /** The running thread. */
  get last(): Worker {
    const worker = this.started.at(-1);
    assert(worker !== undefined);
    return worker;
  }
}

export interface StartedProxyStore {
  readonly proxy: ProxyStore;
  readonly heard: Heard;
  readonly threads: Threads;
}

export async function startedProxyStore(
  t: TestContext,
  home: string,
  more: Partial<ProxyStoreOptions> = {},
): Promise<StartedProxyStore> {
  const threads = new Threads(more.spawn);
  const proxy = openProxyStore({ home, clock: systemClock, ...more, spawn: threads.spawn });
  const heard = new Heard();
  atEnd(t, async () => {
    await proxy.close();
    assert.equal(threads.exited.length, threads.started.length, 'no thread is left');
  });
  await proxy.start(heard);
  return { proxy, heard, threads };
}

/** Resolves when the thread says so. */
export function answered(worker: Worker, say: FromThread['answer']['say']): Promise<void> {
  return new Promise((resolve) => {
    const hear = ({ answer }: FromThread): void => {
      if (answer.say !== say) return;
      worker.off('message', hear);
      resolve();
    };
    worker.on('message', hear);
  });
}
