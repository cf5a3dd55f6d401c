/** The store of a running proxy in PostgreSQL, which the proxies of several machines share. */
import type { Clock } from '../../core/clock.ts';
import { ConnectedStore } from '../connected-store.ts';
import type { OutageJournal } from '../outage-journal.ts';
import type { ProxyStore } from '../store.ts';
import type { StoreConnection } from '../store-requests.ts';
import { PostgresDatabase, type PostgresOptions } from './database.ts';
import { PostgresConnection } from './postgres-connection.ts';
import { PostgresSharedFiles } from './shared-files.ts';
import { readStoreKey, StoreKey } from './store-key.ts';

export interface PostgresProxyStoreOptions {
  readonly postgres: PostgresOptions;
  /** Decrypts the keys of engines; a path: the file that holds it. */
  readonly key: StoreKey | string | undefined;
  readonly clock: Clock;
  /** Keeps the handles of this machine's processes. Closed with the store. */
  readonly local: StoreConnection;
  /** How long keys stay valid while the database cannot be read. */
  readonly maxSnapshotAgeMs: number;
  readonly journal: OutageJournal;
}

/** An outage must not hold a proxy that starts or ends, and three connections serve all its requests. */
const limits = { connectTimeoutMs: 3_000, queryTimeoutMs: 5_000, maxConnections: 3 };
/** Changes are announced by the server. This finds them if the announcement is lost. */
const lookMs = 500;
const countMs = 1_000;

/** Connects to nothing. The first request connects. Throws STORE_KEY_UNUSABLE. */
export function openPostgresProxyStore(options: PostgresProxyStoreOptions): ProxyStore {
  const { postgres, clock, local, maxSnapshotAgeMs, journal } = options;
  const key = options.key instanceof StoreKey ? options.key : readStoreKey(options.key);
  const database = new PostgresDatabase({ ...limits, ...postgres });
  return new ConnectedStore({
    connection: new PostgresConnection({ database, key, clock, local }),
    sharedFiles: new PostgresSharedFiles(database, key),
    clock,
    name: database.shown,
    lookMs,
    countMs,
    maxAgeMs: maxSnapshotAgeMs,
    journal,
  });
}
