/**
 * Saved engines and model aliases. A secret that was given as a value is encrypted under the store key; the row itself
 * only says that there is one.
 */
import type { EngineRecord, ModelAlias } from '../../core/engine/engine.ts';
import type { EngineRepository } from '../../core/engine/engine-registry.ts';
import type { AuditEntry } from '../../core/security/ports.ts';
import { aliasOf, engineOf, type Row, RowFault, text } from '../rows.ts';
import { writeChange } from './audit-repository.ts';
import type { PostgresDatabase } from './database.ts';
import { deleteRow } from './deleted-rows.ts';
import type { SqlSession } from './sql-session.ts';
import type { Sealed, StoreKey } from './store-key.ts';

export class PostgresEngineRepository implements EngineRepository {
  readonly #db: PostgresDatabase;
  readonly #key: StoreKey;

  constructor(db: PostgresDatabase, key: StoreKey) {
    this.#db = db;
    this.#key = key;
  }

  async saveEngine(engine: EngineRecord, audit?: AuditEntry): Promise<void> {
    await writeChange(this.#db, audit, (session, revision) =>
      saveEngineRow(session, this.#key, engine, revision),
    );
  }

  async listEngines(): Promise<readonly EngineRecord[]> {
    return listEngines(this.#db, this.#key);
  }

  async deleteEngine(id: string, audit?: AuditEntry): Promise<boolean> {
    const deleted = await writeChange(this.#db, audit, (session, revision) =>
      deleteRow(session, 'engine', id, revision),
    );
    return deleted > 0;
  }

  async saveAlias(alias: ModelAlias, audit?: AuditEntry): Promise<void> {
    await writeChange(this.#db, audit, (session, revision) => saveAliasRow(session, alias, revision));
  }

  async listAliases(): Promise<readonly ModelAlias[]> {
    return listAliases(this.#db);
  }

  async deleteAlias(name: string, audit?: AuditEntry): Promise<boolean> {
    const deleted = await writeChange(this.#db, audit, (session, revision) =>
      deleteRow(session, 'model_alias', name, revision),
    );
    return deleted > 0;
  }
}

/** Oldest first. Throws STORE_KEY_UNUSABLE if a secret was encrypted with another key. */
export async function listEngines(session: SqlSession, key: StoreKey): Promise<readonly EngineRecord[]> {
  const columns = 'id, url, kind, api_key, sealed, sealed_by, slots, ca_file, created_at';
  const found = await session.list(
    storedEngineOf,
    `SELECT ${columns} FROM flm.engine ORDER BY created_at, id`,
  );
  return found.map(({ engine, sealed }) => {
    if (sealed === undefined) return engine;
    const value = key.unseal(sealed, placeOf(engine.id)).toString();
    return { ...engine, apiKey: { from: 'value', value } };
  });
}

/** Sorted by name. */
export function listAliases(session: SqlSession): Promise<readonly ModelAlias[]> {
  return session.list(aliasOf, 'SELECT name, target FROM flm.model_alias ORDER BY name');
}

// Call the functions below inside a change. They return the number of changed rows.

export async function saveEngineRow(
  session: SqlSession,
  key: StoreKey,
  engine: EngineRecord,
  revision: number,
): Promise<number> {
  const { apiKey } = engine;
  const sealed = apiKey?.from === 'value' ? key.seal(apiKey.value, placeOf(engine.id)) : undefined;
  const reference = apiKey?.from === 'value' ? { from: 'value' } : apiKey;
  return session.run(
    `INSERT INTO flm.engine (id, url, kind, api_key, sealed, sealed_by, slots, ca_file, created_at, revision)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     ON CONFLICT (id) DO UPDATE SET url = excluded.url, kind = excluded.kind, api_key = excluded.api_key,
     sealed = excluded.sealed, sealed_by = excluded.sealed_by, slots = excluded.slots, ca_file = excluded.ca_file,
     created_at = excluded.created_at, revision = excluded.revision`,
    engine.id,
    engine.url,
    engine.kind ?? null,
    reference === undefined ? null : JSON.stringify(reference),
    sealed?.sealed ?? null,
    sealed?.sealedBy ?? null,
    engine.slots ?? null,
    engine.caFile ?? null,
    engine.createdAtMs,
    revision,
  );
}

export async function saveAliasRow(
  session: SqlSession,
  alias: ModelAlias,
  revision: number,
): Promise<number> {
  return session.run(
    `INSERT INTO flm.model_alias (name, target, revision) VALUES ($1, $2, $3)
     ON CONFLICT (name) DO UPDATE SET target = excluded.target, revision = excluded.revision`,
    alias.name,
    alias.target,
    revision,
  );
}

function storedEngineOf(row: Row): { readonly engine: EngineRecord; readonly sealed: Sealed | undefined } {
  const { sealed } = row;
  if (sealed === null) return { engine: engineOf(row), sealed: undefined };
  if (!Buffer.isBuffer(sealed)) throw new RowFault('sealed is no bytes');
  const engine = engineOf({ ...row, api_key: null });
  return { engine, sealed: { sealed, sealedBy: text(row, 'sealed_by') } };
}

function placeOf(engineId: string): string {
  return `engine/${engineId}`;
}
