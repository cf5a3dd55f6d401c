/** Stores of running proxies on a PostgreSQL server for tests, each like a machine of its own. */
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { OutageJournal } from '../../src/store/outage-journal.ts';
import type { PostgresOptions } from '../../src/store/postgres/database.ts';
import { openPostgresProxyStore } from '../../src/store/postgres/proxy-store.ts';
import { StoreKey } from '../../src/store/postgres/store-key.ts';
import { openStoreThread } from '../../src/store/sqlite/proxy-store.ts';
import type { ProxyStore } from '../../src/store/store.ts';
import { postgresAddress, testStoreKeyText } from './postgres-store.ts';
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
}

export function openedPostgresProxy(
  t: TestContext,
  url: string,
  options: PostgresProxyOptions = {},
): OpenedPostgresProxy {
  const { home = temporaryHome(t), maxSnapshotAgeMs = 3_600_000, postgres } = options;
  const proxy = openPostgresProxyStore({
    postgres: {
      address: postgresAddress(url),
      applicationName: 'flm test',
      connectTimeoutMs: 1_000,
      queryTimeoutMs: 1_000,
      ...postgres,
    },
    key: new StoreKey(join(home, 'store.key'), testStoreKeyText),
    clock: systemClock,
    local: openStoreThread({ home, clock: systemClock }),
    maxSnapshotAgeMs,
    journal: new OutageJournal({
      folder: join(home, 'unwritten'),
      owner: { host: 'test', pid: 1, processStart: '' },
      isGone: () => false,
      nowMs: () => Date.now(),
    }),
  });
  atEnd(t, () => proxy.close());
  return { proxy, heard: new Heard(), home };
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
