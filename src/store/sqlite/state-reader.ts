/**
 * Reads in one transaction all changes in `flm.db` since a proxy last read it. The whole state is read when the file
 * was replaced or restored from an older copy, or when the record of deleted rows does not reach back far enough.
 */
import type { EnforcedKey } from '../../core/security/api-key.ts';
import type { StateChange } from '../../core/security/ports.ts';
import {
  aliasOf,
  allAliases,
  allEngines,
  enforcedKeyColumns,
  enforcedKeyOf,
  engineOf,
  integer,
  text,
} from '../rows.ts';
import type { Revisions, Seen, StateDelta } from '../store-requests.ts';
import type { Database } from './database.ts';
import { removedKept } from './migrations/flm/001-initial.ts';
import { loadPolicy } from './security-repository.ts';

export interface Reading {
  readonly delta: StateDelta;
  readonly keys: readonly EnforcedKey[];
}

/** Returns undefined if nothing changed. Throws a `StoreError`, or POLICY_INVALID. */
export function readChanges(db: Database, seen: Seen | undefined): Reading | undefined {
  db.followFile();
  const file = db.identity();
  return db.read(() => {
    const now = revisions(db);
    const before =
      seen !== undefined && seen.file === file && !wentBack(seen.revisions, now) ? seen.revisions : undefined;
    const moved = (table: keyof Revisions): boolean => before?.[table] !== now[table];
    if (!moved('api_key') && !moved('policy') && !moved('engine') && !moved('model_alias')) return undefined;
    const rest: Omit<StateChange, 'keys'> = {
      ...(moved('policy') ? { policy: loadPolicy(db) } : {}),
      ...(moved('engine') ? { engines: db.list(engineOf, allEngines) } : {}),
      ...(moved('model_alias') ? { aliases: db.list(aliasOf, allAliases) } : {}),
    };
    const delta: StateDelta = { seen: { file, revisions: now }, rest };
    if (!moved('api_key')) return { delta, keys: [] };
    const since =
      before !== undefined && now.api_key - before.api_key < removedKept ? before.api_key : undefined;
    const keys = db.list(
      enforcedKeyOf,
      `SELECT ${enforcedKeyColumns} FROM api_key WHERE revision > ? ORDER BY revision`,
      since ?? -1,
    );
    const removedIds = since === undefined ? [] : removedSince(db, since);
    return { delta: { ...delta, keys: { replaceAll: since === undefined, removedIds } }, keys };
  });
}

function removedSince(db: Database, revision: number): readonly string[] {
  return db.list((row) => text(row, 'id'), 'SELECT id FROM api_key_removed WHERE revision > ?', revision);
}

function revisions(db: Database): Revisions {
  const found = { api_key: -1, policy: -1, engine: -1, model_alias: -1 };
  const rows = db.list(
    (row) => [text(row, 'name'), integer(row, 'value')] as const,
    'SELECT name, value FROM revision',
  );
  for (const [name, value] of rows) if (Object.hasOwn(found, name)) found[name as keyof Revisions] = value;
  return found;
}

function wentBack(before: Revisions, now: Revisions): boolean {
  return (
    now.api_key < before.api_key ||
    now.policy < before.policy ||
    now.engine < before.engine ||
    now.model_alias < before.model_alias
  );
}
