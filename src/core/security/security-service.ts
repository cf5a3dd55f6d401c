/**
 * Keys and policy as an administrator handles them. Each change is validated whole before anything is written, and is
 * recorded in the audit without a secret, in the same transaction. Then it is announced to the proxies that run; once a
 * change is written, nothing that follows makes it fail.
 */
import type { Clock } from '../clock.ts';
import { FlmError, PolicyError, StoreError } from '../errors.ts';
import type { LiveRevocation } from '../proxy/ports.ts';
import { type ApiKey, revokedFault } from './api-key.ts';
import { type KeyRequest, type KeyRequestInput, parseKeyRequest } from './key-request.ts';
import { type FreshSecret, freshSecret, type SecretTools } from './key-secret.ts';
import { lockOut } from './lock-out.ts';
import type { AuditEntry, LastUse, SecurityRepository } from './ports.ts';
import { weakness } from './secret-strength.ts';
import { parsePolicy, type SecurityPolicy } from './security-policy.ts';

export interface SecurityServiceNeeds {
  readonly repository: SecurityRepository;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly secrets: SecretTools;
  /** From where the administrator comes. */
  readonly ownAddresses: readonly string[];
  /** Who changes things, for the audit: `cli:USER`. */
  readonly actor: string;
  /** Revokes a key in every proxy that runs and knows it, for when the store cannot be written. */
  readonly revokeLive?: (keyId: string) => Promise<LiveRevocations>;
  /** Told of each key as soon as it is stored: from then on its secret must not get lost. */
  readonly onKeyMade?: (made: CreatedKey) => void;
  /** Tells running proxies to look. They look by themselves a moment later, so a failure is ignored. */
  readonly announce: () => Promise<void>;
}

/** A new key: the secret is here and nowhere else. */
export interface CreatedKey {
  readonly record: ApiKey;
  readonly key: string;
}

/** A revocation. In the store, unless `unwritten` says what kept it out; then the proxies named have it in memory. */
export interface RevokedKey {
  readonly record: ApiKey;
  readonly unwritten?: { readonly problem: StoreError; readonly inMemoryOf: readonly string[] };
  /** Ids of proxies that did not answer when they were asked to revoke it in memory. */
  readonly unreached: readonly string[];
}

/** What became of a revocation in each running proxy, by id. */
export type LiveRevocations = ReadonlyMap<string, LiveRevocation | 'unreached'>;

export interface ListedKey {
  readonly record: ApiKey;
  /** Undefined: never, or not known; see `KeyListing`. */
  readonly lastUse: LastUse | undefined;
}

export interface KeyListing {
  readonly keys: readonly ListedKey[];
  /** Why nobody knows when keys were used last: `usage.db` cannot be read. */
  readonly lastUseProblem: FlmError | undefined;
}

export class SecurityService {
  readonly #needs: SecurityServiceNeeds;

  constructor(needs: SecurityServiceNeeds) {
    this.#needs = needs;
  }

