/**
 * Creates, changes, rotates and revokes keys, and saves the policy. Each change is validated before anything is
 * written, and is recorded in the audit without secrets in the same transaction. Then the running proxies are notified.
 * Once a change is written, a failure of a later step does not make it fail.
 */
import type { Clock } from '../clock.ts';
import { similarNames } from '../engine/name-suggestions.ts';
import { FlmError, PolicyError, StoreError } from '../errors.ts';
import { type ApiKey, isActive, revokedFault, takenLabelFault } from './api-key.ts';
import { recordOf, requestedKey, requestOf, rulesOf } from './key-record.ts';
import { type KeyRequestInput, parseKeyRequest } from './key-request.ts';
import { freshSecret, importedPrefixLength, type SecretTools } from './key-secret.ts';
import { type ImportedRow, importedRows, tableFault } from './key-table.ts';
import {
  type LiveRevocations,
  type RevokedKey,
  revokedUnread,
  revokedUnwritten,
} from './live-revocations.ts';
import { lockOut } from './lock-out.ts';
import type { AuditEntry, KeyPage, KeyPageQuery, LastUse, SecurityRepository } from './ports.ts';
import { weakness } from './secret-strength.ts';
import { parsePolicy, type SecurityPolicy } from './security-policy.ts';

export interface SecurityServiceDeps {
  readonly repository: SecurityRepository;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly secrets: SecretTools;
  /** The addresses of the administrator. */
  readonly ownAddresses: readonly string[];
  /** The actor for the audit: `cli:USER`. */
  readonly actor: string;
  /** Revokes a key in every running proxy that knows it, if the store cannot be written. */
  readonly revokeLive?: (name: string) => Promise<LiveRevocations>;
  /** Called for each key as soon as it is stored. From then on its secret must not be lost. */
  readonly onKeyMade?: (made: CreatedKey) => void;
  /**
   * Tells running proxies to read the store, and returns the ids of those that did not apply the change. They read the
   * store themselves a moment later, so a failure is ignored.
   */
  readonly announce: () => Promise<readonly string[]>;
}

/** A new key. This is the only place that holds its secret. */
export interface CreatedKey {
  readonly record: ApiKey;
  readonly key: string;
}

export interface ImportedKey {
  readonly record: ApiKey;
  /** False if a key already had the secret; then nothing was changed. */
  readonly isNew: boolean;
}

export interface ListedKey {
  readonly record: ApiKey;
  /** Undefined: never used, or unknown; see `KeyListing`. */
  readonly lastUse: LastUse | undefined;
}

export interface KeyListing {
  readonly keys: readonly ListedKey[];
  /** Why the last use of keys is unknown: `usage.db` cannot be read. */
  readonly lastUseProblem: FlmError | undefined;
}

export class SecurityService {
  readonly #deps: SecurityServiceDeps;

  constructor(deps: SecurityServiceDeps) {
    this.#deps = deps;
  }

