/**
 * A PostgreSQL database as the source or the target of a copy: read in one snapshot, replaced in one change.
 *
 * The revision then jumps so far that every node reads everything again, because replaced rows leave no id.
 */
import { integer } from '../rows.ts';
import {
  type ContentCounts,
  type CopiedStore,
  type CopiedTable,
  type CopiedValue,
  chainTables,
  copiedTableNames,
  copiedTables,
  followedTables,
  type StoreContent,
  valuesIn,
} from '../store-copy.ts';
import type { PostgresDatabase } from './database.ts';
import { listEngines, saveEngineRow } from './engine-repository.ts';
import { insertRows } from './insert-rows.ts';
import { deletedKept } from './migrations/001-initial.ts';
import type { SqlSession } from './sql-session.ts';
import type { StoreKey } from './store-key.ts';

const order: Readonly<Partial<Record<CopiedTable, string>>> = { audit: 'id', refusal: 'id' };

export function postgresCopiedStore(db: PostgresDatabase, key: StoreKey): CopiedStore {
  return {
    shown: db.shown,
    read: () =>
      db.read(async (session) => {
        const rows: Partial<Record<CopiedTable, StoreContent['rows'][CopiedTable]>> = {};
        for (const name of copiedTableNames) {
          const columns = copiedTables[name];
          const sql = `SELECT ${columns.join(', ')} FROM flm.${name} ORDER BY ${order[name] ?? '1'}`;
          rows[name] = await session.list((row) => valuesIn(row, columns), sql);
        }
        // The loop visited every table.
        return { rows: rows as StoreContent['rows'], engines: await listEngines(session, key) };
      }),
    async replace(content) {
      await db.change(async (session, revision) => {
        const next = revision + deletedKept + 1;
        await session.run('UPDATE flm.revision SET value = $1', next);
        for (const name of [...copiedTableNames, 'engine', 'deleted'])
          await session.run(`DELETE FROM flm.${name}`);
        for (const name of copiedTableNames) await insertTable(session, name, content.rows[name], next);
        for (const engine of content.engines) await saveEngineRow(session, key, engine, next);
        // A copy that was made without chains.
        for (const name of chainTables)
          await session.run(`INSERT INTO flm.${name} VALUES (1, 0, '', 0, '') ON CONFLICT DO NOTHING`);
        return true;
      });
    },
    counts: () => db.read(countsIn),
  };
}

/** The number of rows by table, which needs no store key. */
export async function countsIn(session: SqlSession): Promise<ContentCounts> {
  const found: [string, number][] = [];
  for (const name of [...copiedTableNames, 'engine']) {
    const sql = `SELECT count(*) AS total FROM flm.${name}`;
    found.push([name, (await session.find((row) => integer(row, 'total'), sql)) ?? 0]);
  }
  // One entry for each table.
  return Object.fromEntries(found) as ContentCounts;
}

async function insertTable(
  session: SqlSession,
  name: CopiedTable,
  rows: readonly (readonly CopiedValue[])[],
  revision: number,
): Promise<void> {
  if (!followedTables.has(name)) await insertRows(session, name, copiedTables[name], rows);
  else {
    const columns = [...copiedTables[name], 'revision'];
    await insertRows(
      session,
      name,
      columns,
      rows.map((values) => [...values, revision]),
    );
  }
}
