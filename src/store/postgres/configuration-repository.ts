/** The configuration as a whole, read in one snapshot and changed in one transaction. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import {
  type AppliedKind,
  appliedKinds,
  type ConfigurationChange,
  type ConfigurationRepository,
  type StoredConfiguration,
} from '../../core/configuration/ports.ts';
import { keyOf, profileOf, text } from '../rows.ts';
import { recordAudit } from './audit-repository.ts';
import type { PostgresDatabase } from './database.ts';
import { deleteRow } from './deleted-rows.ts';
import { listAliases, listEngines, saveAliasRow, saveEngineRow } from './engine-repository.ts';
import { allProfiles, saveProfileRow } from './proxy-repository.ts';
import {
  allKeys,
  insertKeyRow,
  loadPolicy,
  savePolicyRow,
  unique,
  updateKeyRow,
} from './security-repository.ts';
import type { SqlSession } from './sql-session.ts';
import type { StoreKey } from './store-key.ts';

export class PostgresConfigurationRepository implements ConfigurationRepository {
  readonly #db: PostgresDatabase;
  readonly #key: StoreKey;

  constructor(db: PostgresDatabase, key: StoreKey) {
    this.#db = db;
    this.#key = key;
  }

  async read(): Promise<StoredConfiguration> {
    return this.#db.read((session) => this.#stored(session));
  }

  async change<Change extends ConfigurationChange>(
    plan: (stored: StoredConfiguration) => Change,
  ): Promise<Change> {
    let planned: Change | undefined;
    await unique(
      this.#db.change(async (session, revision) => {
        const stored = await this.#stored(session);
        planned = plan(stored);
        if (isEmpty(planned, stored)) return undefined;
        await this.#write(session, planned, revision);
        await recordAudit(session, planned.audit);
        return true;
      }),
    );
    assert(planned !== undefined, 'a change runs its work or throws');
    return planned;
  }

  async #stored(session: SqlSession): Promise<StoredConfiguration> {
    const applied = await session.list(
      (row) => ({ kind: text(row, 'kind'), name: text(row, 'name') }),
      'SELECT kind, name FROM flm.applied ORDER BY name',
    );
    const namesOf = (kind: AppliedKind): readonly string[] =>
      applied.filter((found) => found.kind === kind).map(({ name }) => name);
    return {
      profiles: await session.list(profileOf, allProfiles),
      policy: await loadPolicy(session),
      keys: await session.list(keyOf, allKeys),
      engines: await listEngines(session, this.#key),
      aliases: await listAliases(session),
      applied: {
        profile: namesOf('profile'),
        key: namesOf('key'),
        engine: namesOf('engine'),
        alias: namesOf('alias'),
      },
    };
  }

  async #write(session: SqlSession, change: ConfigurationChange, revision: number): Promise<void> {
    for (const name of change.deletedProfiles) await deleteRow(session, 'profile', name, revision);
    for (const id of change.deletedEngines) await deleteRow(session, 'engine', id, revision);
    for (const name of change.deletedAliases) await deleteRow(session, 'model_alias', name, revision);
    for (const profile of change.profiles) await saveProfileRow(session, profile, revision);
    for (const engine of change.engines) await saveEngineRow(session, this.#key, engine, revision);
    for (const alias of change.aliases) await saveAliasRow(session, alias, revision);
    for (const key of change.keys)
      if ((await updateKeyRow(session, key, revision)) === 0) await insertKeyRow(session, key, revision);
    if (change.policy !== undefined) await savePolicyRow(session, change.policy, revision);
    await session.run('DELETE FROM flm.applied');
    for (const kind of appliedKinds)
      await session.run(
        'INSERT INTO flm.applied (kind, name) SELECT $1, name FROM unnest($2::text[]) AS listed (name)',
        kind,
        change.applied[kind],
      );
  }
}

/** Then nodes have nothing to read. */
function isEmpty(change: ConfigurationChange, stored: StoredConfiguration): boolean {
  const { policy, applied, audit, ...rows } = change;
  const lists = [
    audit,
    rows.profiles,
    rows.keys,
    rows.engines,
    rows.aliases,
    rows.deletedProfiles,
    rows.deletedEngines,
    rows.deletedAliases,
  ];
  const changesRows = policy !== undefined || lists.some((list) => list.length > 0);
  return !changesRows && isDeepStrictEqual(applied, stored.applied);
}