  /** Throws a `PolicyError` KEY_INVALID that carries every fault; then no key was made. */
  async createKey(input: KeyRequestInput): Promise<CreatedKey> {
    const { clock, secrets, repository } = this.#needs;
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
   * Takes over a secret that clients have already, from another gateway. Throws KEY_INVALID where the request has
   * faults, the secret could be guessed, or a key has it already.
   */
  async importKey(input: KeyRequestInput, secret: string): Promise<ApiKey> {
    const { clock, secrets, repository } = this.#needs;
    const nowMs = clock.nowMs();
    const request = parseKeyRequest(input, nowMs);
    const fault = weakness(secret);
    if (fault !== undefined) {
      throw new PolicyError('KEY_INVALID', {
        faults: [{ field: 'secret', value: 'a value that is not shown', allowed: fault }],
      });
    }
    const { id } = freshSecret(secrets);
    const prefix = secret.slice(0, importedPrefixLength);
    const digest = secrets.sha256Hex(secret);
    const record = recordOf(
      { id, key: secret, digest, prefix },
      { ...requestedKey(request, nowMs), familyId: id },
    );
    await repository.insertKey(record, this.#entry('key.import', record.id, undefined, record));
    await this.#announce();
    return record;
  }

  /** As stored, oldest first. Reads `flm.db` alone. */
  async records(): Promise<readonly ApiKey[]> {
    const records = await this.#needs.repository.listKeys();
    return [...records].sort((a, b) => a.createdAtMs - b.createdAtMs);
  }

  /** With their last use, oldest first. */
  async listKeys(): Promise<KeyListing> {
    return this.#withLastUse(await this.records());
  }

  /** Throws like `findKey`. */
  async showKey(name: string): Promise<KeyListing> {
    return this.#withLastUse([await this.findKey(name)]);
  }

  /** By id, or by a label that only one key has. Throws a `PolicyError` KEY_NOT_FOUND. */
  async findKey(name: string): Promise<ApiKey> {
    const keys = await this.records();
    const byLabel = keys.filter((k) => k.label === name);
    const found = keys.find((k) => k.id === name) ?? (byLabel.length === 1 ? byLabel[0] : undefined);
    if (found !== undefined) return found;
    const key = byLabel.length > 1 ? `that "${name}" alone means; several have this label` : name;
    throw new PolicyError('KEY_NOT_FOUND', { params: { key } });
  }

  /**
   * Makes a second key of the same family, with the same rules, and lets the first one end after `overlapMs` (0: at once).
   * Throws KEY_NOT_FOUND, and KEY_INVALID where the key is revoked.
   */
  async rotateKey(name: string, overlapMs: number): Promise<CreatedKey> {
    const { clock, secrets, repository } = this.#needs;
    const old = await this.findKey(name);
    if (old.revokedAtMs !== null) throw revokedFault(old.id);
    const nowMs = clock.nowMs();
    const fresh = freshSecret(secrets);
    const record = recordOf(fresh, { ...old, createdAtMs: nowMs });
    const endsAtMs = Math.min(nowMs + overlapMs, old.expiresAtMs ?? Number.POSITIVE_INFINITY);
    const ended = overlapMs === 0 ? { ...old, revokedAtMs: nowMs } : { ...old, expiresAtMs: endsAtMs };
    await repository.replaceKey(ended, record, this.#entry('key.rotate', old.id, old, record));
    return this.#made({ record, key: fresh.key });
  }

  /**
   * For ever. Revoking it again changes nothing. Where the store cannot be written, the proxies that run revoke the key in
   * memory. Throws KEY_NOT_FOUND, and what kept the store from being written where no proxy took the revocation.
   */
  async revokeKey(name: string): Promise<RevokedKey> {
    const record = await this.findKey(name);
    if (record.revokedAtMs !== null) return { record, unreached: [] };
    const revoked = { ...record, revokedAtMs: this.#needs.clock.nowMs() };
    const entry = this.#entry('key.revoke', record.id, record, revoked);
    try {
      await this.#needs.repository.updateKey(revoked, entry);
    } catch (error) {
      if (error instanceof StoreError) return this.#revokeLive(revoked, error);
      throw error;
    }
    await this.#announce();
    return { record: revoked, unreached: [] };
  }

  async #revokeLive(record: ApiKey, problem: StoreError): Promise<RevokedKey> {
    const outcomes = await this.#needs.revokeLive?.(record.id);
    const taken = [...(outcomes ?? [])].flatMap(([proxy, outcome]) =>
      outcome === 'unreached' ? [] : [{ proxy, outcome }],
    );
    if (taken.length === 0) throw problem;
    const unreached = [...(outcomes ?? [])].flatMap(([proxy, outcome]) =>
      outcome === 'unreached' ? [proxy] : [],
    );
    // A proxy that has the files open may still be able to write them.
    if (taken.some(({ outcome }) => outcome.written)) return { record, unreached };
    return { record, unwritten: { problem, inMemoryOf: taken.map(({ proxy }) => proxy) }, unreached };
  }

  /** Forgets it; what was used under it stays in the usage table. Throws KEY_NOT_FOUND. */
  async deleteKey(name: string): Promise<ApiKey> {
    const record = await this.findKey(name);
    const entry = this.#entry('key.delete', record.id, record, undefined);
    await this.#needs.repository.deleteKey(record.id, entry);
    await this.#announce();
    return record;
  }

  policy(): Promise<SecurityPolicy> {
    return this.#needs.repository.loadPolicy();
  }

  /**
   * Replaces the policy whole. Throws a `PolicyError` POLICY_INVALID, or POLICY_NEEDS_CONFIRMATION where it would lock
   * somebody out and that is not confirmed; then the policy in force stays.
   */
  async setPolicy(input: unknown, confirmed = false): Promise<SecurityPolicy> {
    const policy = parsePolicy(input);
    if (!confirmed) await this.#refuseLockOut(policy);
    const before = await this.#needs.repository.loadPolicy();
    await this.#needs.repository.savePolicy(policy, this.#entry('policy.set', 'policy', before, policy));
    await this.#announce();
    return policy;
  }

  async #refuseLockOut(policy: SecurityPolicy): Promise<void> {
    const { repository, ownAddresses, clock } = this.#needs;
    const reason = lockOut(policy, await repository.listKeys(), ownAddresses, clock.nowMs());
    if (reason !== undefined) throw new PolicyError('POLICY_NEEDS_CONFIRMATION', { params: { reason } });
  }

  /** A `usage.db` that cannot be read hides when keys were used, and nothing else. */
  async #withLastUse(records: readonly ApiKey[]): Promise<KeyListing> {
    try {
      const uses = await this.#needs.repository.lastUsed();
      const keys = records.map((record) => ({ record, lastUse: uses.get(record.id) }));
      return { keys, lastUseProblem: undefined };
    } catch (error) {
      if (!(error instanceof FlmError)) throw error;
      return { keys: records.map((record) => ({ record, lastUse: undefined })), lastUseProblem: error };
    }
  }

  async #made(made: CreatedKey): Promise<CreatedKey> {
    this.#needs.onKeyMade?.(made);
    await this.#announce();
    return made;
  }

