/**
 * The store for the command line and the admin API on PostgreSQL. What machines share is in the database; the handles of
 * this machine's processes are in `flm.db` of the data folder.
 *
 * Opening connects to nothing and needs no network: the first call that needs the database connects, checks its version
 * and migrates it if needed.
 */
import type { FleetDirectory } from '../../core/proxy/fleet-node.ts';
import type { SharedFiles } from '../../core/shared-files.ts';
import type { DatabaseAddress } from '../../core/store-settings.ts';
import type { SqliteStore } from '../sqlite/open-store.ts';
import type { Repositories, Store } from '../store.ts';
import { PostgresAuditRepository } from './audit-repository.ts';
import { PostgresConfigurationRepository } from './configuration-repository.ts';
import { PostgresDatabase } from './database.ts';
import { PostgresEngineRepository } from './engine-repository.ts';
import { PostgresFleetDirectory } from './fleet-directory.ts';
import { PostgresProxyRepository } from './proxy-repository.ts';
import { PostgresSecurityRepository } from './security-repository.ts';
import { PostgresShareRepository } from './share-repository.ts';
import { PostgresSharedFiles } from './shared-files.ts';
import { readStoreKey, type StoreKey } from './store-key.ts';
import { PostgresUsageRepository } from './usage-repository.ts';

export interface PostgresStore extends Store {
  readonly database: PostgresDatabase;
  /** Certificates of ACME servers, which all machines use. */
  readonly sharedFiles: SharedFiles;
  readonly nodes: FleetDirectory;
  /** See `SqliteStore`. */
  followFiles(): void;
  close(): Promise<void>;
}

export interface PostgresStoreOptions {
  readonly address: DatabaseAddress;
  readonly storeKeyFile: string | undefined;
  readonly applicationName: string;
  /** Keeps the handles of this machine. Opened only if the settings are usable. */
  readonly openLocal: () => SqliteStore;
}

/** Throws STORE_KEY_UNUSABLE. */
export function openPostgresStore(options: PostgresStoreOptions): PostgresStore {
  const { address, applicationName } = options;
  const key = readStoreKey(options.storeKeyFile);
  return postgresStore(new PostgresDatabase({ address, applicationName }), key, options.openLocal());
}

/** Closes `database` and `local` when the store is closed. */
export function postgresStore(database: PostgresDatabase, key: StoreKey, local: SqliteStore): PostgresStore {
  return {
    database,
    sharedFiles: new PostgresSharedFiles(database, key),
    nodes: new PostgresFleetDirectory(database),
    ...postgresRepositories(database, key, local.proxies),
    followFiles: () => local.followFiles(),
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