  /** Throws a `PolicyError` KEY_INVALID with every fault; then no key was created. */
  async createKey(input: KeyRequestInput): Promise<CreatedKey> {
    const { clock, secrets, repository } = this.#deps;
    const nowMs = clock.nowMs();
    const fresh = freshSecret(secrets);
    const record = recordOf(fresh, {
      ...requestedKey(parseKeyRequest(input, nowMs), nowMs),
      familyId: fresh.id,
    });
    await repository.insertKey(record, this.#entry('key.create', record.id, undefined, record));
    return this.#made({ record, key: fresh.key });
  }

  /**
   * Imports a secret that clients already use, from another gateway. If an active key already has the secret, returns
   * that key unchanged. Throws KEY_INVALID if the request has faults, or if the secret is weak or was revoked.
   */
  async importKey(input: KeyRequestInput, secret: string): Promise<ImportedKey> {
    const { clock, secrets, repository } = this.#deps;
    const nowMs = clock.nowMs();
    const request = parseKeyRequest(input, nowMs);
    const fault = weakness(secret);
    if (fault !== undefined) {
      throw new PolicyError('KEY_INVALID', {
        faults: [{ field: 'secret', value: 'a value that is not shown', allowed: fault }],
      });
    }
    const digest = secrets.sha256Hex(secret);
    const known = (await this.records()).find((k) => k.digest === digest);
    if (known !== undefined) {
      if (known.revokedAtMs !== null) throw revokedFault(known.id);
      return { record: known, isNew: false };
    }
    const { id } = freshSecret(secrets);
    const prefix = secret.slice(0, importedPrefixLength);
    const rest = { ...requestedKey(request, nowMs), familyId: id };
    const record = recordOf({ id, digest, prefix }, rest);
    await repository.insertKey(record, this.#entry('key.import', record.id, undefined, record));
    await this.#announce();
    return { record, isNew: true };
  }

  /**
   * Makes an admin key of this secret if no key with the scope admin is active, so that a machine without a shell gets its
   * first one. Several nodes of one store may call this at the same time: one key is made. A revoked secret is not made
   * again. Throws KEY_INVALID if the secret is weak.
   */
  async ensureAdminKey(secret: string): Promise<{ readonly made?: ApiKey; readonly revoked?: ApiKey }> {
    const { clock, secrets } = this.#deps;
    const isAdmin = (key: ApiKey): boolean => isActive(key, clock.nowMs()) && key.scopes.includes('admin');
    const keys = await this.records();
    if (keys.some(isAdmin)) return {};
    const digest = secrets.sha256Hex(secret);
    const known = keys.find((key) => key.digest === digest);
    if (known !== undefined) return known.revokedAtMs === null ? {} : { revoked: known };
    try {
      const label = await this.freeLabel('admin');
      const { record, isNew } = await this.importKey({ label, scopes: ['admin'] }, secret);
      return isNew ? { made: record } : {};
    } catch (error) {
      // Another node was faster.
      if ((await this.records()).some((key) => key.digest === digest)) return {};
      throw error;
    }
  }

  /**
   * Creates a key for each row of a table; see key-table.ts. All keys or none. Throws a `PolicyError` KEY_TABLE_INVALID
   * with every fault and its line.
   */
  async createKeys(csv: string): Promise<readonly CreatedKey[]> {
    const { clock, secrets, repository, onKeyMade } = this.#deps;
    const rows = await this.checkTable(csv);
    const nowMs = clock.nowMs();
    const created = rows.map(({ request }) => {
      const fresh = freshSecret(secrets);
      return {
        record: recordOf(fresh, { ...requestedKey(request, nowMs), familyId: fresh.id }),
        key: fresh.key,
      };
    });
    const entries = created.map(({ record }) => this.#entry('key.create', record.id, undefined, record));
    await repository.insertKeys(
      created.map(({ record }) => record),
      entries,
    );
    if (onKeyMade !== undefined) for (const made of created) onKeyMade(made);
    await this.#announce();
    return created;
  }

  /** What `createKeys` would create. Throws like `createKeys`. */
  async checkTable(csv: string): Promise<readonly ImportedRow[]> {
    const nowMs = this.#deps.clock.nowMs();
    const rows = importedRows(csv, nowMs);
    const active = (await this.records()).filter((key) => isActive(key, nowMs));
    const holders = new Map(active.map(({ label, id }) => [label, id]));
    const faults = rows.flatMap(({ line, request: { label } }) => {
      const holder = holders.get(label);
      const fault = holder === undefined ? undefined : takenLabelFault(label, holder).faults[0];
      return fault === undefined ? [] : [{ ...fault, line }];
    });
    if (faults.length > 0) throw tableFault(faults);
    return rows;
  }

  /** As stored, oldest first. Reads only `flm.db`. */
  async records(): Promise<readonly ApiKey[]> {
    const records = await this.#deps.repository.listKeys();
    return [...records].sort((a, b) => a.createdAtMs - b.createdAtMs);
  }

  /** With their last use, oldest first. */
  async listKeys(): Promise<KeyListing> {
    return this.#withLastUse(await this.records());
  }

  /** With their last use, and in the state that they have now. */
  async pageKeys(
    query: Omit<KeyPageQuery, 'nowMs'>,
  ): Promise<Omit<KeyPage, 'keys'> & { readonly keys: readonly ListedKey[] }> {
    const { repository, clock } = this.#deps;
    const page = await repository.pageKeys({ ...query, nowMs: clock.nowMs() });
    const { keys } = await this.#withLastUse(
      page.keys,
      page.keys.map(({ id }) => id),
    );
    return { ...page, keys };
  }

  /** Throws like `findKey`. */
  async showKey(name: string): Promise<KeyListing> {
    const record = await this.findKey(name);
    return this.#withLastUse([record], [record.id]);
  }

  /**
   * Finds a key by id or label. A label means the active key that has it, the newest of its family; if none is active,
   * the newest that had it. Throws a `PolicyError` KEY_NOT_FOUND, or KEY_AMBIGUOUS with the candidates.
   */
  async findKey(name: string): Promise<ApiKey> {
    const { repository, clock } = this.#deps;
    const byId = await repository.findKey(name);
    if (byId !== undefined) return byId;
    const nowMs = clock.nowMs();
    const labelled = await repository.keysWithLabel(name);
    const active = labelled.filter((k) => isActive(k, nowMs));
    const meant = active.length > 0 ? active : labelled;
    const found = meant.at(-1);
    if (found === undefined) {
      const keys = await this.records();
      const near = similarNames(name, [...new Set(keys.map((k) => k.label))].sort());
      throw new PolicyError('KEY_NOT_FOUND', { params: { key: name, near } });
    }
    if (meant.every((k) => k.familyId === found.familyId)) return found;
    const newest = new Map(meant.map((k) => [k.familyId, k]));
    const candidates = [...newest.values()].map((k) => `${k.id} (${k.prefix}…)`).join(', ');
    throw new PolicyError('KEY_AMBIGUOUS', { params: { key: name, candidates } });
  }

  /** The labels of the keys with these ids; ids without a key are left out. */
  keyLabels(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return this.#deps.repository.keyLabels(ids);
  }

  /** Returns `base`, with a number appended if an active key has that label. */
  async freeLabel(base: string): Promise<string> {
    const nowMs = this.#deps.clock.nowMs();
    const taken = new Set((await this.records()).filter((k) => isActive(k, nowMs)).map((k) => k.label));
    let label = base;
    for (let n = 2; taken.has(label); n++) label = `${base} ${n}`;
    return label;
  }

  /**
   * Changes the given rules and the label for every active secret of the key; `expiresAtMs` only for this secret.
   * Throws KEY_NOT_FOUND, KEY_AMBIGUOUS, or KEY_INVALID with every fault or if the key is revoked. `check` gets the key
   * in the transaction of the change, and refuses the change by throwing.
   */
  async setKey(
    name: string,
    changes: Partial<KeyRequestInput>,
    check?: (record: ApiKey) => void,
  ): Promise<ApiKey> {
    const nowMs = this.#deps.clock.nowMs();
    return this.#change(name, 'key.set', (key, named) => {
      if (named) check?.(key);
      const { expiresAtMs = null, ...rules } = changes;
      const input = { ...requestOf(key), ...rules, expiresAtMs: named ? expiresAtMs : null };
      const request = parseKeyRequest(input, nowMs);
      const keepsExpiry = !named || changes.expiresAtMs === undefined;
      return {
        ...key,
        ...rulesOf(request),
        expiresAtMs: keepsExpiry ? key.expiresAtMs : request.expiresAtMs,
      };
    });
  }

