/**
 * One PostgreSQL database: a pool of connections, transactions with time limits, and the rule that orders changes.
 *
 * A connection, a statement and the wait for a lock each end after a time limit, also when the network is silent. Every
 * failure is thrown as a `StoreError`. A statement is repeated only when it cannot have reached the server. After
 * STORE_UNREACHABLE nothing was changed; a COMMIT without an answer throws STORE_OUTCOME_UNKNOWN.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import pg from 'pg';
import { StoreError } from '../../core/errors.ts';
import { integer, type Row } from '../rows.ts';
import { ClientSession } from './client-session.ts';
import { connectionSurvives, databaseFailure } from './database-failure.ts';
import { migrate, refuseNewer, type SchemaVersion, schemaVersion } from './migrate.ts';
import { answerMs, type ClientOptions, clientConfig, cutOff, OwnedClient } from './owned-client.ts';
import { migrations, type PostgresMigration } from './schema.ts';
import type { SqlSession, SqlValue } from './sql-session.ts';

export interface PostgresOptions extends ClientOptions {
  readonly maxConnections?: number;
  /** Injected by tests. */
  readonly migrations?: readonly PostgresMigration[];
  /** Called before a database of an older version is migrated; the returned function, when that is done. */
  readonly onMigrate?: ((database: string) => () => void) | undefined;
}

/** A connection of its own that receives notifications. */
export interface Listening {
  /** Resolves when the server has answered. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

const defaultMaxConnections = 4;
/** How long the end of a connection may take. */
const farewellMs = 500;
/** A connection that was closed fails at once. */
const quickMs = 1_000;
/** A migration may have to copy tables, and other nodes wait for it. */
const migrationMs = 600_000;

export class PostgresDatabase implements SqlSession {
  /** The URL without its password. */
  readonly shown: string;
  readonly #options: PostgresOptions;
  readonly #migrations: readonly PostgresMigration[];
  #pool: pg.Pool | undefined;
  /** Connections that the pool has not closed yet. */
  readonly #clients = new Set<pg.ClientBase>();
  #opened: Promise<SchemaVersion> | undefined;

  /** Connects to nothing. */
  constructor(options: PostgresOptions) {
    this.#options = options;
    this.#migrations = options.migrations ?? migrations;
    this.shown = options.address.shown;
  }

  /**
   * Checks the version of the database, and migrates it if needed. The first statement does this too. Returns the
   * version that was found. A failure is not kept: the next call tries again.
   */
  open(): Promise<SchemaVersion> {
    this.#opened ??= this.#open().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  /** Returns the version without a migration. */
  version(): Promise<SchemaVersion> {
    return this.inspect(schemaVersion);
  }

  /** Runs reads on a database of any version. */
  inspect<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    return this.#transaction('BEGIN READ ONLY', work);
  }

  async list<T>(read: (row: Row) => T, sql: string, ...values: readonly SqlValue[]): Promise<T[]> {
    await this.open();
    return this.#single((session) => session.list(read, sql, ...values));
  }

  async find<T>(read: (row: Row) => T, sql: string, ...values: readonly SqlValue[]): Promise<T | undefined> {
    await this.open();
    return this.#single((session) => session.find(read, sql, ...values));
  }

  async run(sql: string, ...values: readonly SqlValue[]): Promise<number> {
    return this.write((session) => session.run(sql, ...values));
  }

  async script(sql: string): Promise<void> {
    return this.write((session) => session.script(sql));
  }

  /** Runs several reads on one snapshot of the database. */
  async read<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    await this.open();
    return this.#transaction('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', work);
  }

