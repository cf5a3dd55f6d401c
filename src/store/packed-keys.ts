/**
 * Keys on their way from the thread of a store to the proxy. Most keys differ only in id, label, digest and expiry. The
 * rest is sent once for all keys of a slice that share it, which makes a hundred thousand keys cheap to copy and to hold.
 */
import type { EnforcedKey } from '../core/security/api-key.ts';
import { enforcedKeyOf, integer, type Row, text } from './rows.ts';

/** One entry for each key, and the kinds that `kindOf` points to. */
export interface PackedKeys {
  readonly ids: string[];
  readonly labels: string[];
  readonly digests: string[];
  readonly expiriesMs: (number | null)[];
  readonly kindOf: number[];
  /** What keys share; the other fields are empty. An empty family is that of the key itself. */
  readonly kinds: EnforcedKey[];
}

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

/** For SQLite: the columns of `packKeys`. One JSON text is cheaper to compare than its columns. */
export const packedColumns = `id, label, digest, expires_at,
  json_array(nullif(family_id, id), ${sharedColumns.join(', ')}) AS shared`;

/** Throws a `RowFault`. */
export function packKeys(rows: readonly Row[]): PackedKeys {
  const packed: PackedKeys = { ids: [], labels: [], digests: [], expiriesMs: [], kindOf: [], kinds: [] };
  const known = new Map<string, number>();
  for (const row of rows) {
    const shared = text(row, 'shared');
    let kind = known.get(shared);
    if (kind === undefined) {
      kind = packed.kinds.push(kindIn(shared)) - 1;
      known.set(shared, kind);
    }
    packed.ids.push(text(row, 'id'));
    packed.labels.push(text(row, 'label'));
    packed.digests.push(text(row, 'digest'));
    packed.expiriesMs.push(row.expires_at === null ? null : integer(row, 'expires_at'));
    packed.kindOf.push(kind);
  }
  return packed;
}

function kindIn(shared: string): EnforcedKey {
  const [family, ...values] = JSON.parse(shared) as readonly unknown[];
  const columns = Object.fromEntries(sharedColumns.map((name, i) => [name, values[i]]));
  const own = { id: '', label: '', digest: '', expires_at: null };
  return enforcedKeyOf({ ...columns, ...own, family_id: family });
}

/** The keys without those with the ids. Can be read several times; no key exists longer than its reader keeps it. */
export function unpackedKeys(
  slices: readonly PackedKeys[],
  without: ReadonlySet<string>,
): Iterable<EnforcedKey> {
  return { [Symbol.iterator]: () => unpack(slices, without) };
}

function* unpack(
  slices: readonly PackedKeys[],
  without: ReadonlySet<string>,
): Generator<EnforcedKey, undefined> {
  for (const { ids, labels, digests, expiriesMs, kindOf, kinds } of slices) {
    for (const [at, id] of ids.entries()) {
      if (without.has(id)) continue;
      const kind = kinds[kindOf[at] as number] as EnforcedKey;
      yield {
        ...kind,
        id,
        familyId: kind.familyId || id,
        label: labels[at] as string,
        digest: digests[at] as string,
        expiresAtMs: expiriesMs[at] as number | null,
      };
    }
  }
}
