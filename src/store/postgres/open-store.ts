/**
 * The store for the command line and the admin API on PostgreSQL. What machines share is in the database; the handles of
 * this machine's processes are in `flm.db` of the data folder.
 *
 * Opening connects to nothing and needs no network: the first call that needs the database connects, checks its version
 * and migrates it if needed.
 */
import type { SqliteStore } from '../sqlite/open-store.ts';
import type { Repositories, Store } from '../store.ts';
import { PostgresAuditRepository } from './audit-repository.ts';
import { PostgresConfigurationRepository } from './configuration-repository.ts';
import type { PostgresDatabase } from './database.ts';
import { PostgresEngineRepository } from './engine-repository.ts';
import { PostgresProxyRepository } from './proxy-repository.ts';
import { PostgresSecurityRepository } from './security-repository.ts';
import { PostgresShareRepository } from './share-repository.ts';
import type { StoreKey } from './store-key.ts';
import { PostgresUsageRepository } from './usage-repository.ts';

export interface PostgresStore extends Store {
  readonly database: PostgresDatabase;
  close(): Promise<void>;
}

/** Closes `database` and `local` when the store is closed. */
export function openPostgresStore(
  database: PostgresDatabase,
  key: StoreKey,
  local: Pick<SqliteStore, 'proxies' | 'close'>,
): PostgresStore {
  return {
    database,
    ...postgresRepositories(database, key, local.proxies),
    async close() {
      local.close();
      await database.close();
    },
  };
}

function postgresRepositories(
  db: PostgresDatabase,
  key: StoreKey,
  handles: Repositories['proxies'],
): Repositories {
  return {
    proxies: new PostgresProxyRepository(db, handles),
    security: new PostgresSecurityRepository(db),
    engines: new PostgresEngineRepository(db, key),
    configuration: new PostgresConfigurationRepository(db, key),
    shares: new PostgresShareRepository(db),
    audit: new PostgresAuditRepository(db),
    usage: new PostgresUsageRepository(db),
  };
}
