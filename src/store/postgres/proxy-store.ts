/** The store of a running proxy in PostgreSQL, which the proxies of several machines share. */
import type { Clock } from '../../core/clock.ts';
import { ConnectedStore } from '../connected-store.ts';
import type { OutageJournal } from '../outage-journal.ts';
import type { ProxyStore } from '../store.ts';
import type { StoreConnection } from '../store-requests.ts';
import type { PostgresDatabase } from './database.ts';
import { PostgresConnection } from './postgres-connection.ts';
import type { StoreKey } from './store-key.ts';

export interface PostgresProxyStoreOptions {
  /** Closed with the store. */
  readonly database: PostgresDatabase;
  /** Decrypts the keys of engines. */
  readonly key: StoreKey;
  readonly clock: Clock;
  /** Keeps the handles of this machine's processes. Closed with the store. */
  readonly local: StoreConnection;
  /** How long keys stay valid while the database cannot be read. */
  readonly maxSnapshotAgeMs: number;
  readonly journal: OutageJournal;
}

/** Changes are announced by the server. This finds them if the announcement is lost. */
const lookMs = 500;
const countMs = 1_000;

/** Connects to nothing. The first request connects. */
export function openPostgresProxyStore(options: PostgresProxyStoreOptions): ProxyStore {
  const { database, key, clock, local, maxSnapshotAgeMs, journal } = options;
  return new ConnectedStore({
    connection: new PostgresConnection({ database, key, clock, local }),
    clock,
    name: database.shown,
    lookMs,
    countMs,
    maxAgeMs: maxSnapshotAgeMs,
    journal,
  });
}
