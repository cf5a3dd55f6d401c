/**
 * The port of the configuration as a whole: what `flm apply` reads and changes. A change of several parts is one
 * transaction, so that proxies never see half of a file.
 */
import type { EngineRecord, ModelAlias } from '../engine/engine.ts';
import type { ProxyProfile } from '../proxy/ports.ts';
import type { ApiKey } from '../security/api-key.ts';
import type { AuditEntry } from '../security/ports.ts';
import type { SecurityPolicy } from '../security/security-policy.ts';

/** What a file can list by name, in the order in which changes are shown. */
export const appliedKinds = ['profile', 'key', 'engine', 'alias'] as const;
export type AppliedKind = (typeof appliedKinds)[number];

/** What the applied files have listed: names of profiles and aliases, ids of engines, family ids of keys. Sorted. */
export type AppliedNames = Readonly<Record<AppliedKind, readonly string[]>>;

/** The stored configuration, read in one snapshot. */
export interface StoredConfiguration {
  /** Sorted by name. */
  readonly profiles: readonly ProxyProfile[];
  readonly policy: SecurityPolicy;
  /** Oldest first, revoked and expired keys included. */
  readonly keys: readonly ApiKey[];
  /** Oldest first. */
  readonly engines: readonly EngineRecord[];
  /** Sorted by name. */
  readonly aliases: readonly ModelAlias[];
  readonly applied: AppliedNames;
}

export interface ConfigurationChange {
  /** Inserted, or replaces the one with that name or id. A revoked key stays revoked. */
  readonly profiles: readonly ProxyProfile[];
  readonly keys: readonly ApiKey[];
  readonly engines: readonly EngineRecord[];
  readonly aliases: readonly ModelAlias[];
  /** Absent: the policy stays. */
  readonly policy?: SecurityPolicy;
  readonly deletedProfiles: readonly string[];
  readonly deletedEngines: readonly string[];
  readonly deletedAliases: readonly string[];
  /** Replaces all names. */
  readonly applied: AppliedNames;
  readonly audit: readonly AuditEntry[];
}

export interface ConfigurationRepository {
  read(): Promise<StoredConfiguration>;
  /**
   * Runs `plan` on the stored configuration and writes the change that it returns, with its audit entries, in one
   * transaction with the reading: nothing changes in between. If `plan` throws, nothing is written. Throws KEY_INVALID
   * if a new key has the id or the digest of another one.
   */
  change<Change extends ConfigurationChange>(plan: (stored: StoredConfiguration) => Change): Promise<Change>;
}
