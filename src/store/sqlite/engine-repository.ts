/** Saved engines and model aliases in `flm.db`. A secret given as a value stays in that 0600 file. */
import type { AppliedKind } from '../../core/configuration/ports.ts';
import type { EngineRecord, ModelAlias } from '../../core/engine/engine.ts';
import type { EngineRepository } from '../../core/engine/engine-registry.ts';
import type { AuditEntry } from '../../core/security/ports.ts';
import { aliasOf, allAliases, allEngines, engineOf } from '../rows.ts';
import { writeChange } from './audit-repository.ts';
import type { Database } from './database.ts';

export class SqliteEngineRepository implements EngineRepository {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async saveEngine(engine: EngineRecord, audit?: AuditEntry): Promise<void> {
    writeChange(this.#db, audit, () => saveEngineRow(this.#db, engine));
  }

  async listEngines(): Promise<readonly EngineRecord[]> {
    return this.#db.list(engineOf, allEngines);
  }

  async deleteEngine(id: string, audit?: AuditEntry): Promise<boolean> {
    return writeChange(this.#db, audit, () => deleteEngineRow(this.#db, id)) > 0;
  }

  async saveAlias(alias: ModelAlias, audit?: AuditEntry): Promise<void> {
    writeChange(this.#db, audit, () => saveAliasRow(this.#db, alias));
  }

  async listAliases(): Promise<readonly ModelAlias[]> {
    return this.#db.list(aliasOf, allAliases);
  }

  async deleteAlias(name: string, audit?: AuditEntry): Promise<boolean> {
    return writeChange(this.#db, audit, () => deleteAliasRow(this.#db, name)) > 0;
  }
}

// Call these inside a write transaction of `db`. They return the number of changed rows.

export function saveEngineRow(db: Database, engine: EngineRecord): number {
  return db.run(
    `INSERT INTO engine (id, url, kind, api_key, slots, ca_file, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET url = excluded.url, kind = excluded.kind, api_key = excluded.api_key,
     slots = excluded.slots, ca_file = excluded.ca_file, created_at = excluded.created_at`,
    engine.id,
    engine.url,
    engine.kind ?? null,
    engine.apiKey === undefined ? null : JSON.stringify(engine.apiKey),
    engine.slots ?? null,
    engine.caFile ?? null,
    engine.createdAtMs,
  );
}

export function deleteEngineRow(db: Database, id: string): number {
  forgetApplied(db, 'engine', id);
  return db.run('DELETE FROM engine WHERE id = ?', id);
}

export function saveAliasRow(db: Database, alias: ModelAlias): number {
  return db.run(
    'INSERT INTO model_alias (name, target) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET target = excluded.target',
    alias.name,
    alias.target,
  );
}

export function deleteAliasRow(db: Database, name: string): number {
  forgetApplied(db, 'alias', name);
  return db.run('DELETE FROM model_alias WHERE name = ?', name);
}

/** What somebody makes later under the name of a deleted entry was not listed by a file, so `--prune` keeps it. */
export function forgetApplied(db: Database, kind: AppliedKind, name: string): void {
  db.run('DELETE FROM applied WHERE kind = ? AND name = ?', kind, name);
}
