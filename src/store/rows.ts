/**
 * Reads columns by type, and the rows that several files read, from SQLite and from PostgreSQL. The tables enforce the
 * types, so a column with another type means damage: `RowFault`, which is reported as an error of the store.
 */
import type { EngineRecord, ModelAlias } from '../core/engine/engine.ts';
import type { ProxyProfile } from '../core/proxy/ports.ts';
import type { ApiKey, EnforcedKey, KeyState } from '../core/security/api-key.ts';
import type { LastUse } from '../core/security/ports.ts';

export type Row = Readonly<Record<string, unknown>>;

/** A row with invalid content: damage that the database does not detect. */
export class RowFault extends Error {}

export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw new RowFault(`${column} is no text`);
  return value;
}

export function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column);
}

export function integer(row: Row, column: string): number {
  const value = row[column];
  if (!Number.isSafeInteger(value)) throw new RowFault(`${column} is no whole number`);
  return Number(value);
}

function integerOrNull(row: Row, column: string): number | null {
  return row[column] === null ? null : integer(row, column);
}

/** JSON that a repository of this project wrote; the caller guarantees its type. */
export function json<T>(row: Row, column: string): T {
  try {
    return JSON.parse(text(row, column)) as T;
  } catch (cause) {
    throw cause instanceof RowFault ? cause : new RowFault(`${column} is no JSON`, { cause });
  }
}

/** Most keys have the same lists, so a list is parsed once for all. */
const knownLists = new Map<string, readonly string[]>();
const maxKnownLists = 1_000;

function list<T extends string>(row: Row, column: string): readonly T[] {
  const stored = text(row, column);
  // The caller guarantees the type, as for `json`.
  const known = knownLists.get(stored) as readonly T[] | undefined;
  if (known !== undefined) return known;
  const value = json<unknown>(row, column);
  if (!Array.isArray(value) || value.some((item) => typeof item !== 'string')) {
    throw new RowFault(`${column} is no list of texts`);
  }
  if (knownLists.size >= maxKnownLists) knownLists.clear();
  knownLists.set(stored, value);
  return value;
}

export const keyColumns =
  'id, label, digest, prefix, scopes, models, engines, endpoints, addresses, requests_per_minute, burst, ' +
  'tokens_per_minute, tokens_per_day, concurrency, created_at, expires_at, revoked_at, family_id, paused_at, ' +
  'owner, note';

export const allKeys = `SELECT ${keyColumns} FROM api_key ORDER BY created_at, id`;

/** The SQL for `keyState`. `now`: the parameter with the time. */
export function stateCondition(state: KeyState, now: '?1' | '$1'): string {
  const isValid = `revoked_at IS NULL AND coalesce(expires_at > ${now}, true)`;
  switch (state) {
    case 'revoked':
      return 'revoked_at IS NOT NULL';
    case 'expired':
      return `revoked_at IS NULL AND expires_at <= ${now}`;
    case 'paused':
      return `${isValid} AND paused_at IS NOT NULL`;
    case 'active':
      return `${isValid} AND paused_at IS NULL`;
    default:
      return state satisfies never;
  }
}

export function keyOf(row: Row): ApiKey {
  return {
    ...enforcedKeyOf(row),
    prefix: text(row, 'prefix'),
    createdAtMs: integer(row, 'created_at'),
    owner: textOrNull(row, 'owner'),
    note: textOrNull(row, 'note'),
  };
}

export function enforcedKeyOf(row: Row): EnforcedKey {
  return {
    id: text(row, 'id'),
    familyId: textOrNull(row, 'family_id') ?? text(row, 'id'),
    label: text(row, 'label'),
    digest: text(row, 'digest'),
    scopes: list(row, 'scopes'),
    models: list(row, 'models'),
    engines: list(row, 'engines'),
    endpoints: list(row, 'endpoints'),
    addresses: list(row, 'addresses'),
    limits: {
      requestsPerMinute: integerOrNull(row, 'requests_per_minute'),
      burst: integerOrNull(row, 'burst'),
      tokensPerMinute: integerOrNull(row, 'tokens_per_minute'),
      tokensPerDay: integerOrNull(row, 'tokens_per_day'),
      concurrency: integerOrNull(row, 'concurrency'),
    },
    expiresAtMs: integerOrNull(row, 'expires_at'),
    revokedAtMs: integerOrNull(row, 'revoked_at'),
    pausedAtMs: integerOrNull(row, 'paused_at'),
  };
}

export const allEngines =
  'SELECT id, url, kind, api_key, slots, ca_file, created_at FROM engine ORDER BY created_at, id';

export function engineOf(row: Row): EngineRecord {
  const kind = textOrNull(row, 'kind');
  return {
    id: text(row, 'id'),
    url: text(row, 'url'),
    // A name in engineKindNames: only those are written, and a release with more names has a newer schema.
    ...(kind === null ? {} : { kind: kind as NonNullable<EngineRecord['kind']> }),
    ...(row.api_key === null ? {} : { apiKey: json<NonNullable<EngineRecord['apiKey']>>(row, 'api_key') }),
    ...(row.slots === null ? {} : { slots: integer(row, 'slots') }),
    ...(row.ca_file === null ? {} : { caFile: text(row, 'ca_file') }),
    createdAtMs: integer(row, 'created_at'),
  };
}

export const allAliases = 'SELECT name, target FROM model_alias ORDER BY name';

export function aliasOf(row: Row): ModelAlias {
  return { name: text(row, 'name'), target: text(row, 'target') };
}

/** In the order of `keyColumns`. */
export function keyValues(key: ApiKey): (string | number | null)[] {
  return [
    key.id,
    key.label,
    key.digest,
    key.prefix,
    JSON.stringify(key.scopes),
    JSON.stringify(key.models),
    JSON.stringify(key.engines),
    JSON.stringify(key.endpoints),
    JSON.stringify(key.addresses),
    key.limits.requestsPerMinute,
    key.limits.burst,
    key.limits.tokensPerMinute,
    key.limits.tokensPerDay,
    key.limits.concurrency,
    key.createdAtMs,
    key.expiresAtMs,
    key.revokedAtMs,
    key.familyId,
    key.pausedAtMs,
    key.owner,
    key.note,
  ];
}

export function lastUseOf(row: Row): [keyId: string, use: LastUse] {
  return [text(row, 'key_id'), { atMs: integer(row, 'at'), address: text(row, 'address') }];
}

export function profileOf(row: Row): ProxyProfile {
  return {
    name: text(row, 'name'),
    config: json<ProxyProfile['config']>(row, 'config'),
    createdAtMs: integer(row, 'created_at'),
    updatedAtMs: integer(row, 'updated_at'),
  };
}
