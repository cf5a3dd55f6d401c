/**
 * Keys and policy in `flm.db`, last use in `usage.db`.
 *
 * A revoked key stays revoked, whatever is written later: two programs that change one key at the same time must not
 * reactivate it.
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
  allKeys,
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
import type { Database } from './database.ts';
import { isDuplicate } from './sqlite-failure.ts';

export class SqliteSecurityRepository implements SecurityRepository {
  readonly #db: Database;
  readonly #usage: Database;

  constructor(db: Database, usage: Database) {
    this.#db = db;
    this.#usage = usage;
  }

  async insertKey(key: ApiKey, audit?: AuditEntry): Promise<void> {
    unique(() =>
      writeChange(this.#db, audit, () => {
        this.#refuseTakenLabel(key, key.createdAtMs);
        return insertKeyRow(this.#db, key);
      }),
    );
  }

  async insertKeys(keys: readonly ApiKey[], audit: readonly AuditEntry[] = []): Promise<void> {
    unique(() =>
      this.#db.write(() => {
        for (const key of keys) {
          this.#refuseTakenLabel(key, key.createdAtMs);
          insertKeyRow(this.#db, key);
        }
        recordAudit(this.#db, audit);
      }),
    );
  }

  async listKeys(): Promise<readonly ApiKey[]> {
    return this.#db.list(keyOf, allKeys);
  }

  async pageKeys({ descending, state, nowMs, cursor, limit }: KeyPageQuery): Promise<KeyPage> {
    return this.#db.read(() => {
      const inState = state === undefined ? 'true' : stateCondition(state, '?1');
      const total = this.#db.find(
        (row) => integer(row, 'total'),
        // Every statement has the parameter, also where the condition does not use it.
        `SELECT count(*) AS total FROM api_key WHERE ?1 IS NOT NULL AND ${inState}`,
        nowMs,
      );
      const last = cursor === undefined ? undefined : this.#find(cursor);
      const [behind, order] = descending ? ['<', 'DESC'] : ['>', 'ASC'];
      const keys = this.#db.list(
        keyOf,
        `SELECT ${keyColumns} FROM api_key WHERE ?1 IS NOT NULL AND ${inState} AND
           (?2 IS NULL OR created_at ${behind} ?2 OR (created_at = ?2 AND id > ?3))
         ORDER BY created_at ${order}, id LIMIT ?4`,
        nowMs,
        last?.createdAtMs ?? null,
        last?.id ?? null,
        limit + 1,
      );
      return { keys: keys.slice(0, limit), hasMore: keys.length > limit, total: total ?? 0 };
    });
  }

  async findKey(id: string): Promise<ApiKey | undefined> {
    return this.#find(id);
  }

  async keysWithLabel(label: string): Promise<readonly ApiKey[]> {
    const sql = `SELECT ${keyColumns} FROM api_key WHERE label = ? ORDER BY created_at, id`;
    return this.#db.list(keyOf, sql, label);
  }

  async keyLabels(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const sql = 'SELECT id, label FROM api_key WHERE id IN (SELECT value FROM json_each(?))';
    const labelled = (row: Row): [string, string] => [text(row, 'id'), text(row, 'label')];
    return new Map(this.#db.list(labelled, sql, JSON.stringify(ids)));
  }

  async updateKey(key: ApiKey, audit?: AuditEntry): Promise<void> {
    unique(() => writeChange(this.#db, audit, () => this.#update(key)));
  }

  async changeFamily(
    familyId: string,
    atMs: number,
    change: KeyChange,
    audit?: (changes: readonly ChangedKey[]) => AuditEntry,
  ): Promise<readonly ApiKey[]> {
    return this.#db.write(() => {
      const sql = `SELECT ${keyColumns} FROM api_key WHERE coalesce(family_id, id) = ? AND revoked_at IS NULL
        ORDER BY created_at, id`;
      const changes = this.#db
        .list(keyOf, sql, familyId)
        .map((before): ChangedKey => ({ before, after: change(before) }));
      for (const { before, after } of changes) {
        if (takesLabel(before, after, atMs)) this.#refuseTakenLabel(after, atMs);
        this.#update(after);
      }
      if (audit !== undefined && changes.length > 0) recordAudit(this.#db, [audit(changes)]);
      return changes.map(({ after }) => after);
    });
  }

  async replaceKey(old: ApiKey, successor: ApiKey, audit?: AuditEntry): Promise<void> {
    unique(() =>
      writeChange(this.#db, audit, () => {
        const stored = this.#find(old.id);
        if (stored !== undefined && stored.revokedAtMs !== null) throw revokedFault(old.id);
        const atMs = successor.createdAtMs;
        if (stored !== undefined && !isActive(stored, atMs)) this.#refuseTakenLabel(successor, atMs);
        return this.#update(old) + insertKeyRow(this.#db, successor);
      }),
    );
  }

  async deleteKey(id: string, audit?: AuditEntry): Promise<boolean> {
    return writeChange(this.#db, audit, () => this.#db.run('DELETE FROM api_key WHERE id = ?', id)) > 0;
  }

  async loadPolicy(): Promise<SecurityPolicy> {
    return loadPolicy(this.#db);
  }

  async savePolicy(policy: SecurityPolicy, audit?: AuditEntry): Promise<void> {
    writeChange(this.#db, audit, () => savePolicyRow(this.#db, policy));
  }

  async lastUsed(ids?: readonly string[]): Promise<ReadonlyMap<string, LastUse>> {
    const sql = 'SELECT key_id, at, address FROM last_used';
    if (ids === undefined) return new Map(this.#usage.list(lastUseOf, sql));
    const some = `${sql} WHERE key_id IN (SELECT value FROM json_each(?))`;
    return new Map(this.#usage.list(lastUseOf, some, JSON.stringify(ids)));
  }

  #find(id: string): ApiKey | undefined {
    return this.#db.find(keyOf, `SELECT ${keyColumns} FROM api_key WHERE id = ?`, id);
  }

  /** Throws KEY_INVALID if an active key of another family has the label. */
  #refuseTakenLabel({ label, familyId }: ApiKey, atMs: number): void {
    const holder = labelHolder(this.#db, label, familyId, atMs);
    if (holder !== undefined) throw takenLabelFault(label, holder);
  }

  /** Throws KEY_NOT_FOUND. */
  #update(key: ApiKey): number {
    const changed = updateKeyRow(this.#db, key);
    if (changed === 0) throw new PolicyError('KEY_NOT_FOUND', { params: { key: key.id, near: '' } });
    return changed;
  }
}

