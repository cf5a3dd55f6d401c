/**
 * Stored keys as tests need them: a key for inference that nothing limits, and what a test says about it.
 */
import { type ApiKey, type EnforcedKey, unrestricted } from '../../src/core/security/api-key.ts';
import type { KeySlice } from '../../src/core/security/stored-keys.ts';

export function sampleKey(parts: Partial<ApiKey> = {}): ApiKey {
  return {
    id: 'key_1',
    familyId: parts.id ?? 'key_1',
    label: 'test',
    digest: 'd1',
    prefix: 'flm_',
    ...unrestricted,
    createdAtMs: 0,
    ...parts,
  };
}

/** The keys as a store sends them. Their digests must be SHA-256 digests. */
export function keySlice(keys: readonly EnforcedKey[]): KeySlice {
  return {
    count: keys.length,
    digests: new Uint32Array(
      new Uint8Array(Buffer.from(keys.map(({ digest }) => digest).join(''), 'hex')).buffer,
    ),
    ids: JSON.stringify(keys.map(({ id }) => id)),
    labels: JSON.stringify(keys.map(({ label }) => label)),
    expiriesMs: Float64Array.from(keys, ({ expiresAtMs }) => expiresAtMs ?? Number.POSITIVE_INFINITY),
    kindOf: Uint32Array.from(keys.keys()),
    kinds: keys.map((key) => ({ ...key, id: '', label: '', digest: '', expiresAtMs: null })),
  };
}
