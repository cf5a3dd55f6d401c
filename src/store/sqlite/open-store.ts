/**
 * The store for the command line, which may wait for a disk. Reads and writes run synchronously inside the call. A
 * write waits for other writers up to the busy timeout and then fails with STORE_BUSY.
 *
 * `flm.db` opens here, so that its problems are reported first. `usage.db` opens on first use, because changes of keys,
 * policy, engines and profiles do not need it.
 */
import type { Clock } from '../../core/clock.ts';
import type { Liveness } from '../../core/proxy/ports.ts';
import { integer } from '../rows.ts';
import type { Store } from '../store.ts';
import type { CopiedStore } from '../store-copy.ts';
import { SqliteAuditRepository } from './audit-repository.ts';
import { SqliteConfigurationRepository } from './configuration-repository.ts';
import { sqliteCopiedStore } from './copied-store.ts';
import { Database } from './database.ts';
import { SqliteEngineRepository } from './engine-repository.ts';
import type { FileSystemProbe } from './file-system.ts';
import { SqliteProxyRepository } from './proxy-repository.ts';
import { flmSchema, usageSchema } from './schema.ts';
import type { SchemaVersions } from './schema-check.ts';
import { SqliteSecurityRepository } from './security-repository.ts';
import { SqliteShareRepository } from './share-repository.ts';
import { SqliteUsageRepository } from './usage-repository.ts';

export interface StoreOptions {
  /** The data folder. Created if missing. */
  readonly home: string;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Checks which handles belong to running processes. */
  readonly liveness: Liveness;
  readonly busyTimeoutMs?: number;
  /** Opens `flm.db` only on first use too, for commands that may not need it. */
  readonly openLater?: boolean;
  /** Injected by tests. */
  readonly probe?: FileSystemProbe;
  /** See `DatabaseOptions`. */
  readonly onMigrate?: ((file: string) => () => void) | undefined;
}

export interface SqliteStore extends Store {
  /** Returns the problems that SQLite finds in either file; empty if there are none. */
  faults(): readonly string[];
  /** The schema version of `flm.db`. */
  schemaVersion(): number;
  schemaVersions(): SchemaVersions;
  /** Both files as the source or the target of a copy. */
  readonly copied: CopiedStore;
  /**
   * For a program that keeps the store open: the next use opens files that were put in place of the open ones. Throws
   * STORE_UNUSABLE if a file no longer exists.
   */
  followFiles(): void;
  close(): void;
}

/** Longer than any write of a healthy flm, and short enough for a user to wait. */
const defaultBusyTimeoutMs = 5_000;

/** Throws HOME_UNSAFE, or a `StoreError` that names the problem of `flm.db`. */
export function openStore(options: StoreOptions): SqliteStore {
  const { home, clock, liveness, probe, onMigrate, busyTimeoutMs = defaultBusyTimeoutMs } = options;
  const common = { home, clock, busyTimeoutMs, onMigrate, ...(probe === undefined ? {} : { probe }) };
  const flm = new Database({ ...common, schema: flmSchema });
  const usage = new Database({ ...common, schema: usageSchema });
  if (options.openLater !== true) flm.open();
  return {
    proxies: new SqliteProxyRepository(flm, liveness),
    security: new SqliteSecurityRepository(flm, usage),
    engines: new SqliteEngineRepository(flm),
    configuration: new SqliteConfigurationRepository(flm),
    shares: new SqliteShareRepository(flm),
    audit: new SqliteAuditRepository(flm, usage),
    usage: new SqliteUsageRepository(usage, flm),
    schemaVersion: () => versionOf(flm),
    schemaVersions: () => ({ 'flm.db': versionOf(flm), 'usage.db': versionOf(usage) }),
    copied: sqliteCopiedStore(flm, usage),
    faults: () => [...flm.faults(), ...usage.faults()],
    followFiles: () => {
      flm.followFile();
      usage.followFile();
    },
    close: () => {
      flm.close();
      usage.close();
    },
  };
}

function versionOf(db: Database): number {
  return db.find((row) => integer(row, 'user_version'), 'PRAGMA user_version') ?? 0;
}
