/**
 * The two SQLite files as the source or the target of a copy. Rows of older versions of flm have no family; they are read
 * with the family that they count for.
 *
 * The files are written one after the other, usage first, each completely or not at all. Keys, which make a store
 * complete, are written last.
 */
import type { EngineRecord } from '../../core/engine/engine.ts';
import { allEngines, engineOf, integer } from '../rows.ts';
import {
  type ContentCounts,
  type CopiedStore,
  type CopiedTable,
  chainTables,
  copiedTableNames,
  copiedTables,
  type StoreContent,
  valuesIn,
} from '../store-copy.ts';
import { auditOfProxies } from './audit-chain.ts';
import type { Database } from './database.ts';
import { saveEngineRow } from './engine-repository.ts';

/** Where a table is, and which of its rows. */
interface Place {
  readonly db: 'flm' | 'usage';
  readonly table: string;
  readonly where: string;
  readonly order: string;
  /** Values of columns that older versions left empty. */
  readonly columns?: Readonly<Record<string, string>>;
}

const inFlm = (table: CopiedTable): Place => ({ db: 'flm', table, where: 'true', order: 'rowid' });
const inUsage = (table: CopiedTable): Place => ({ db: 'usage', table, where: 'true', order: '1' });
const byName = { order: '1' };
const family = { family_id: "iif(family_id = '', key_id, family_id)" };

const places: Readonly<Record<CopiedTable, Place>> = {
  profile: { ...inFlm('profile'), ...byName },
  api_key: { ...inFlm('api_key'), ...byName, columns: { family_id: 'coalesce(family_id, id)' } },
  policy: inFlm('policy'),
  model_alias: { ...inFlm('model_alias'), ...byName },
  share: { ...inFlm('share'), ...byName },
  applied: { ...inFlm('applied'), ...byName },
  audit: { ...inFlm('audit'), order: 'id' },
  refusal: { ...inUsage('audit'), where: `action IN ${auditOfProxies}`, order: 'id' },
  audit_chain: inFlm('audit_chain'),
  refusal_chain: inUsage('refusal_chain'),
  usage_day: { ...inUsage('usage_day'), columns: family },
  usage_hour: inUsage('usage_hour'),
  usage_rollup: { ...inUsage('usage_rollup'), columns: family },
  last_used: inUsage('last_used'),
  retention: inUsage('retention'),
};

export function sqliteCopiedStore(flm: Database, usage: Database): CopiedStore {
  const dbOf = ({ db }: Place): Database => (db === 'flm' ? flm : usage);
  const rowsOf = (name: CopiedTable) => {
    const place = places[name];
    const columns = copiedTables[name];
    const read = columns.map((column) => {
      const given = place.columns?.[column];
      return given === undefined ? column : `${given} AS ${column}`;
    });
    const sql = `SELECT ${read.join(', ')} FROM ${place.table} WHERE ${place.where} ORDER BY ${place.order}`;
    return dbOf(place).list((row) => valuesIn(row, columns), sql);
  };
  const write = (db: Database, content: StoreContent): void => {
    for (const name of copiedTableNames) {
      const place = places[name];
      if (dbOf(place) !== db) continue;
      db.run(`DELETE FROM ${place.table} WHERE ${place.where}`);
      const columns = copiedTables[name];
      const sql = `INSERT INTO ${place.table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`;
      for (const values of content.rows[name]) db.run(sql, ...values);
    }
    // A copy that was made without chains.
    for (const name of chainTables)
      if (dbOf(places[name]) === db) db.run(`INSERT OR IGNORE INTO ${name} VALUES (1, 0, '', 0, '')`);
  };
  return {
    shown: flm.place.file,
    async read() {
      // Each file in one snapshot.
      const rows: Partial<Record<CopiedTable, StoreContent['rows'][CopiedTable]>> = {};
      let engines: readonly EngineRecord[] = [];
      for (const db of [usage, flm])
        db.read(() => {
          for (const name of copiedTableNames) if (dbOf(places[name]) === db) rows[name] = rowsOf(name);
          if (db === flm) engines = flm.list(engineOf, allEngines);
        });
      // The loop visited every table.
      return { rows: rows as StoreContent['rows'], engines };
    },
    async replace(content) {
      usage.write(() => write(usage, content));
      flm.write(() => {
        write(flm, content);
        flm.run('DELETE FROM engine');
        for (const engine of content.engines) saveEngineRow(flm, engine);
      });
    },
    async counts() {
      const count = (db: Database, table: string, where: string): number =>
        db.find((row) => integer(row, 'total'), `SELECT count(*) AS total FROM ${table} WHERE ${where}`) ?? 0;
      const found = copiedTableNames.map((name) => {
        const place = places[name];
        return [name, count(dbOf(place), place.table, place.where)] as const;
      });
      // One entry for each table.
      return { ...Object.fromEntries(found), engine: count(flm, 'engine', 'true') } as ContentCounts;
    },
  };
}
