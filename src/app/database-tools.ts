/**
 * The work of `flm db`: shows, migrates and copies the databases of this machine. `sqlite` means the files in the data
 * folder, `postgres` the database that FLM_DATABASE_URL names.
 */
import type { Environment } from '../core/environment.ts';
import { type ErrorCode, FlmError, StoreError } from '../core/errors.ts';
import type { DatabaseKind } from '../core/store-settings.ts';
import { livenessBySocket } from '../process/detached-controller.ts';
import { openStore, type SqliteStore } from '../store/sqlite/open-store.ts';
import {
  type ContentCounts,
  type CopiedStore,
  copiedTableNames,
  filledTables,
  isEmptyStore,
  type StoreContent,
} from '../store/store-copy.ts';
import type { Machine } from './machine.ts';
import { ownMachine } from './own-machine.ts';
import type { PostgresFacts, PostgresTools } from './postgres-tools.ts';

export interface DatabaseProblem {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

export interface DatabaseStatus extends Partial<PostgresFacts> {
  readonly store: DatabaseKind;
  /** The file, or the URL without its password. */
  readonly database: string;
  readonly reachable: boolean;
  readonly problem?: DatabaseProblem;
  /** PostgreSQL only: the connection is encrypted, with a verified certificate. */
  readonly tls?: boolean;
  /** Time of one answer, with a new connection. */
  readonly latencyMs?: number;
  /** PostgreSQL only: how far its clock is ahead of this machine's; negative if it is behind. */
  readonly clockAheadMs?: number;
  /** PostgreSQL only: the version of the server. */
  readonly server?: string | undefined;
  readonly storeKey?: { readonly file: string; readonly id: string };
  readonly storeKeyProblem?: DatabaseProblem;
}

export interface DatabaseMigration {
  readonly database: string;
  readonly from: number;
  readonly to: number;
}

export interface CopyReport {
  readonly from: string;
  readonly to: string;
  readonly counts: ContentCounts;
}

export class DatabaseTools {
  readonly #machine: Machine;
  #local: SqliteStore | undefined;
  #postgres: PostgresTools | undefined;

  /** Opens nothing but the data folder. Throws HOME_UNSAFE. */
  constructor(environment: Environment) {
    this.#machine = ownMachine(environment).machine;
  }

  /** The database that commands and proxies use now. Throws only STORE_SETTINGS_INVALID. */
  async status(): Promise<DatabaseStatus> {
    const { database, storeKeyFile } = this.#machine.stores();
    if (database === undefined) return this.#sqliteStatus();
    const tools = await this.#openPostgres();
    const key = await keyStatus(storeKeyFile);
    const base = {
      store: 'postgres',
      database: database.shown,
      tls: database.security === 'verified',
      ...key,
    } as const;
    try {
      const beginMs = this.#machine.clock.monotonicMs();
      const server = await tools.serverVersion();
      const latencyMs = Math.round(this.#machine.clock.monotonicMs() - beginMs);
      const clockAheadMs = await this.#clockAheadMs(tools);
      return { ...base, reachable: true, latencyMs, clockAheadMs, server, ...(await tools.facts()) };
    } catch (error) {
      return { ...base, reachable: false, problem: problemOf(error) };
    }
  }

  /** Updates the database in use to the schema of this flm. Proxies and commands do this too. Throws a `StoreError`. */
  async migrate(): Promise<DatabaseMigration> {
    const { database } = this.#machine.stores();
    if (database !== undefined) {
      const tools = await this.#openPostgres();
      return { database: database.shown, ...(await tools.migrate()) };
    }
    // Opening has migrated the files.
    const local = this.#openLocal();
    const version = local.schemaVersion();
    return { database: local.copied.shown, from: version, to: version };
  }

  /**
   * Copies everything from one database to the other. Afterwards both hold the same. Throws STORE_NOT_EMPTY,
   * STORE_COPY_REFUSED, or another `StoreError`; then the target is as it was.
   */
  async copy(from: DatabaseKind, to: DatabaseKind, replace: boolean): Promise<CopyReport> {
    await this.#refuseRunning();
    const [source, target] = [await this.#copied(from), await this.#copied(to)];
    const before = await target.counts();
    if (!replace && !isEmptyStore(before))
      throw new StoreError('STORE_NOT_EMPTY', {
        params: { database: target.shown, content: contentText(before) },
      });
    const content = await source.read();
    await target.replace(content);
    return { from: source.shown, to: target.shown, counts: countsOf(content) };
  }

  async close(): Promise<void> {
    this.#local?.close();
    await this.#postgres?.close();
  }

  /** The connection is open already, so the answer is near the middle of the wait. */
  async #clockAheadMs(tools: PostgresTools): Promise<number> {
    const { clock } = this.#machine;
    const askedAtMs = clock.nowMs();
    const theirMs = await tools.nowMs();
    return Math.round(theirMs - (askedAtMs + clock.nowMs()) / 2);
  }

  async #sqliteStatus(): Promise<DatabaseStatus> {
    try {
      const local = this.#openLocal();
      const { shown } = local.copied;
      const counts = await local.copied.counts();
      return { store: 'sqlite', database: shown, reachable: true, schema: local.schemaVersion(), counts };
    } catch (error) {
      const { home } = this.#machine.paths;
      return { store: 'sqlite', database: home, reachable: false, problem: problemOf(error) };
    }
  }

