/** Keeps the ids of deleted rows, so that nodes learn about deletions. Call both functions inside a change. */
import { deletedKept } from './migrations/001-initial.ts';
import type { SqlSession } from './sql-session.ts';

/** The tables whose rows nodes follow. */
export type FollowedTable = 'api_key' | 'engine' | 'model_alias' | 'profile' | 'share';

/** Deletes the row and leaves its id. Returns the number of deleted rows. */
export async function deleteRow(
  session: SqlSession,
  table: FollowedTable,
  id: string,
  revision: number,
): Promise<number> {
  const column = table === 'profile' || table === 'model_alias' ? 'name' : 'id';
  const deleted = await session.run(`DELETE FROM flm.${table} WHERE ${column} = $1`, id);
  // What somebody makes later under this name was not listed by a file of `flm apply`, so `--prune` keeps it.
  await session.run(
    'DELETE FROM flm.applied WHERE kind = $1 AND name = $2',
    table === 'model_alias' ? 'alias' : table,
    id,
  );
  if (deleted > 0) await leaveIds(session, table, [id], revision);
  return deleted;
}

export async function leaveIds(
  session: SqlSession,
  table: FollowedTable,
  ids: readonly string[],
  revision: number,
): Promise<void> {
  await session.run(
    `INSERT INTO flm.deleted (kind, id, revision) SELECT $1, id, $3 FROM unnest($2::text[]) AS gone (id)
     ON CONFLICT (kind, id) DO UPDATE SET revision = excluded.revision`,
    table,
    ids,
    revision,
  );
  await session.run('DELETE FROM flm.deleted WHERE revision <= $1', revision - deletedKept);
}
