/**
 * Makes slices of keys in the database: one row with the columns of many keys as texts, which is cheaper than a row for each
 * key.
 */
import type { EnforcedKey } from '../core/security/api-key.ts';
import { digestWords, type KeySlice } from '../core/security/stored-keys.ts';
import { enforcedKeyOf, integer, type Row, RowFault, text } from './rows.ts';

/** The columns that keys share, after the family. */
const sharedColumns = [
  'scopes',
  'models',
  'engines',
  'endpoints',
  'addresses',
  'requests_per_minute',
  'burst',
  'tokens_per_minute',
  'tokens_per_day',
  'concurrency',
  'revoked_at',
  'paused_at',
] as const;

/** What `keySliceOf` reads of a set of keys, in SQLite. A JSON text has no line feed. */
export const sqliteSliceColumns = `count(*) AS count,
  json_group_array(id) AS ids, json_group_array(label) AS labels, group_concat(digest, '') AS digests,
  json_group_array(expires_at) AS expiries,
  group_concat(json_array(nullif(family_id, id), ${sharedColumns.join(', ')}), char(10)) AS shared`;

/** The same in PostgreSQL. */
export const postgresSliceColumns = `count(*) AS count,
  json_agg(id)::text AS ids, json_agg(label)::text AS labels, string_agg(digest, '') AS digests,
  json_agg(expires_at)::text AS expiries,
  string_agg(json_build_array(nullif(family_id, id), ${sharedColumns.join(', ')})::text, chr(10)) AS shared`;

export const noKeys: KeySlice = {
  count: 0,
  digests: new Uint32Array(),
  ids: '[]',
  labels: '[]',
  expiriesMs: new Float64Array(),
  kindOf: new Uint32Array(),
  kinds: [],
};

/** Throws a `RowFault`. */
export function keySliceOf(row: Row): KeySlice {
  const count = integer(row, 'count');
  if (count === 0) return noKeys;
  const digests = new Uint32Array(count * digestWords);
  const hex = text(row, 'digests');
  const length = digests.byteLength;
  if (hex.length !== length * 2 || Buffer.from(digests.buffer).write(hex, 'hex') !== length)
    throw new RowFault('the digest of a key is not 64 hexadecimal digits');
  const expiries = JSON.parse(text(row, 'expiries')) as readonly unknown[];
  const kinds: EnforcedKey[] = [];
  const known = new Map<string, number>();
  const kindOf = new Uint32Array(count);
  let last = '';
  let kind = 0;
  for (const [at, shared] of text(row, 'shared').split('\n').entries()) {
    // Mostly it is the same as that of the key before.
    if (shared !== last) {
      kind = known.get(shared) ?? kinds.push(kindIn(shared)) - 1;
      known.set(shared, kind);
      last = shared;
    }
    kindOf[at] = kind;
  }
  return {
    count,
    digests,
    ids: text(row, 'ids'),
    labels: text(row, 'labels'),
    expiriesMs: Float64Array.from(expiries, expiryMs),
    kindOf,
    kinds,
  };
}

function expiryMs(stored: unknown): number {
  return stored === null ? Number.POSITIVE_INFINITY : integer({ expires_at: stored }, 'expires_at');
}

function kindIn(shared: string): EnforcedKey {
  const [family, ...values] = JSON.parse(shared) as readonly unknown[];
  const columns = Object.fromEntries(sharedColumns.map((name, i) => [name, values[i]]));
  return enforcedKeyOf({ ...columns, id: '', label: '', digest: '', expires_at: null, family_id: family });
}
