/**
 * Reads in one transaction all changes in `flm.db` since a proxy last read it. The whole state is read when the file
 * was replaced or restored from an older copy, or when the record of deleted rows does not reach back far enough.
 */
import { StoreError } from '../../core/errors.ts';
import type { KeySlice } from '../../core/security/stored-keys.ts';
import { keySliceOf, noKeys, sqliteSliceColumns } from '../packed-keys.ts';
import { aliasOf, allAliases, allEngines, engineOf, integer, text } from '../rows.ts';
import type { Revisions, Seen } from '../store-requests.ts';
import type { Database } from './database.ts';
import { removedKept } from './migrations/flm/001-initial.ts';
import { storedPolicy } from './security-repository.ts';
import type { StoredDelta } from './thread-messages.ts';

/** Keys with revisions in (`after`, `to`], read slice by slice before the rest of the changes. */
export interface KeyRange {
  readonly file: string;
  after: number;
  readonly to: number;
}

export interface Reading {
  readonly delta: StoredDelta;
  /** Few keys, or those that changed since the range before was read. */
  readonly keys: KeySlice;
}

/** For SQLite, a negative limit is none. */
const noLimit = -1;
const keysInRange = `SELECT ${sqliteSliceColumns}, max(revision) AS last FROM
  (SELECT * FROM api_key WHERE revision > ? AND revision <= ? ORDER BY revision LIMIT ?)`;

/**
 * Returns the keys that must be read before `readChanges`, if they are too many for one transaction, which would hold
 * all of them in memory. Those that change while the range is read are in `readChanges` again.
 */
export function manyKeys(db: Database, seen: Seen | undefined, many: number): KeyRange | undefined {
  db.followFile();
  const file = db.identity();
  return db.read(() => {
    const now = revisions(db);
    const after = keysSince(knownRevisions(seen, file, now), now) ?? -1;
    if (after === now.api_key) return undefined;
    const count = db.find(
      (row) => integer(row, 'count'),
      'SELECT count(*) AS count FROM (SELECT 1 FROM api_key WHERE revision > ? LIMIT ?)',
      after,
      many + 1,
    );
    return count === undefined || count <= many ? undefined : { file, after, to: now.api_key };
  });
}

/** Returns the next keys of the range, which then begins after them; empty at its end. */
export function keySlice(db: Database, range: KeyRange, length: number): KeySlice {
  const found = db.find(
    (row) => {
      const slice = keySliceOf(row);
      if (slice.count > 0) range.after = integer(row, 'last');
      return slice;
    },
    keysInRange,
    range.after,
    range.to,
    length,
  );
  return found ?? noKeys;
}

/**
 * Returns undefined if nothing changed. The keys of `range` were read by slices. Throws a `StoreError`.
 */
export function readChanges(db: Database, seen: Seen | undefined, range?: KeyRange): Reading | undefined {
  db.followFile();
  const file = db.identity();
  return db.read(() => {
    const now = revisions(db);
    if (range !== undefined && (range.file !== file || now.api_key < range.to))
      throw new StoreError('STORE_UNUSABLE', {
        params: { file, reason: 'it was replaced while it was read' },
      });
    const before = knownRevisions(seen, file, now);
    const moved = (table: keyof Revisions): boolean => before?.[table] !== now[table];
    if (!moved('api_key') && !moved('policy') && !moved('engine') && !moved('model_alias')) return undefined;
    const rest: StoredDelta['rest'] = {
      ...(moved('policy') ? { policy: { body: storedPolicy(db) } } : {}),
      ...(moved('engine') ? { engines: db.list(engineOf, allEngines) } : {}),
      ...(moved('model_alias') ? { aliases: db.list(aliasOf, allAliases) } : {}),
    };
    const delta: StoredDelta = { seen: { file, revisions: now }, rest };
    if (!moved('api_key')) return { delta, keys: noKeys };
    const since = keysSince(before, now);
    const after = range?.to ?? since ?? -1;
    const keys = db.find(keySliceOf, keysInRange, after, now.api_key, noLimit) ?? noKeys;
    // Of all keys, those that were deleted after the slices began may be in the slices.
    const removedAfter = since ?? range?.to;
    const removedIds = removedAfter === undefined ? [] : removedSince(db, removedAfter);
    return {
      delta: { ...delta, keys: { replaceAll: since === undefined, removedIds } },
      keys,
    };
  });
}

/** Undefined if the whole state must be read. */
function knownRevisions(seen: Seen | undefined, file: string, now: Revisions): Revisions | undefined {
  return seen !== undefined && seen.file === file && !wentBack(seen.revisions, now)
    ? seen.revisions
    : undefined;
}

/** The revision after which keys must be read; undefined for all keys. */
function keysSince(before: Revisions | undefined, now: Revisions): number | undefined {
  return before !== undefined && now.api_key - before.api_key < removedKept ? before.api_key : undefined;
}

/** Without ids that were given again, such as by a restored copy. */
function removedSince(db: Database, revision: number): readonly string[] {
  return db.list(
    (row) => text(row, 'id'),
    'SELECT id FROM api_key_removed WHERE revision > ? AND id NOT IN (SELECT id FROM api_key)',
    revision,
  );
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
