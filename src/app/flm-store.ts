/**
 * Opens the store of commands and of the admin API: SQLite in the data folder, or PostgreSQL if FLM_DATABASE_URL names
 * one. The code for PostgreSQL is loaded only then.
 */
import { StoreError } from '../core/errors.ts';
import type { FleetDirectory } from '../core/proxy/fleet-node.ts';
import type { SharedFiles } from '../core/shared-files.ts';
import { livenessBySocket } from '../process/detached-controller.ts';
import { openStore, type SqliteStore } from '../store/sqlite/open-store.ts';
import type { Store } from '../store/store.ts';
import type { Machine } from './machine.ts';

export interface FlmStore extends Store {
  /** Present where machines share a database. */
  readonly sharedFiles?: SharedFiles;
  /** Present where machines share a database. */
  readonly nodes?: FleetDirectory;
  /** See `SqliteStore.followFiles`. */
  followFiles(): void;
}

export interface FlmStoreOptions {
  /** The command also works without a readable store. */
  readonly withoutStore?: boolean;
  /** See `DatabaseOptions.onMigrate` of SQLite. */
  readonly onMigrate?: ((file: string) => () => void) | undefined;
  readonly onProblem: (sentence: string, undone: boolean) => void;
}

/** Throws HOME_UNSAFE, STORE_SETTINGS_INVALID, or a `StoreError` that describes the problem with the store. */
export async function openFlmStore(machine: Machine, options: FlmStoreOptions): Promise<FlmStore> {
  const { withoutStore = false, onMigrate, onProblem } = options;
  const { clock, paths } = machine;
  const local = (openLater: boolean): SqliteStore =>
    openStore({ home: paths.home, clock, liveness: livenessBySocket(clock), openLater, onMigrate });
  try {
    const { database, storeKeyFile, nodeName } = machine.stores();
    if (database === undefined) return local(withoutStore);
    const { openPostgresStore } = await import('../store/postgres/open-store.ts');
    return openPostgresStore({
      address: database,
      storeKeyFile,
      applicationName: `flm ${nodeName}`,
      openLocal: () => local(true),
    });
  } catch (error) {
    if (!withoutStore || !(error instanceof StoreError)) throw error;
    // What ends proxies or removes flm works with the processes of this machine.
    onProblem(error.message, false);
    return local(true);
  }
}
