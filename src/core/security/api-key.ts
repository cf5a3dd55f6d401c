/**
 * API keys as flm issues them: `flm_` + 43 base62 characters (256 random bits) + 6 of checksum.
 *
 *   flm_ kQ3...43 characters...x  9aZ0bC
 *        `------ secret ------'   `----' CRC-32 of the secret, so that a typo or a scanner can tell without a database
 *
 * Only the SHA-256 digest is kept. Keys have 256 random bits, so a slow hash would add no protection and enable a DoS.
 */
import type { Scope } from '../engine/routes.ts';
import { PolicyError } from '../errors.ts';
import type { ClientAddress } from './address-rules.ts';

/** A key as stored, without its secret. An empty list restricts nothing. */
export interface ApiKey {
  /** `key_` + 12 base62 characters; not secret, appears in logs. */
  readonly id: string;
  /**
   * Id of the first key of the family; a rotation keeps it. Limits and usage are counted by family, so that two secrets
   * that are valid together during an overlap share one allowance.
   */
  readonly familyId: string;
  readonly label: string;
  /** The person who answers for the key; null: not recorded. */
  readonly owner: string | null;
  /** For administrators, several lines; null: none. */
  readonly note: string | null;
  /** SHA-256 of the whole key, lower-case hex. */
  readonly digest: string;
  /** First characters of the key, for people to tell keys apart: `flm_kQ3x`. */
  readonly prefix: string;
  readonly scopes: readonly Scope[];
  /** Patterns for model names (`*` matches any characters). */
  readonly models: readonly string[];
  /** Engine ids. */
  readonly engines: readonly string[];
  /** Route ids. */
  readonly endpoints: readonly string[];
  /** Addresses, CIDRs. */
  readonly addresses: readonly string[];
  readonly limits: KeyLimits;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
  readonly revokedAtMs: number | null;
  /** The key is refused until it is resumed; null if it is not paused. A rotation keeps this. */
  readonly pausedAtMs: number | null;
}

/** The part of a key that a proxy enforces. Proxies do not read what is only for people. */
export type EnforcedKey = Omit<ApiKey, 'owner' | 'note' | 'prefix' | 'createdAtMs'>;

/** Null: the key itself sets no limit. */
export interface KeyLimits {
  readonly requestsPerMinute: number | null;
  readonly burst: number | null;
  readonly tokensPerMinute: number | null;
  readonly tokensPerDay: number | null;
  readonly concurrency: number | null;
}

export const noKeyLimits: KeyLimits = {
  requestsPerMinute: null,
  burst: null,
  tokensPerMinute: null,
  tokensPerDay: null,
  concurrency: null,
};

/** The defaults of a key: inference with every model, from every address, without an end. */
export const unrestricted = {
  owner: null,
  note: null,
  scopes: ['inference'],
  models: [],
  engines: [],
  endpoints: [],
  addresses: [],
  limits: noKeyLimits,
  expiresAtMs: null,
  revokedAtMs: null,
  pausedAtMs: null,
} as const satisfies Partial<ApiKey>;

/** Neither revoked nor expired: its label is in use, and it can be changed. It may be paused. */
export function isActive(key: Pick<ApiKey, 'revokedAtMs' | 'expiresAtMs'>, nowMs: number): boolean {
  return key.revokedAtMs === null && (key.expiresAtMs === null || key.expiresAtMs > nowMs);
}

/** Whether a proxy accepts the key now. */
export function isUsable(key: EnforcedKey, nowMs: number): boolean {
  return isActive(key, nowMs) && key.pausedAtMs === null;
}

/** `paused` and `active` keys can be changed. */
export const keyStates = ['active', 'paused', 'expired', 'revoked'] as const;
export type KeyState = (typeof keyStates)[number];

export function keyState(key: EnforcedKey, nowMs: number): KeyState {
  if (key.revokedAtMs !== null) return 'revoked';
  if (!isActive(key, nowMs)) return 'expired';
  return key.pausedAtMs === null ? 'active' : 'paused';
}

/** Whether a change gives the key a label that it did not have before. */
export function takesLabel(before: ApiKey, after: ApiKey, atMs: number): boolean {
  return isActive(after, atMs) && (before.label !== after.label || !isActive(before, atMs));
}

/** Labels are for people and must be unique. `holder` is the id of the key that has the label. */
export function takenLabelFault(label: string, holder: string): PolicyError {
  const allowed = `a label that no other active key has; ${holder} has it`;
  return new PolicyError('KEY_INVALID', { faults: [{ field: 'label', value: label, allowed }] });
}

/** `cause`: the failed UNIQUE constraint. */
export function duplicateKeyFault(cause: unknown): PolicyError {
  const faults = [{ field: 'key', value: 'one that exists already', allowed: 'a new id and a new secret' }];
  return new PolicyError('KEY_INVALID', { faults, cause });
}

/** Only a key that is in use can be rotated or changed. */
export function revokedFault(id: string): PolicyError {
  const faults = [{ field: 'key', value: `${id}, which was revoked`, allowed: 'a key that is in use' }];
  return new PolicyError('KEY_INVALID', { faults });
}

/** A key compiled for the hot path: each step needs one call. Immutable; one per key and snapshot. */
export interface KeyView {
  readonly id: string;
  /** The family whose limits the key uses; see `ApiKey.familyId`. */
  readonly familyId: string;
  readonly label: string;
  readonly digest: string;
  readonly scopes: ReadonlySet<Scope>;
  /** True if the key has no model rule. */
  readonly anyModel: boolean;
  readonly anyEngine: boolean;
  mayUseModel(name: string): boolean;
  mayUseEngine(id: string): boolean;
  mayUseEndpoint(route: string): boolean;
  mayComeFrom(address: ClientAddress): boolean;
  readonly limits: KeyLimits;
  readonly expiresAtMs: number;
  readonly revoked: boolean;
  readonly paused: boolean;
}
