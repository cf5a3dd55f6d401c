/**
 * Stored keys as tests need them: a key for inference that nothing limits, and what a test says about it.
 */
import { type ApiKey, unrestricted } from '../../src/core/security/api-key.ts';

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