  /**
   * Refuses new requests of every secret of the key until it is resumed. Running responses finish. Pausing a paused key
   * changes nothing. Throws like `setKey`.
   */
  async pauseKey(name: string): Promise<ApiKey> {
    const pausedAtMs = this.#deps.clock.nowMs();
    return this.#change(name, 'key.pause', (key) => ({ ...key, pausedAtMs: key.pausedAtMs ?? pausedAtMs }));
  }

  /** Ends a pause. Resuming a key that is not paused changes nothing. Throws like `setKey`. */
  async resumeKey(name: string): Promise<ApiKey> {
    return this.#change(name, 'key.resume', (key) => ({ ...key, pausedAtMs: null }));
  }

  /**
   * Creates a second key of the same family with the same rules. The first key ends after `overlapMs` (0: immediately).
   * Throws KEY_NOT_FOUND, or KEY_INVALID if the key is revoked.
   */
  async rotateKey(name: string, overlapMs: number): Promise<CreatedKey> {
    const { clock, secrets, repository } = this.#deps;
    const old = await this.findKey(name);
    if (old.revokedAtMs !== null) throw revokedFault(old.id);
    const nowMs = clock.nowMs();
    const fresh = freshSecret(secrets);
    // Later than its predecessor even if the clock did not advance: a label means the newest key of a family.
    const createdAtMs = Math.max(nowMs, old.createdAtMs + 1);
    const record = recordOf(fresh, { ...old, createdAtMs });
    const endsAtMs = Math.min(nowMs + overlapMs, old.expiresAtMs ?? Number.POSITIVE_INFINITY);
    const ended = overlapMs === 0 ? { ...old, revokedAtMs: nowMs } : { ...old, expiresAtMs: endsAtMs };
    await repository.replaceKey(ended, record, this.#entry('key.rotate', old.id, old, record));
    return this.#made({ record, key: fresh.key });
  }

  /**
   * Revokes a key permanently. Revoking it again changes nothing. If the store cannot be read or written, the running
   * proxies revoke the key in memory. Throws KEY_NOT_FOUND, KEY_AMBIGUOUS, or the error of the store if no proxy applied
   * the revocation.
   */
  async revokeKey(name: string): Promise<RevokedKey> {
    let record: ApiKey;
    let stillActive: readonly ApiKey[];
    try {
      record = await this.findKey(name);
      stillActive = await this.#otherSecrets(record);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return revokedUnread(name, error, await this.#deps.revokeLive?.(name));
    }
    if (record.revokedAtMs !== null) return { record, key: record, unreached: [], stillActive };
    const revoked = { ...record, revokedAtMs: this.#deps.clock.nowMs() };
    const entry = this.#entry('key.revoke', record.id, record, revoked);
    try {
      await this.#deps.repository.updateKey(revoked, entry);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      const outcomes = await this.#deps.revokeLive?.(record.id);
      return { ...revokedUnwritten(revoked, error, outcomes), stillActive };
    }
    const behind = await this.#announce();
    // A proxy that cannot read the store (it is older than the schema, or has lost the file) may have the key in
    // memory.
    const outcomes = behind.length === 0 ? undefined : await this.#deps.revokeLive?.(record.id);
    const unreached = behind.filter((proxy) => outcomes?.get(proxy) === 'unreached');
    return { record: revoked, key: revoked, unreached, stillActive };
  }

  /** Deletes the key; its usage stays in the usage table. Throws KEY_NOT_FOUND. */
  async deleteKey(
    name: string,
  ): Promise<{ readonly record: ApiKey; readonly stillActive: readonly ApiKey[] }> {
    const record = await this.findKey(name);
    const stillActive = await this.#otherSecrets(record);
    const entry = this.#entry('key.delete', record.id, record, undefined);
    await this.#deps.repository.deleteKey(record.id, entry);
    await this.#announce();
    return { record, stillActive };
  }

  async #otherSecrets({ id, familyId }: ApiKey): Promise<readonly ApiKey[]> {
    const nowMs = this.#deps.clock.nowMs();
    const records = await this.records();
    return records.filter((key) => key.familyId === familyId && key.id !== id && isActive(key, nowMs));
  }

  policy(): Promise<SecurityPolicy> {
    return this.#deps.repository.loadPolicy();
  }

  /**
   * Replaces the whole policy. Throws a `PolicyError` POLICY_INVALID, or POLICY_NEEDS_CONFIRMATION if it would block
   * the administrator or every key and `confirmed` is false; then the old policy stays.
   */
  async setPolicy(input: unknown, confirmed = false): Promise<SecurityPolicy> {
    const policy = parsePolicy(input);
    const reason = confirmed ? undefined : await this.lockOut(policy);
    if (reason !== undefined) throw new PolicyError('POLICY_NEEDS_CONFIRMATION', { params: { reason } });
    const before = await this.#deps.repository.loadPolicy();
    await this.#deps.repository.savePolicy(policy, this.#entry('policy.set', 'policy', before, policy));
    await this.#announce();
    return policy;
  }

  /** Who a policy would block, the administrator or every key, in words; undefined if it blocks neither. */
  async lockOut(policy: SecurityPolicy): Promise<string | undefined> {
    const { repository, ownAddresses, clock } = this.#deps;
    return lockOut(policy, await repository.listKeys(), ownAddresses, clock.nowMs());
  }

  /** Changes the family of a key and returns the key itself. `named`: the key that the user named. */
  async #change(
    name: string,
    action: string,
    change: (key: ApiKey, named: boolean) => ApiKey,
  ): Promise<ApiKey> {
    const { repository, clock } = this.#deps;
    const { id, familyId, revokedAtMs } = await this.findKey(name);
    if (revokedAtMs !== null) throw revokedFault(id);
    const changed = await repository.changeFamily(
      familyId,
      clock.nowMs(),
      (key) => change(key, key.id === id),
      (changes) => {
        const own = changes.find(({ before }) => before.id === id);
        return this.#entry(action, id, own?.before, own?.after);
      },
    );
    const record = changed.find((key) => key.id === id);
    // The key was revoked or deleted after it was found.
    if (record === undefined) throw revokedFault(id);
    await this.#announce();
    return record;
  }

