/** Complete records for tests of the store. `name` and `parts` make them differ. */
import { hash } from 'node:crypto';
import type { ConfigurationChange } from '../../src/core/configuration/ports.ts';
import type { ProxyHandle } from '../../src/core/proxy/proxy-handle.ts';
import { type ApiKey, type EnforcedKey, unrestricted } from '../../src/core/security/api-key.ts';
import { parseKeyRequest } from '../../src/core/security/key-request.ts';
import type { UsageEntry } from '../../src/core/security/ports.ts';
import type { RedemptionOrder, Share } from '../../src/core/security/share.ts';

/** Noon of 2025-06-15, UTC: never today. */
export const sometimeMs: number = Date.UTC(2025, 5, 15, 12);

export function sampleKey(name: string, parts: Partial<ApiKey> = {}): ApiKey {
  return {
    id: `key_${name}`,
    familyId: `key_${name}`,
    label: name,
    digest: sampleDigest(name),
    prefix: 'flm_kQ3x',
    ...unrestricted,
    createdAtMs: sometimeMs,
    ...parts,
  };
}

/** The digest of the sample key with that name. */
export function sampleDigest(name: string): string {
  return hash('sha256', name, 'hex');
}

/** A proxy reads the key without what is only for people. */
export function enforcedPart(key: ApiKey): EnforcedKey {
  const { owner: _, note: __, prefix: ___, createdAtMs: ____, ...enforced } = key;
  return enforced;
}

export function sampleShare(name: string, parts: Partial<Share> = {}): Share {
  return {
    id: `sh_${name}`,
    request: parseKeyRequest({ label: name }, sometimeMs),
    digest: `digest of ${name}`,
    createdAtMs: sometimeMs,
    createdBy: 'cli:me',
    expiresAtMs: sometimeMs + 86_400_000,
    revokedAtMs: null,
    redemption: null,
    ...parts,
  };
}

/** An order for the share with that digest, which makes `key_NAME`. */
export function sampleRedemption(digest: string, name: string): RedemptionOrder {
  return {
    digest,
    fresh: { id: `key_${name}`, digest: sampleDigest(name), prefix: 'flm_kQ3x' },
    atMs: sometimeMs + 1_000,
    address: '192.0.2.7',
    proxyId: 'px_a',
  };
}

/** A change of the configuration that changes nothing. */
export const emptyChange: ConfigurationChange = {
  profiles: [],
  keys: [],
  engines: [],
  aliases: [],
  deletedProfiles: [],
  deletedEngines: [],
  deletedAliases: [],
  applied: { profile: [], key: [], engine: [], alias: [] },
  audit: [],
};

export function sampleHandle(name: string, parts: Partial<ProxyHandle> = {}): ProxyHandle {
  return {
    id: `px_${name}`,
    pid: 4711,
    port: 8484,
    mode: 'local-http',
    addresses: ['127.0.0.1', '::1'],
    startedAtMs: sometimeMs,
    profile: 'default',
    nonce: `nonce of ${name}`,
    processStart: '12345',
    controlPath: `/run/${name}.sock`,
    draining: false,
    ...parts,
  };
}

export function sampleUsage(parts: Partial<UsageEntry> = {}): UsageEntry {
  return {
    keyId: 'key_a',
    familyId: parts.keyId ?? 'key_a',
    model: 'llama3:8b',
    engine: 'ollama',
    inputTokens: 3,
    outputTokens: 4,
    estimated: false,
    atMs: sometimeMs,
    address: '192.0.2.7',
    ending: 'done',
    answered: true,
    firstByteMs: 120,
    durationMs: 900,
    cachedTokens: null,
    promptTokens: null,
    ...parts,
  };
}