  async #announce(): Promise<void> {
    try {
      await this.#needs.announce();
    } catch {
      // The change is written; proxies see it within a second by themselves.
    }
  }

  #entry(
    action: string,
    subject: string,
    before: SecurityPolicy | ApiKey | undefined,
    after: SecurityPolicy | ApiKey | undefined,
  ): AuditEntry {
    return {
      atMs: this.#needs.clock.nowMs(),
      actor: this.#needs.actor,
      action,
      subject,
      ...(before === undefined ? {} : { before: JSON.stringify(before) }),
      ...(after === undefined ? {} : { after: JSON.stringify(after) }),
    };
  }
}

/** Enough to tell keys apart, too little to help anybody who guesses. */
const importedPrefixLength = 4;

function requestedKey(
  request: KeyRequest,
  nowMs: number,
): Omit<ApiKey, 'id' | 'familyId' | 'digest' | 'prefix'> {
  const { requestsPerMinute, burst, tokensPerMinute, tokensPerDay, concurrency, ...rest } = request;
  return {
    ...rest,
    limits: { requestsPerMinute, burst, tokensPerMinute, tokensPerDay, concurrency },
    createdAtMs: nowMs,
    revokedAtMs: null,
  };
}

function recordOf(fresh: FreshSecret, rest: Omit<ApiKey, 'id' | 'digest' | 'prefix'>): ApiKey {
  return { ...rest, id: fresh.id, digest: fresh.digest, prefix: fresh.prefix };
}