/** The id of an active key of another family that has the label at `atMs`. */
export function labelHolder(db: Database, label: string, familyId: string, atMs: number): string | undefined {
  const sql = `SELECT id FROM api_key WHERE label = ? AND revoked_at IS NULL
    AND (expires_at IS NULL OR expires_at > ?) AND coalesce(family_id, id) <> ? LIMIT 1`;
  return db.find((row) => text(row, 'id'), sql, label, atMs, familyId);
}

/** Call it inside a write transaction of `db`. */
export function insertKeyRow(db: Database, key: ApiKey): number {
  const values = keyValues(key);
  const sql = `INSERT INTO api_key (${keyColumns}) VALUES (${values.map(() => '?').join(', ')})`;
  return db.run(sql, ...values);
}

/** Call it inside a write transaction of `db`. Returns 0 if there is no such key. A revoked key stays revoked. */
export function updateKeyRow(db: Database, key: ApiKey): number {
  const sql = `
    UPDATE api_key SET (${keyColumns}) = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce(revoked_at, ?), ?, ?, ?, ?)
    WHERE id = ?`;
  return db.run(sql, ...keyValues(key), key.id);
}

/** Revokes a key, unless it was deleted or revoked before. */
export function revokeKey(db: Database, keyId: string, audit: AuditEntry): void {
  const sql = 'UPDATE api_key SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL';
  writeChange(db, audit, () => db.run(sql, audit.atMs, keyId));
}

/** Call it inside a write transaction of `db`. */
export function savePolicyRow(db: Database, policy: SecurityPolicy): number {
  return db.run(
    'INSERT INTO policy (id, body) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body',
    JSON.stringify(policy),
  );
}

/** Throws POLICY_INVALID if the stored row is invalid, for example after a manual edit. */
export function loadPolicy(db: Database): SecurityPolicy {
  const body = storedPolicy(db);
  return body === undefined ? defaultPolicy : parsePolicy(body);
}

/** The policy as it is stored; undefined if it was never changed. */
export function storedPolicy(db: Database): unknown {
  return db.find((row) => json<unknown>(row, 'body'), 'SELECT body FROM policy WHERE id = 1');
}

/** Throws KEY_INVALID for a failed UNIQUE constraint of `work`. */
export function unique<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (!isDuplicate(cause)) throw cause;
    throw duplicateKeyFault(cause);
  }
}