  /** Runs `work` in one transaction that no node has to know about: usage, heartbeats, refused logins. */
  async write<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    await this.open();
    return this.#transaction('BEGIN ISOLATION LEVEL READ COMMITTED', work);
  }

  /**
   * Runs `work` in one transaction that other changes wait for, with the revision that its rows get. Nodes are notified
   * when it is committed. `work` returns undefined if it changed nothing; then nothing is written.
   */
  async change<T>(
    work: (session: SqlSession, revision: number) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    await this.open();
    return this.#transaction(
      'BEGIN ISOLATION LEVEL READ COMMITTED',
      async (session) => {
        const revision = await this.#nextRevision(session);
        const value = await work(session, revision);
        if (value !== undefined)
          await session.list(() => undefined, "SELECT pg_notify('flm_change', $1)", String(revision));
        return value;
      },
      { keeps: (value) => value !== undefined },
    );
  }

  /** Runs `work` in the order of changes, without a new revision: for audit entries about actions. */
  async inOrder<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    return this.write(async (session) => {
      await session.list(() => undefined, 'SELECT 1 FROM flm.revision FOR UPDATE');
      return work(session);
    });
  }

  /** Opens a connection that receives the notifications of `channel`. `onEnd` is called once when it breaks. */
  async listen(
    channel: 'flm_change',
    onNotice: (payload: string) => void,
    onEnd: () => void,
  ): Promise<Listening> {
    const client = new OwnedClient(clientConfig(this.#options));
    let isOver = false;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      onEnd();
    };
    client.on('error', end);
    client.on('end', end);
    client.on('notification', ({ payload }) => onNotice(payload ?? ''));
    const close = async (): Promise<void> => {
      isOver = true;
      cutOff(client);
    };
    const query = async (sql: string): Promise<void> => {
      try {
        await client.query(sql);
      } catch (error) {
        throw databaseFailure(error, this.shown);
      }
    };
    try {
      await client.connect();
      await query(`LISTEN ${channel}`);
    } catch (error) {
      await close();
      throw databaseFailure(error, this.shown);
    }
    return { ping: () => query('SELECT 1'), close };
  }

  /** Ends all connections. A later call connects again. */
  async close(): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    this.#opened = undefined;
    await pool?.end();
    await this.#cutOffAll();
  }

  async #open(): Promise<SchemaVersion> {
    const { shown } = this;
    const version = await this.version();
    refuseNewer(version, this.#migrations.length, shown);
    if (version.found >= this.#migrations.length) return version;
    const migrated = version.found > 0 ? this.#options.onMigrate?.(shown) : undefined;
    const found = await this.#transaction(
      'BEGIN',
      async (session) => {
        await session.script(
          `SET LOCAL statement_timeout = ${migrationMs}; SET LOCAL lock_timeout = ${migrationMs}`,
        );
        return migrate(session, shown, this.#migrations);
      },
      { timeoutMs: migrationMs + answerMs },
    );
    migrated?.();
    return found;
  }

  async #nextRevision(session: SqlSession): Promise<number> {
    const next = await session.find(
      (row) => ({
        revision: integer(row, 'value'),
        version: { found: integer(row, 'version'), oldest: integer(row, 'oldest') },
      }),
      `UPDATE flm.revision SET value = value + 1
       RETURNING value, (SELECT version FROM flm.schema_version), (SELECT oldest FROM flm.schema_version)`,
    );
    assert(next !== undefined, 'the migration wrote the revision');
    // A newer flm may have migrated the database since it was opened.
    refuseNewer(next.version, this.#migrations.length, this.shown);
    return next.revision;
  }

  /** Runs one transaction. It is rolled back if `work` fails or `keeps` returns false. */
  async #transaction<T>(
    begin: string,
    work: (session: SqlSession) => Promise<T>,
    { keeps = () => true, timeoutMs }: { keeps?: (value: T) => boolean; timeoutMs?: number } = {},
  ): Promise<T> {
    const [client] = await this.#connection((free) => free.query(begin));
    const session = new ClientSession(client, this.shown, timeoutMs);
    let isOver = false;
    try {
      const value = await work(session);
      if (!keeps(value)) return value;
      session.isBroken = true;
      await this.#commit(client);
      session.isBroken = false;
      isOver = true;
      return value;
    } finally {
      // A connection is used again only when the server has confirmed the end of the transaction.
      if (!isOver && !session.isBroken)
        isOver = await client.query('ROLLBACK').then(
          () => true,
          () => false,
        );
      release(client, isOver);
    }
  }

  /** Runs one statement that changes nothing, in a transaction of its own. */
  async #single<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    const [client, value] = await this.#connection((free) =>
      work(new ClientSession(free, this.shown, undefined)),
    );
    client.release();
    return value;
  }

  async #commit(client: pg.PoolClient): Promise<void> {
    try {
      const { command } = await client.query('COMMIT');
      assert(command === 'COMMIT', 'a failed statement is an error of the transaction');
    } catch (error) {
      const failure = databaseFailure(error, this.shown);
      if (connectionSurvives(error) || !(failure instanceof StoreError)) throw failure;
      const { params } = failure;
      throw new StoreError('STORE_OUTCOME_UNKNOWN', { params, cause: error });
    }
  }

  /**
   * Returns a connection on which `first` has succeeded, with its result. An idle connection may have broken unnoticed;
   * then another one is tried, so `first` must change nothing.
   */
  async #connection<T>(first: (client: pg.PoolClient) => Promise<T>): Promise<[pg.PoolClient, T]> {
    this.#pool ??= this.#newPool();
    const pool = this.#pool;
    for (let triesLeft = pool.totalCount; ; triesLeft--) {
      const hadIdle = pool.idleCount > 0;
      const startMs = performance.now();
      let client: pg.PoolClient | undefined;
      try {
        client = await pool.connect();
        return [client, await first(client)];
      } catch (error) {
        const survives = connectionSurvives(error);
        if (client !== undefined) release(client, survives);
        // A silent network would cost the time limit again.
        const isQuick = performance.now() - startMs < quickMs;
        if (client === undefined || survives || !hadIdle || !isQuick || triesLeft <= 0)
          throw databaseFailure(error, this.shown);
      }
    }
  }

  #newPool(): pg.Pool {
    const pool = new pg.Pool({
      ...clientConfig(this.#options),
      Client: OwnedClient,
      max: this.#options.maxConnections ?? defaultMaxConnections,
      idleTimeoutMillis: 60_000,
      allowExitOnIdle: true,
    });
    // The pool drops an idle connection that breaks; one in use reports the failure to its statement.
    pool.on('error', () => {});
    pool.on('connect', (client) => {
      client.on('error', () => {});
      this.#clients.add(client);
    });
    pool.on('remove', (client) => this.#clients.delete(client));
    return pool;
  }

  /** Waits a moment for the ends of connections. A silent network confirms none, and a socket keeps a process alive. */
  async #cutOffAll(): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, farewellMs);
    await Promise.race([
      late,
      Promise.all([...this.#clients].map((client) => once(client, 'end').catch(() => {}))),
    ]);
    clearTimeout(timer);
    for (const client of this.#clients) cutOff(client);
    this.#clients.clear();
  }
}

/** Gives a connection back. A broken one is closed at once: a silent network never confirms its end. */
function release(client: pg.PoolClient, isUsable: boolean): void {
  client.release(!isUsable);
  if (!isUsable) cutOff(client);
}