  /** A running proxy would write usage into a database that was already read. */
  async #refuseRunning(): Promise<void> {
    const running = await this.#openLocal().proxies.listActiveHandles();
    if (running.length === 0) return;
    const names = running.map(({ id }) => id).join(', ');
    throw new StoreError('STORE_COPY_REFUSED', {
      params: { reason: `proxies of this machine run (${names})` },
    });
  }

  async #copied(kind: DatabaseKind): Promise<CopiedStore> {
    return kind === 'sqlite' ? this.#openLocal().copied : (await this.#openPostgres()).store();
  }

  #openLocal(): SqliteStore {
    const { clock, paths } = this.#machine;
    this.#local ??= openStore({ home: paths.home, clock, liveness: livenessBySocket(clock) });
    return this.#local;
  }

  async #openPostgres(): Promise<PostgresTools> {
    const { database, storeKeyFile, nodeName } = this.#machine.stores();
    if (database === undefined)
      throw new StoreError('STORE_COPY_REFUSED', { params: { reason: 'FLM_DATABASE_URL is not set' } });
    const { postgresTools } = await import('./postgres-tools.ts');
    this.#postgres ??= postgresTools(database, storeKeyFile, `flm db ${nodeName}`);
    return this.#postgres;
  }
}

/** Throws STORE_KEY_UNUSABLE if the file exists or cannot be written. */
export async function createKeyFile(file: string): Promise<string> {
  const { newStoreKey } = await import('./postgres-tools.ts');
  return newStoreKey(file);
}

async function keyStatus(
  file: string | undefined,
): Promise<Pick<DatabaseStatus, 'storeKey' | 'storeKeyProblem'>> {
  const { storeKeyId } = await import('./postgres-tools.ts');
  try {
    return { storeKey: { file: file ?? '', id: storeKeyId(file) } };
  } catch (error) {
    return { storeKeyProblem: problemOf(error) };
  }
}

function problemOf(error: unknown): DatabaseProblem {
  if (!(error instanceof FlmError)) throw error;
  const { code, message, hint } = error;
  return { code, message, hint };
}

function countsOf({ rows, engines }: StoreContent): ContentCounts {
  const counts = copiedTableNames.map((name) => [name, rows[name].length] as const);
  // One entry for each table.
  return { ...Object.fromEntries(counts), engine: engines.length } as ContentCounts;
}

const contentNames: Readonly<Partial<Record<keyof ContentCounts, string>>> = {
  api_key: 'keys',
  model_alias: 'aliases',
  audit: 'audit entries',
  refusal: 'refused logins',
  usage_day: 'usage for budgets',
  usage_hour: 'usage by the hour',
  usage_rollup: 'usage by the day',
  last_used: 'last uses of keys',
};

/** `keys: 3, audit entries: 12`. */
function contentText(counts: ContentCounts): string {
  // The keys of a record are those of its type.
  const tables = Object.keys(counts) as (keyof ContentCounts)[];
  return tables
    .filter((table) => !filledTables.has(table) && counts[table] > 0)
    .map((table) => `${contentNames[table] ?? table}: ${counts[table]}`)
    .join(', ');
}
