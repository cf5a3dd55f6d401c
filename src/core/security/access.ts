/**
 * Decides whether a key may use the route, engine and model of a request. Requests and `flm policy check` use the same
 * functions. A refusal is a value; `rule` names the rule that decided.
 */
import type { EngineKind, Hazard, HazardModel } from '../engine/engine-kind.ts';
import type { BodyFacts, RouteId, Scope } from '../engine/routes.ts';
import { isGiven } from '../engine/watched-fields.ts';
import type { ErrorCode, ErrorParams } from '../errors.ts';
import { type RuleText, rule } from '../rules.ts';
import type { ClientAddress } from './address-rules.ts';
import type { KeyView } from './api-key.ts';
import { isOriginRule } from './origin-rules.ts';
import type { CompiledPolicy } from './snapshot.ts';

export interface Denial {
  readonly code: ErrorCode;
  readonly params: ErrorParams;
  readonly rule: RuleText;
}

/** Checks the address: deny before allow, then the addresses of the key. */
export function denyAddress(
  policy: CompiledPolicy,
  key: KeyView | undefined,
  client: ClientAddress,
): Denial | undefined {
  const { allow, deny } = policy;
  if (!deny.empty && deny.matches(client))
    return { code: 'ADDRESS_DENIED', params: {}, rule: rule('deny-ips') };
  if (!allow.empty && !allow.matches(client))
    return { code: 'ADDRESS_DENIED', params: {}, rule: rule('allow-ips') };
  if (key !== undefined && !key.mayComeFrom(client))
    return { code: 'KEY_ADDRESS_DENIED', params: {}, rule: rule('key-addresses', { key: key.id }) };
  return undefined;
}

/** Checks the origin of a web page; undefined if no page sends the request. */
export function denyOrigin(policy: CompiledPolicy, origin: string | undefined): Denial | undefined {
  if (origin === undefined || policy.origins.allows(origin)) return undefined;
  // The advice must be a valid command. An allowed origin contains no characters that are special in a shell.
  const params = isOriginRule(origin)
    ? { origin, never: '' }
    : { origin: 'URL', never: ', and an origin of this form cannot be allowed' };
  return { code: 'ORIGIN_DENIED', params, rule: rule('allow-origins') };
}

/** Checks the route against the scopes and the endpoint list of the key. */
export function denyRoute(key: KeyView, route: RouteId, scope: Scope): Denial | undefined {
  const denial = denyScope(key, route, scope);
  if (denial !== undefined) return denial;
  if (!key.mayUseEndpoint(route)) {
    return {
      code: 'ENDPOINT_DENIED',
      params: { route },
      rule: rule('key-endpoints', { key: key.id }),
    };
  }
  return undefined;
}

/** Checks only the scope, for routes that no endpoint list can name. */
export function denyScope(key: KeyView, route: RouteId, scope: Scope): Denial | undefined {
  return holdsScope(key, scope)
    ? undefined
    : { code: 'SCOPE_MISSING', params: { scope }, rule: rule('scope', { route, scope }) };
}

/** `engine:admin` includes `engine:read`, and `admin` includes `admin:read`; nothing else is implied. */
export function holdsScope(key: Pick<KeyView, 'scopes'>, scope: Scope): boolean {
  if (key.scopes.has(scope)) return true;
  return scope === 'engine:read'
    ? key.scopes.has('engine:admin')
    : scope === 'admin:read' && key.scopes.has('admin');
}

/** Checks whether a key may call the admin API at all. A key that may not gets the response to an unknown path. */
export function denyAdmin(key: Pick<KeyView, 'scopes'>): Denial | undefined {
  const scope = 'admin:read';
  return holdsScope(key, scope)
    ? undefined
    : { code: 'ROUTE_UNKNOWN', params: { meant: '' }, rule: rule('scope', { route: 'admin', scope }) };
}

/** Refuses side effects of a request, such as loading a model, unless the key may administer engines. */
export function denyHazard(
  key: KeyView,
  kind: EngineKind,
  route: RouteId,
  facts: BodyFacts,
  model: HazardModel | undefined,
): Denial | undefined {
  if (key.scopes.has('engine:admin')) return undefined;
  const hazard = kind.hazard(route, facts, model) ?? furtherModel(key, kind, facts);
  if (hazard === undefined) return undefined;
  return {
    code: 'HAZARD_REFUSED',
    params: { hazard: hazard.does },
    rule: rule('hazard', { kind: kind.title, does: hazard.does }),
  };
}

/** Refuses a second model, which the rules of the key did not check. */
function furtherModel(key: KeyView, kind: EngineKind, facts: BodyFacts): Hazard | undefined {
  if (key.anyModel) return undefined;
  const field = kind.furtherModels?.find((path) => isGiven(facts, path));
  return field === undefined ? undefined : { does: `use further models (${field})` };
}
