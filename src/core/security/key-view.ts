/**
 * Compiles a stored key to the view that the hot path asks. Globs are split at their stars, addresses become
 * one list of ranges; a key without rules answers without looking.
 */
import { AddressRules, type ClientAddress } from './address-rules.ts';
import type { ApiKey, KeyView } from './api-key.ts';

export function compileKey(key: ApiKey): KeyView {
  const models = key.models.map((glob) => glob.split('*'));
  const engines = new Set(key.engines);
  const endpoints = new Set(key.endpoints);
  const addresses = new AddressRules(key.addresses);
  return {
    id: key.id,
    label: key.label,
    digest: key.digest,
    scopes: new Set(key.scopes),
    anyModel: models.length === 0,
    anyEngine: engines.size === 0,
    mayUseModel: (name) => models.length === 0 || matchesAny(models, name),
    mayUseEngine: (id) => engines.size === 0 || engines.has(id),
    mayUseEndpoint: (route) => endpoints.size === 0 || endpoints.has(route),
    mayComeFrom: (address: ClientAddress) => addresses.empty || addresses.matches(address),
    limits: key.limits,
    expiresAtMs: key.expiresAtMs ?? Number.POSITIVE_INFINITY,
    revoked: key.revokedAtMs !== null,
  };
}

/**
 * `*` is any run of characters, everything else is itself. Each part between stars is looked for once, from left to
 * right, so that a long name costs its length; an expression of `.*` would try all ways to share it out.
 */
function matchesAny(globs: readonly (readonly string[])[], name: string): boolean {
  for (const parts of globs) if (matches(parts, name)) return true;
  return false;
}

function matches(parts: readonly string[], name: string): boolean {
  const first = parts[0] as string;
  if (parts.length === 1) return name === first;
  const last = parts[parts.length - 1] as string;
  const to = name.length - last.length;
  let at = first.length;
  if (to < at || !name.startsWith(first) || !name.endsWith(last)) return false;
  for (let i = 1; i < parts.length - 1; i++) {
    const part = parts[i] as string;
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= to;
}
