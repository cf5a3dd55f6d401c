/**
 * Creates and updates the schema `flm` of a PostgreSQL database, in one transaction, under an advisory lock: nodes that
 * start at the same moment migrate once. A database that a newer flm has changed is refused, unless the changes only
 * added things.
 */
import { StoreError } from '../../core/errors.ts';
import { integer, text } from '../rows.ts';
import { migrations, oldestReader, type PostgresMigration } from './schema.ts';
import type { SqlSession } from './sql-session.ts';

/** Any number that no other program uses: "flm" in ASCII. */
const advisoryLock = 0x66_6c_6d;

export interface SchemaVersion {
  /** 0: flm has not used this database. */
  readonly found: number;
  /** The oldest version of flm's schema whose flm can work with the database. */
  readonly oldest: number;
}

export async function schemaVersion(session: SqlSession): Promise<SchemaVersion> {
  // Not to_regclass, whose cached answer may be older than a lock that was waited for.
  const table = await session.find(
    (row) => row.found,
    `SELECT EXISTS (SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
       WHERE n.nspname = 'flm' AND c.relname = 'schema_version') AS found`,
  );
  if (table !== true) return { found: 0, oldest: 0 };
  const stored = await session.find(
    (row) => ({ found: integer(row, 'version'), oldest: integer(row, 'oldest') }),
    'SELECT version, oldest FROM flm.schema_version',
  );
  return stored ?? { found: 0, oldest: 0 };
}

/** Throws STORE_NEWER if this flm cannot work with the database. */
export function refuseNewer({ found, oldest }: SchemaVersion, known: number, shown: string): void {
  if (found > known && oldest > known)
    throw new StoreError('STORE_NEWER', { params: { file: shown, found, known } });
}

/** Call it inside a transaction. Returns the version that was found. */
export async function migrate(
  session: SqlSession,
  shown: string,
  all: readonly PostgresMigration[] = migrations,
): Promise<SchemaVersion> {
  await session.list(() => undefined, 'SELECT pg_advisory_xact_lock($1)', advisoryLock);
  const version = await schemaVersion(session);
  refuseNewer(version, all.length, shown);
  if (version.found >= all.length) return version;
  if (version.found === 0) await refuseUnfit(session, shown);
  for (const migration of all.slice(version.found)) {
    if (typeof migration === 'function') await migration(session);
    else await session.script(typeof migration === 'string' ? migration : migration.breaking);
  }
  await session.run(
    `INSERT INTO flm.schema_version (id, version, oldest) VALUES (1, $1, $2)
     ON CONFLICT (id) DO UPDATE SET version = excluded.version, oldest = excluded.oldest`,
    all.length,
    oldestReader(all),
  );
  return version;
}

/** `gen_random_uuid` came with PostgreSQL 13, and only UTF-8 holds every text. */
async function refuseUnfit(session: SqlSession, shown: string): Promise<void> {
  const server = await session.find(
    (row) => ({
      version: integer(row, 'version'),
      encoding: text(row, 'encoding'),
      hasSchema: row.has_schema,
    }),
    `SELECT current_setting('server_version_num')::bigint AS version, current_setting('server_encoding') AS encoding,
       EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'flm') AS has_schema`,
  );
  const refuse = (reason: string): StoreError =>
    new StoreError('STORE_REFUSED', { params: { database: shown, reason } });
  if (server === undefined || server.version < 130_000) throw refuse('flm needs PostgreSQL 13 or newer');
  if (server.encoding !== 'UTF8') throw refuse(`its encoding is ${server.encoding}, and flm needs UTF8`);
  // A schema that an administrator made needs no right to create one.
  if (server.hasSchema !== true) await session.script('CREATE SCHEMA flm');
  await session.script(
    'CREATE TABLE flm.schema_version (id smallint PRIMARY KEY CHECK (id = 1), version bigint NOT NULL, oldest bigint NOT NULL)',
  );
}
