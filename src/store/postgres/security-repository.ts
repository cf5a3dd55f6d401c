/**
 * Keys, policy and last use. A revoked key stays revoked, whatever is written later: two programs that change one key at
 * the same time must not reactivate it.
 */
import { PolicyError } from '../../core/errors.ts';
import {
  type ApiKey,
  duplicateKeyFault,
  isActive,
  revokedFault,
  takenLabelFault,
  takesLabel,
} from '../../core/security/api-key.ts';
import type {
  AuditEntry,
  ChangedKey,
  KeyChange,
  KeyPage,
  KeyPageQuery,
  LastUse,
  SecurityRepository,
} from '../../core/security/ports.ts';
import { defaultPolicy, parsePolicy, type SecurityPolicy } from '../../core/security/security-policy.ts';
import {
  integer,
  json,
  keyColumns,
  keyOf,
  keyValues,
  lastUseOf,
  type Row,
  stateCondition,
  text,
} from '../rows.ts';
import { recordAudit, writeChange } from './audit-repository.ts';
import type { PostgresDatabase } from './database.ts';
import { isDuplicate } from './database-failure.ts';
import { deleteRow } from './deleted-rows.ts';
import { insertRows } from './insert-rows.ts';
import type { SqlSession } from './sql-session.ts';

export const allKeys = `SELECT ${keyColumns} FROM flm.api_key ORDER BY created_at, id`;

export class PostgresSecurityRepository implements SecurityRepository {
  readonly #db: PostgresDatabase;

  constructor(db: PostgresDatabase) {
    this.#db = db;
  }

  async insertKey(key: ApiKey, audit?: AuditEntry): Promise<void> {
    await this.insertKeys([key], audit === undefined ? [] : [audit]);
  }

