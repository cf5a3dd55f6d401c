/** Stores of running proxies on a PostgreSQL server for tests, each like a machine of its own. */
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { OutageJournal } from '../../src/store/outage-journal.ts';
import type { PostgresDatabase, PostgresOptions } from '../../src/store/postgres/database.ts';
import { openPostgresProxyStore } from '../../src/store/postgres/proxy-store.ts';
import { StoreKey } from '../../src/store/postgres/store-key.ts';
import { spawnStoreWorker } from '../../src/store/sqlite/spawn-worker.ts';
import { StoreThread } from '../../src/store/sqlite/store-thread.ts';
import type { ProxyStore } from '../../src/store/store.ts';
import { postgresDatabase, testStoreKeyText } from './postgres-store.ts';
import { Heard } from './proxy-stores.ts';
import { atEnd, temporaryHome } from './temporary-store.ts';

export interface PostgresProxyOptions {
  readonly home?: string;
  readonly maxSnapshotAgeMs?: number;
  readonly postgres?: Partial<PostgresOptions>;
}

export interface OpenedPostgresProxy {
  readonly proxy: ProxyStore;
  readonly heard: Heard;
  readonly home: string;
  readonly database: PostgresDatabase;
}

export function openedPostgresProxy(
  t: TestContext,
  url: string,
  options: PostgresProxyOptions = {},
): OpenedPostgresProxy {
  const { home = temporaryHome(t), maxSnapshotAgeMs = 3_600_000, postgres } = options;
  const database = postgresDatabase(t, url, { connectTimeoutMs: 1_000, queryTimeoutMs: 1_000, ...postgres });
  const proxy = openPostgresProxyStore({
    database,
    key: new StoreKey(join(home, 'store.key'), testStoreKeyText),
    clock: systemClock,
    local: new StoreThread({
      start: { home, busyTimeoutMs: 2_000 },
      clock: systemClock,
      spawn: spawnStoreWorker,
      answerMs: 15_000,
    }),
    maxSnapshotAgeMs,
    journal: new OutageJournal({
      folder: join(home, 'unwritten'),
      owner: { host: 'test', pid: 1, processStart: '' },
      isGone: () => false,
      nowMs: () => Date.now(),
    }),
  });
  atEnd(t, () => proxy.close());
  return { proxy, heard: new Heard(), home, database };
}

export async function startedPostgresProxy(
  t: TestContext,
  url: string,
  options: PostgresProxyOptions = {},
): Promise<OpenedPostgresProxy> {
  const opened = openedPostgresProxy(t, url, options);
  await opened.proxy.start(opened.heard);
  return opened;
}
