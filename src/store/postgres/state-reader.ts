/**
 * Reads all changes since a proxy last read the database, as one consistent state. The whole state is read when another
 * database or a restarted server answers, because a standby that took over may lack the last changes, and when the
 * record of deleted rows does not reach back far enough.
 */
import { SlicedKeys, StoredKeys } from '../../core/security/stored-keys.ts';
import { keySliceOf, postgresSliceColumns } from '../packed-keys.ts';
import { integer, type Row, text } from '../rows.ts';
import type { Seen, StoreReply } from '../store-requests.ts';
import type { PostgresDatabase } from './database.ts';
import { listAliases, listEngines } from './engine-repository.ts';
import { deletedKept } from './migrations/001-initial.ts';
import { loadPolicy } from './security-repository.ts';
import type { SqlSession } from './sql-session.ts';
import type { StoreKey } from './store-key.ts';
import { fromStoredList } from './stored-text.ts';

/** Keys in one statement: a proxy converts as many in about a millisecond, and other work runs between statements. */
const sliceKeys = 2_000;

interface Position {
  readonly file: string;
  readonly revision: number;
}

const nothing: StoreReply = { answer: { say: 'state', delta: undefined }, keys: [] };

/** Throws a `StoreError`, or POLICY_INVALID. `key` decrypts the keys of engines. */
export async function readState(
  database: PostgresDatabase,
  key: StoreKey,
  seen: Seen | undefined,
): Promise<StoreReply> {
  // Most looks find no change, and need one statement.
  const quick = await positionOf(database);
  if (quick.file === seen?.file && quick.revision === seen.revisions.api_key) return nothing;
  return database.read((session) => readChanges(session, key, seen));
}

async function readChanges(session: SqlSession, key: StoreKey, seen: Seen | undefined): Promise<StoreReply> {
  const { file, revision } = await positionOf(session);
  const seenRevision = seen?.revisions.api_key ?? -1;
  const isBehind = seen?.file === file && seenRevision <= revision && revision - seenRevision < deletedKept;
  const since = isBehind ? seenRevision : undefined;
  const moved = since === undefined ? everything : await movedSince(session, since);
  const keys = moved.keys ? await keysSince(session, since ?? -1) : [];
  const removedIds = moved.keys && since !== undefined ? await removedSince(session, since) : [];
  const revisions = { api_key: revision, policy: revision, engine: revision, model_alias: revision };
  return {
    answer: {
      say: 'state',
      delta: {
        seen: { file, revisions },
        ...(moved.keys ? { keys: { replaceAll: since === undefined, removedIds } } : {}),
        rest: {
          ...(moved.policy ? { policy: await loadPolicy(session) } : {}),
          ...(moved.engines ? { engines: await listEngines(session, key) } : {}),
          ...(moved.aliases ? { aliases: await listAliases(session) } : {}),
        },
      },
    },
    keys,
  };
}

async function positionOf(session: SqlSession): Promise<Position> {
  const found = await session.find(
    (row) => ({ file: text(row, 'file'), revision: integer(row, 'value') }),
    "SELECT value, store || ' ' || extract(epoch FROM pg_postmaster_start_time()) AS file FROM flm.revision",
  );
  return found ?? { file: '', revision: 0 };
}

const everything = { keys: true, policy: true, engines: true, aliases: true };

async function movedSince(session: SqlSession, since: number): Promise<typeof everything> {
  const changed = (table: string): string =>
    `EXISTS (SELECT FROM flm.${table} WHERE revision > $1)
     OR EXISTS (SELECT FROM flm.deleted WHERE kind = '${table}' AND revision > $1)`;
  const found = await session.find(
    (row: Row) => ({
      keys: row.keys === true,
      policy: row.policy === true,
      engines: row.engines === true,
      aliases: row.aliases === true,
    }),
    `SELECT ${changed('api_key')} AS keys, ${changed('policy')} AS policy, ${changed('engine')} AS engines,
       ${changed('model_alias')} AS aliases`,
    since,
  );
  return found ?? everything;
}

async function keysSince(session: SqlSession, since: number): Promise<StoredKeys> {
  const slices: SlicedKeys[] = [];
  for (let [revision, id] = [since, '\u{10ffff}']; ; ) {
    const found = await session.find(
      (row) => {
        if (integer(row, 'count') === 0) return undefined;
        const keys = keySliceOf({ ...row, labels: fromStoredList(text(row, 'labels')) });
        return { keys, revision: integer(row, 'last_revision'), id: text(row, 'last_id') };
      },
      `SELECT ${postgresSliceColumns}, max(revision) AS last_revision,
         (array_agg(id ORDER BY revision DESC, id DESC))[1] AS last_id
       FROM (SELECT * FROM flm.api_key WHERE (revision, id) > ($1, $2)
         ORDER BY revision, id LIMIT ${sliceKeys}) AS slice`,
      revision,
      id,
    );
    if (found !== undefined) slices.push(new SlicedKeys(found.keys));
    if (found === undefined || found.keys.count < sliceKeys) return new StoredKeys(slices, new Set(), []);
    ({ revision, id } = found);
  }
}

/** A key that was deleted and made again exists. */
function removedSince(session: SqlSession, since: number): Promise<readonly string[]> {
  return session.list(
    (row) => text(row, 'id'),
    `SELECT id FROM flm.deleted WHERE kind = 'api_key' AND revision > $1
       AND NOT EXISTS (SELECT FROM flm.api_key WHERE api_key.id = deleted.id)`,
    since,
  );
}