  async insertKeys(keys: readonly ApiKey[], audit: readonly AuditEntry[] = []): Promise<void> {
    await unique(
      this.#db.change(async (session, revision) => {
        await refuseTakenLabels(session, keys);
        await insertKeyRows(session, keys, revision);
        await recordAudit(session, audit);
        return true;
      }),
    );
  }

  async listKeys(): Promise<readonly ApiKey[]> {
    return this.#db.list(keyOf, allKeys);
  }

  async pageKeys({ descending, state, nowMs, cursor, limit }: KeyPageQuery): Promise<KeyPage> {
    return this.#db.read(async (session) => {
      const inState = state === undefined ? 'true' : stateCondition(state, '$1');
      // Every statement has the parameter, also where the condition does not use it.
      const total = await session.find(
        (row) => integer(row, 'total'),
        `SELECT count(*) AS total FROM flm.api_key WHERE $1::bigint IS NOT NULL AND ${inState}`,
        nowMs,
      );
      const last = cursor === undefined ? undefined : await findKey(session, cursor);
      const [behind, order] = descending ? ['<', 'DESC'] : ['>', 'ASC'];
      const keys = await session.list(
        keyOf,
        `SELECT ${keyColumns} FROM flm.api_key WHERE $1::bigint IS NOT NULL AND ${inState} AND
           ($2::bigint IS NULL OR created_at ${behind} $2 OR (created_at = $2 AND id > $3))
         ORDER BY created_at ${order}, id LIMIT $4`,
        nowMs,
        last?.createdAtMs ?? null,
        last?.id ?? null,
        limit + 1,
      );
      return { keys: keys.slice(0, limit), hasMore: keys.length > limit, total: total ?? 0 };
    });
  }

  async findKey(id: string): Promise<ApiKey | undefined> {
    return findKey(this.#db, id);
  }

  async keysWithLabel(label: string): Promise<readonly ApiKey[]> {
    const sql = `SELECT ${keyColumns} FROM flm.api_key WHERE label = $1 ORDER BY created_at, id`;
    return this.#db.list(keyOf, sql, label);
  }

  async keyLabels(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const sql = 'SELECT id, label FROM flm.api_key WHERE id = ANY ($1::text[])';
    const labelled = (row: Row): [string, string] => [text(row, 'id'), text(row, 'label')];
    return new Map(await this.#db.list(labelled, sql, ids));
  }

  async updateKey(key: ApiKey, audit?: AuditEntry): Promise<void> {
    await unique(writeChange(this.#db, audit, (session, revision) => update(session, key, revision)));
  }

  async changeFamily(
    familyId: string,
    atMs: number,
    change: KeyChange,
    audit?: (changes: readonly ChangedKey[]) => AuditEntry,
  ): Promise<readonly ApiKey[]> {
    const changed = await this.#db.change(async (session, revision) => {
      const sql = `SELECT ${keyColumns} FROM flm.api_key WHERE family_id = $1 AND revoked_at IS NULL
        ORDER BY created_at, id`;
      const changes = (await session.list(keyOf, sql, familyId)).map(
        (before): ChangedKey => ({ before, after: change(before) }),
      );
      if (changes.length === 0) return undefined;
      for (const { before, after } of changes) {
        if (takesLabel(before, after, atMs)) await refuseTakenLabel(session, after, atMs);
        await update(session, after, revision);
      }
      if (audit !== undefined) await recordAudit(session, [audit(changes)]);
      return changes.map(({ after }) => after);
    });
    return changed ?? [];
  }

  async replaceKey(old: ApiKey, successor: ApiKey, audit?: AuditEntry): Promise<void> {
    await unique(
      writeChange(this.#db, audit, async (session, revision) => {
        const stored = await findKey(session, old.id);
        if (stored !== undefined && stored.revokedAtMs !== null) throw revokedFault(old.id);
        const atMs = successor.createdAtMs;
        if (stored !== undefined && !isActive(stored, atMs)) await refuseTakenLabel(session, successor, atMs);
        return (await update(session, old, revision)) + (await insertKeyRow(session, successor, revision));
      }),
    );
  }

  async deleteKey(id: string, audit?: AuditEntry): Promise<boolean> {
    const deleted = await writeChange(this.#db, audit, (session, revision) =>
      deleteRow(session, 'api_key', id, revision),
    );
    return deleted > 0;
  }

  async loadPolicy(): Promise<SecurityPolicy> {
    return loadPolicy(this.#db);
  }

  async savePolicy(policy: SecurityPolicy, audit?: AuditEntry): Promise<void> {
    await writeChange(this.#db, audit, (session, revision) => savePolicyRow(session, policy, revision));
  }

  async lastUsed(ids?: readonly string[]): Promise<ReadonlyMap<string, LastUse>> {
    const sql = 'SELECT key_id, at, address FROM flm.last_used';
    if (ids === undefined) return new Map(await this.#db.list(lastUseOf, sql));
    return new Map(await this.#db.list(lastUseOf, `${sql} WHERE key_id = ANY ($1::text[])`, ids));
  }
}

/** Revokes a key, unless it was deleted or revoked before. */
export async function revokeKey(db: PostgresDatabase, keyId: string, audit: AuditEntry): Promise<void> {
  const sql = 'UPDATE flm.api_key SET revoked_at = $1, revision = $3 WHERE id = $2 AND revoked_at IS NULL';
  await writeChange(db, audit, (session, revision) => session.run(sql, audit.atMs, keyId, revision));
}

/** Throws POLICY_INVALID if the stored row is invalid, for example after a manual edit. */
export async function loadPolicy(session: SqlSession): Promise<SecurityPolicy> {
  const body = await session.find(
    (row) => json<unknown>(row, 'body'),
    'SELECT body FROM flm.policy WHERE id = 1',
  );
  return body === undefined ? defaultPolicy : parsePolicy(body);
}

/** The id of an active key of another family that has the label at `atMs`. */
export function labelHolder(
  session: SqlSession,
  label: string,
  familyId: string,
  atMs: number,
): Promise<string | undefined> {
  const sql = `SELECT id FROM flm.api_key WHERE label = $1 AND revoked_at IS NULL
    AND (expires_at IS NULL OR expires_at > $2) AND family_id <> $3 LIMIT 1`;
  return session.find((row) => text(row, 'id'), sql, label, atMs, familyId);
}

// Call the functions below inside a change.

export async function insertKeyRow(session: SqlSession, key: ApiKey, revision: number): Promise<number> {
  return insertKeyRows(session, [key], revision);
}

function insertKeyRows(session: SqlSession, keys: readonly ApiKey[], revision: number): Promise<number> {
  const columns = [...keyColumns.split(', '), 'revision'];
  return insertRows(
    session,
    'api_key',
    columns,
    keys.map((key) => [...keyValues(key), revision]),
  );
}

/** Returns 0 if there is no such key. */
export async function updateKeyRow(session: SqlSession, key: ApiKey, revision: number): Promise<number> {
  const values = keyValues(key);
  const columns = keyColumns.split(', ').map((name, i) => {
    return name === 'revoked_at' ? `${name} = coalesce(${name}, $${i + 1})` : `${name} = $${i + 1}`;
  });
  const sql = `UPDATE flm.api_key SET ${columns.join(', ')}, revision = $${values.length + 1} WHERE id = $1`;
  return session.run(sql, ...values, revision);
}

export async function savePolicyRow(
  session: SqlSession,
  policy: SecurityPolicy,
  revision: number,
): Promise<number> {
  return session.run(
    `INSERT INTO flm.policy (id, body, revision) VALUES (1, $1, $2)
     ON CONFLICT (id) DO UPDATE SET body = excluded.body, revision = excluded.revision`,
    JSON.stringify(policy),
    revision,
  );
}

/** Throws KEY_INVALID for a failed UNIQUE constraint of `work`. */
export async function unique<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (!isDuplicate(cause)) throw cause;
    throw duplicateKeyFault(cause);
  }
}

/** The same for new keys, which may also take a label from each other. */
async function refuseTakenLabels(session: SqlSession, keys: readonly ApiKey[]): Promise<void> {
  const stored = await session.list(
    keyOf,
    `SELECT ${keyColumns} FROM flm.api_key WHERE label = ANY ($1::text[]) AND revoked_at IS NULL`,
    keys.map(({ label }) => label),
  );
  const holders = new Map<string, ApiKey[]>();
  const add = (key: ApiKey): void => {
    const found = holders.get(key.label);
    if (found === undefined) holders.set(key.label, [key]);
    else found.push(key);
  };
  for (const key of stored) add(key);
  for (const key of keys) {
    const { label, familyId, createdAtMs } = key;
    const holder = holders
      .get(label)
      ?.find((other) => other.familyId !== familyId && isActive(other, createdAtMs));
    if (holder !== undefined) throw takenLabelFault(label, holder.id);
    add(key);
  }
}

/** Throws KEY_INVALID if an active key of another family has the label. */
async function refuseTakenLabel(
  session: SqlSession,
  { label, familyId }: ApiKey,
  atMs: number,
): Promise<void> {
  const holder = await labelHolder(session, label, familyId, atMs);
  if (holder !== undefined) throw takenLabelFault(label, holder);
}

/** Throws KEY_NOT_FOUND. */
async function update(session: SqlSession, key: ApiKey, revision: number): Promise<number> {
  const changed = await updateKeyRow(session, key, revision);
  if (changed === 0) throw new PolicyError('KEY_NOT_FOUND', { params: { key: key.id, near: '' } });
  return changed;
}

function findKey(session: SqlSession, id: string): Promise<ApiKey | undefined> {
  return session.find(keyOf, `SELECT ${keyColumns} FROM flm.api_key WHERE id = $1`, id);
}
