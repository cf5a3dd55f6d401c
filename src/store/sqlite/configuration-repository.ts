/** The configuration in `flm.db`, read in one snapshot and changed in one transaction. */
import {
  type AppliedKind,
  type AppliedNames,
  appliedKinds,
  type ConfigurationChange,
  type ConfigurationRepository,
  type StoredConfiguration,
} from '../../core/configuration/ports.ts';
import { aliasOf, allAliases, allEngines, allKeys, engineOf, keyOf, profileOf, text } from '../rows.ts';
import { recordAudit } from './audit-repository.ts';
import type { Database } from './database.ts';
import { deleteAliasRow, deleteEngineRow, saveAliasRow, saveEngineRow } from './engine-repository.ts';
import { deleteProfileRow, saveProfileRow } from './proxy-repository.ts';
import { insertKeyRow, loadPolicy, savePolicyRow, unique, updateKeyRow } from './security-repository.ts';

export class SqliteConfigurationRepository implements ConfigurationRepository {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async read(): Promise<StoredConfiguration> {
    return this.#db.read(() => this.#stored());
  }

  async change<Change extends ConfigurationChange>(
    plan: (stored: StoredConfiguration) => Change,
  ): Promise<Change> {
    return unique(() =>
      this.#db.write(() => {
        const change = plan(this.#stored());
        this.#write(change);
        recordAudit(this.#db, change.audit);
        return change;
      }),
    );
  }

  #stored(): StoredConfiguration {
    return {
      profiles: this.#db.list(profileOf, 'SELECT * FROM profile ORDER BY name'),
      policy: loadPolicy(this.#db),
      keys: this.#db.list(keyOf, allKeys),
      engines: this.#db.list(engineOf, allEngines),
      aliases: this.#db.list(aliasOf, allAliases),
      applied: this.#applied(),
    };
  }

  #applied(): AppliedNames {
    const namesOf = (kind: AppliedKind): readonly string[] =>
      this.#db.list(
        (row) => text(row, 'name'),
        'SELECT name FROM applied WHERE kind = ? ORDER BY name',
        kind,
      );
    return {
      profile: namesOf('profile'),
      key: namesOf('key'),
      engine: namesOf('engine'),
      alias: namesOf('alias'),
    };
  }

  #write(change: ConfigurationChange): void {
    const db = this.#db;
    for (const name of change.deletedProfiles) deleteProfileRow(db, name);
    for (const id of change.deletedEngines) deleteEngineRow(db, id);
    for (const name of change.deletedAliases) deleteAliasRow(db, name);
    for (const profile of change.profiles) saveProfileRow(db, profile);
    for (const engine of change.engines) saveEngineRow(db, engine);
    for (const alias of change.aliases) saveAliasRow(db, alias);
    for (const key of change.keys) if (updateKeyRow(db, key) === 0) insertKeyRow(db, key);
    if (change.policy !== undefined) savePolicyRow(db, change.policy);
    db.run('DELETE FROM applied');
    for (const kind of appliedKinds)
      for (const name of change.applied[kind])
        db.run('INSERT INTO applied (kind, name) VALUES (?, ?)', kind, name);
  }
}
