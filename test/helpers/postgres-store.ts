/** Stores on a PostgreSQL server for tests, each like a machine of its own. They are closed at the end of their test. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Liveness } from '../../src/core/proxy/ports.ts';
import { type DatabaseAddress, storeSettings } from '../../src/core/store-settings.ts';
import { PostgresDatabase, type PostgresOptions } from '../../src/store/postgres/database.ts';
import { type PostgresStore, postgresStore } from '../../src/store/postgres/open-store.ts';
import { StoreKey } from '../../src/store/postgres/store-key.ts';
import { atEnd, openedStore, temporaryHome } from './temporary-store.ts';

/** One key for all machines of a test. */
export const testStoreKeyText = `flm-store-key-1:${'k'.repeat(42)}A`;

/** As the settings of a proxy give it. */
export function postgresAddress(url: string): DatabaseAddress {
  const { database } = storeSettings({
    environment: { FLM_DATABASE_URL: url },
    hostname: 'h',
    readText: () => undefined,
  });
  assert.ok(database);
  return database;
}

export function postgresDatabase(
  t: TestContext,
  url: string,
  options: Partial<PostgresOptions> = {},
): PostgresDatabase {
  const database = new PostgresDatabase({
    address: postgresAddress(url),
    applicationName: 'flm test',
    ...options,
  });
  atEnd(t, () => database.close());
  return database;
}

export function testPostgresStore(
  t: TestContext,
  url: string,
  { key, liveness }: { readonly key?: StoreKey; readonly liveness?: Liveness } = {},
): PostgresStore {
  const home = temporaryHome(t);
  const local = openedStore(t, home, liveness === undefined ? {} : { liveness });
  return postgresStore(
    postgresDatabase(t, url),
    key ?? new StoreKey(join(home, 'store.key'), testStoreKeyText),
    local,
  );
}
