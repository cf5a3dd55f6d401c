/**
 * Compiles a stored key to the view that the hot path uses. Globs are split at their stars, and addresses become one
 * list of ranges. A key without rules needs no check.
 *
 * Ten thousand views may be in memory permanently, and each garbage collection visits all of them. Therefore most keys
 * share one object for their common parts (no rules, the usual scopes).
 */
import type { Scope } from '../engine/routes.ts';
import { AddressRules, type ClientAddress } from './address-rules.ts';
import { type EnforcedKey, type KeyLimits, type KeyView, noKeyLimits } from './api-key.ts';

export function compileKey(key: EnforcedKey): KeyView {
  return new CompiledKey(key);
}

/** The same key, revoked. */
export function revokedView(key: KeyView): KeyView {
  return {
    id: key.id,
    familyId: key.familyId,
    label: key.label,
    digest: key.digest,
    scopes: key.scopes,
    anyModel: key.anyModel,
    anyEngine: key.anyEngine,
    mayUseModel: (name) => key.mayUseModel(name),
    mayUseEngine: (id) => key.mayUseEngine(id),
    mayUseEndpoint: (route) => key.mayUseEndpoint(route),
    mayComeFrom: (address) => key.mayComeFrom(address),
    limits: key.limits,
    expiresAtMs: key.expiresAtMs,
    revoked: true,
    paused: key.paused,
  };
}

const noNames: ReadonlySet<string> = new Set();
const noGlobs: readonly (readonly string[])[] = [];
const noAddresses = new AddressRules([]);
const usualScopes: ReadonlySet<Scope> = new Set(['inference']);

class CompiledKey implements KeyView {
  readonly id: string;
  readonly familyId: string;
  readonly label: string;
  readonly digest: string;
  readonly scopes: ReadonlySet<Scope>;
  readonly limits: KeyLimits;
  readonly expiresAtMs: number;
  readonly revoked: boolean;
  readonly paused: boolean;
  readonly #models: readonly (readonly string[])[];
  readonly #engines: ReadonlySet<string>;
  readonly #endpoints: ReadonlySet<string>;
  readonly #addresses: AddressRules;

  constructor(key: EnforcedKey) {
    const { id, familyId, label, digest, scopes, limits, models, engines, endpoints, addresses } = key;
    this.id = id;
    // One string for both in the common case.
    this.familyId = familyId === id ? id : familyId;
    this.label = label;
    this.digest = digest;
    this.scopes = scopes.length === 1 && scopes[0] === 'inference' ? usualScopes : new Set(scopes);
    this.limits = Object.values(limits).every((limit) => limit === null) ? noKeyLimits : limits;
    this.expiresAtMs = key.expiresAtMs ?? Number.POSITIVE_INFINITY;
    this.revoked = key.revokedAtMs !== null;
    this.paused = key.pausedAtMs !== null;
    this.#models = models.length === 0 ? noGlobs : models.map((glob) => glob.split('*'));
    this.#engines = engines.length === 0 ? noNames : new Set(engines);
    this.#endpoints = endpoints.length === 0 ? noNames : new Set(endpoints);
    this.#addresses = addresses.length === 0 ? noAddresses : new AddressRules(addresses);
  }

  get anyModel(): boolean {
    return this.#models.length === 0;
  }
  get anyEngine(): boolean {
    return this.#engines.size === 0;
  }
  mayUseModel(name: string): boolean {
    return this.#models.length === 0 || matchesAny(this.#models, name);
  }
  mayUseEngine(id: string): boolean {
    return this.#engines.size === 0 || this.#engines.has(id);
  }
  mayUseEndpoint(route: string): boolean {
    return this.#endpoints.size === 0 || this.#endpoints.has(route);
  }
  mayComeFrom(address: ClientAddress): boolean {
    return this.#addresses.empty || this.#addresses.matches(address);
  }
}

/**
 * Tests the name against patterns in which `*` matches any characters. Each part between stars is searched for once,
 * from left to right, so the cost is linear in the length of the name. A regular expression with `.*` would backtrack.
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
