/**
 * The stored configuration in the form of a file of `flm apply`. Applying the result to the same store changes nothing.
 * It holds no secret: keys have their digests, and an engine's key that flm stores is named as `stored`.
 */
import type { EngineRecord } from '../engine/engine.ts';
import { type ApiKey, isActive } from '../security/api-key.ts';
import type { StoredConfiguration } from './ports.ts';

/**
 * Active and paused keys only, by label, each family with its newest secret: a file cannot end an overlap of a rotation.
 * Engines are in the order in which flm prefers them.
 */
export function exportedConfiguration(stored: StoredConfiguration, nowMs: number): object {
  const newest = new Map<string, ApiKey>();
  for (const key of stored.keys) if (isActive(key, nowMs)) newest.set(key.familyId, key);
  const { profiles, policy, engines, aliases } = stored;
  return {
    version: 1,
    profiles: Object.fromEntries(profiles.map(({ name, config }) => [name, config])),
    policy,
    keys: [...newest.values()].sort((a, b) => (a.label < b.label ? -1 : 1)).map(keyEntry),
    engines: engines.map(engineEntry),
    aliases: Object.fromEntries(aliases.map(({ name, target }) => [name, target])),
  };
}

function keyEntry(key: ApiKey): object {
  const { label, owner, note, scopes, models, engines, endpoints, addresses, limits } = key;
  const { digest, prefix, expiresAtMs, pausedAtMs } = key;
  const lists = Object.entries({ models, engines, endpoints, addresses }).filter(
    ([, list]) => list.length > 0,
  );
  const values = Object.entries({ ...limits }).filter(([, value]) => value !== null);
  return {
    label,
    ...(owner === null ? {} : { owner }),
    ...(note === null ? {} : { note }),
    digest: `sha256:${digest}`,
    prefix,
    scopes,
    ...Object.fromEntries([...lists, ...values]),
    ...(expiresAtMs === null ? {} : { expiresAt: new Date(expiresAtMs).toISOString() }),
    ...(pausedAtMs === null ? {} : { paused: true }),
  };
}

function engineEntry({ createdAtMs: _, apiKey, ...engine }: EngineRecord): object {
  if (apiKey === undefined) return engine;
  return { ...engine, apiKey: apiKey.from === 'value' ? { from: 'stored' } : apiKey };
}