  /** If `usage.db` cannot be read, only the last use of keys is unknown. */
  async #withLastUse(records: readonly ApiKey[], ids?: readonly string[]): Promise<KeyListing> {
    try {
      const uses = await this.#deps.repository.lastUsed(ids);
      const keys = records.map((record) => ({ record, lastUse: uses.get(record.id) }));
      return { keys, lastUseProblem: undefined };
    } catch (error) {
      if (!(error instanceof FlmError)) throw error;
      return { keys: records.map((record) => ({ record, lastUse: undefined })), lastUseProblem: error };
    }
  }

  async #made(made: CreatedKey): Promise<CreatedKey> {
    this.#deps.onKeyMade?.(made);
    await this.#announce();
    return made;
  }

  async #announce(): Promise<readonly string[]> {
    try {
      return await this.#deps.announce();
    } catch {
      // The change is written. Proxies notice it within a second anyway.
      return [];
    }
  }

  #entry(
    action: string,
    subject: string,
    before: SecurityPolicy | ApiKey | undefined,
    after: SecurityPolicy | ApiKey | undefined,
  ): AuditEntry {
    return {
      atMs: this.#deps.clock.nowMs(),
      actor: this.#deps.actor,
      action,
      subject,
      ...(before === undefined ? {} : { before: JSON.stringify(before) }),
      ...(after === undefined ? {} : { after: JSON.stringify(after) }),
    };
  }
}
