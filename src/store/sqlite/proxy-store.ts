/** The store of a running proxy in SQLite: a thread waits for the disk, so that no call blocks the proxy. */
import type { Clock } from '../../core/clock.ts';
import { ConnectedStore } from '../connected-store.ts';
import type { ProxyStore } from '../store.ts';
import type { StoreConnection } from '../store-requests.ts';
import { type SpawnWorker, spawnStoreWorker } from './spawn-worker.ts';
import { StoreThread } from './store-thread.ts';

export interface ProxyStoreOptions {
  readonly home: string;
  readonly clock: Clock;
  /** How long the thread waits for other writers of a file. */
  readonly busyTimeoutMs?: number;
  /** How long a response of the thread may take before the thread is ended as hung. */
  readonly answerMs?: number;
  /** Injected by tests. */
  readonly spawn?: SpawnWorker;
}

const pollMs = 250;
const defaultBusyTimeoutMs = 2_000;
const defaultAnswerMs = 15_000;

/** Opens no file. The first request starts the thread. */
export function openProxyStore(options: ProxyStoreOptions): ProxyStore {
  const connection = openStoreThread(options);
  return new ConnectedStore({
    connection,
    clock: options.clock,
    name: 'flm.db',
    lookMs: pollMs,
    countMs: pollMs,
  });
}

/** Opens no file. The first request starts the thread. */
export function openStoreThread(options: ProxyStoreOptions): StoreConnection {
  const { home, clock, busyTimeoutMs = defaultBusyTimeoutMs, answerMs = defaultAnswerMs } = options;
  const spawn = options.spawn ?? spawnStoreWorker;
  return new StoreThread({ start: { home, busyTimeoutMs }, clock, spawn, answerMs });
}
