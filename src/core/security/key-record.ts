/**
 * Converts a request for a key to the record that the store keeps, and back. The record has the digest of the secret, not
 * the secret.
 */
import type { ApiKey } from './api-key.ts';
import type { KeyRequest } from './key-request.ts';
import type { FreshSecret } from './key-secret.ts';

export type KeyRules = Omit<
  ApiKey,
  'id' | 'familyId' | 'digest' | 'prefix' | 'createdAtMs' | 'expiresAtMs' | 'revokedAtMs' | 'pausedAtMs'
>;

export function rulesOf(request: KeyRequest): KeyRules {
  const { label, owner, note, scopes, models, engines, endpoints, addresses } = request;
  const { requestsPerMinute, burst, tokensPerMinute, tokensPerDay, concurrency } = request;
  const limits = { requestsPerMinute, burst, tokensPerMinute, tokensPerDay, concurrency };
  return { label, owner, note, scopes, models, engines, endpoints, addresses, limits };
}

/** The key that a request asks for, without its secret. */
export function requestedKey(
  request: KeyRequest,
  nowMs: number,
): Omit<ApiKey, 'id' | 'familyId' | 'digest' | 'prefix'> {
  const { expiresAtMs } = request;
  return { ...rulesOf(request), createdAtMs: nowMs, expiresAtMs, revokedAtMs: null, pausedAtMs: null };
}

export function recordOf(
  fresh: Omit<FreshSecret, 'key'>,
  rest: Omit<ApiKey, 'id' | 'digest' | 'prefix'>,
): ApiKey {
  return { ...rest, id: fresh.id, digest: fresh.digest, prefix: fresh.prefix };
}

/** The request that would create this key. */
export function requestOf(key: ApiKey): object {
  const { label, owner, note, scopes, models, engines, endpoints, addresses, limits } = key;
  return { label, owner, note, scopes, models, engines, endpoints, addresses, ...limits };
}
