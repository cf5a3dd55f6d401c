/**
 * Compiles a stored key to the view that the hot path asks. Globs become one regular expression a key, addresses one
 * list of ranges; a key without rules answers without looking.
 */
import { AddressRules, type ClientAddress } from './address-rules.ts';
import type { ApiKey, KeyView } from './api-key.ts';

export function compileKey(key: ApiKey): KeyView {
  const models = globs(key.models);
  const engines = new Set(key.engines);
  const endpoints = new Set(key.endpoints);
  const addresses = new AddressRules(key.addresses);
  return {
    id: key.id,
    label: key.label,
    digest: key.digest,
    scopes: new Set(key.scopes),
    anyModel: models === undefined,
    anyEngine: engines.size === 0,
    mayUseModel: (name) => models === undefined || models.test(name),
    mayUseEngine: (id) => engines.size === 0 || engines.has(id),
    mayUseEndpoint: (route) => endpoints.size === 0 || endpoints.has(route),
    mayComeFrom: (address: ClientAddress) => addresses.empty || addresses.matches(address),
    limits: key.limits,
    expiresAtMs: key.expiresAtMs ?? Number.POSITIVE_INFINITY,
    revoked: key.revokedAtMs !== null,
  };
}

/** One expression for all patterns, linear in the name: `*` is any run of characters, everything else is itself. */
function globs(patterns: readonly string[]): RegExp | undefined {
  if (patterns.length === 0) return undefined;
  const sources = patterns.map((p) =>
    p
      .replace(/\*+/g, '*')
      .replaceAll(/[\\^$.|?+()[\]{}]/g, '\\$&')
      .replaceAll('*', '.*'),
  );
  return new RegExp(`^(?:${sources.join('|')})$`, 's');
}
