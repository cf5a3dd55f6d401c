/** The work of `flm db` on PostgreSQL. Import this file only when needed: it loads the code for PostgreSQL. */
import type { SharedFiles } from '../core/shared-files.ts';
import type { DatabaseAddress } from '../core/store-settings.ts';
import { countsIn, postgresCopiedStore } from '../store/postgres/copied-store.ts';
import { PostgresDatabase } from '../store/postgres/database.ts';
import { migrations } from '../store/postgres/schema.ts';
import { PostgresSharedFiles } from '../store/postgres/shared-files.ts';
import { createStoreKey, readStoreKey } from '../store/postgres/store-key.ts';
import { integer, text } from '../store/rows.ts';
import type { ContentCounts, CopiedStore } from '../store/store-copy.ts';

/** Copying a large store takes longer than a statement of a command. */
const copyTimeoutMs = 120_000;

export interface PostgresFacts {
  /** 0: flm has not used this database. */
  readonly schema: number;
  readonly knownSchema: number;
  /** The last change. */
  readonly revision?: number;
  /** Running proxies that wrote a heartbeat in the last ten seconds. */
  readonly nodes?: number;
  readonly counts?: ContentCounts;
}

export interface PostgresTools {
  /** One short transaction. Throws a `StoreError`. */
  serverVersion(): Promise<string | undefined>;
  /** The clock of the server, in milliseconds since 1970. Throws a `StoreError`. */
  nowMs(): Promise<number>;
  /** Changes nothing. Throws a `StoreError`. */
  facts(): Promise<PostgresFacts>;
  /** Returns the versions before and after. */
  migrate(): Promise<{ readonly from: number; readonly to: number }>;
  /** Throws STORE_KEY_UNUSABLE. */
  store(): CopiedStore;
  /** Files that machines share. Throws STORE_KEY_UNUSABLE. */
  files(): SharedFiles;
  /** Ids of deleted keys, of the last changes. */
  deletedKeys(): Promise<readonly string[]>;
  close(): Promise<void>;
}

export function postgresTools(
  address: DatabaseAddress,
  storeKeyFile: string | undefined,
  applicationName: string,
): PostgresTools {
  const database = new PostgresDatabase({ address, applicationName, queryTimeoutMs: copyTimeoutMs });
  return {
    serverVersion: () =>
      database.inspect((session) =>
        session.find((row) => text(row, 'server_version'), 'SHOW server_version'),
      ),
    async nowMs() {
      const found = await database.inspect((session) =>
        session.find(
          (row) => integer(row, 'now_ms'),
          'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms',
        ),
      );
      if (found === undefined) throw new Error('a SELECT without FROM has one row');
      return found;
    },
    async facts() {
      const { found } = await database.version();
      const base = { schema: found, knownSchema: migrations.length };
      // Reading would migrate an older database.
      if (found < migrations.length) return base;
      const state = await database.find(
        (row) => ({ revision: integer(row, 'value'), nodes: integer(row, 'nodes') }),
        `SELECT value, (SELECT count(*) FROM flm.nodes WHERE seen_at > now() - interval '10 seconds') AS nodes
         FROM flm.revision`,
      );
      return { ...base, ...state, counts: await database.read(countsIn) };
    },
    async migrate() {
      const { found } = await database.open();
      return { from: found, to: Math.max(found, migrations.length) };
    },
    store: () => postgresCopiedStore(database, readStoreKey(storeKeyFile)),
    files: () => new PostgresSharedFiles(database, readStoreKey(storeKeyFile)),
    deletedKeys: () =>
      database.list((row) => text(row, 'id'), "SELECT id FROM flm.deleted WHERE kind = 'api_key'"),
    close: () => database.close(),
  };
}

/** The id of the store key in a file. Throws STORE_KEY_UNUSABLE. */
export function storeKeyId(file: string | undefined): string {
  return readStoreKey(file).id;
}

/** Creates a file with a new store key and returns the id of the key. Throws STORE_KEY_UNUSABLE if the file exists. */
export function newStoreKey(file: string): string {
  return createStoreKey(file).id;
}
