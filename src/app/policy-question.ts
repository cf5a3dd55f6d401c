/**
 * Builds the input of a policy check from saved data: the policy, the profile's overrides, and the key.
 */
import type { RouteId } from '../core/engine/routes.ts';
import { parseAddress } from '../core/security/address-rules.ts';
import { compileKey } from '../core/security/key-view.ts';
import { checkPolicy, type PolicyAnswer } from '../core/security/policy-check.ts';
import { parsePolicy } from '../core/security/security-policy.ts';
import { compilePolicy } from '../core/security/snapshot.ts';
import { routes } from '../gateway/routes.ts';
import type { Flm } from './flm.ts';

export type { PolicyAnswer };

export interface Supposed {
  readonly ip: string;
  readonly key?: string | undefined;
  readonly origin?: string | undefined;
  readonly model?: string | undefined;
  /** One of `routeNames`. */
  readonly endpoint: string;
  readonly profile?: string | undefined;
}

export const routeNames: readonly string[] = [...new Set(routes.map((r) => r.id))];

/** Returns undefined if `ip` is not an address. Throws KEY_NOT_FOUND and PROFILE_NOT_FOUND. */
export async function whatWouldHappen(
  flm: Pick<Flm, 'security' | 'profiles' | 'machine'>,
  supposed: Supposed,
): Promise<PolicyAnswer | undefined> {
  const client = parseAddress(supposed.ip);
  if (client === undefined) return undefined;
  const base = await flm.security.policy();
  const part =
    supposed.profile === undefined ? {} : (await flm.profiles.load(supposed.profile)).config.policy;
  const key = supposed.key === undefined ? undefined : await flm.security.findKey(supposed.key);
  const route = routes.find((r) => r.id === supposed.endpoint);
  return checkPolicy({
    policy: compilePolicy(parsePolicy({ ...base, ...part })),
    client,
    key: key === undefined ? undefined : compileKey(key),
    origin: supposed.origin,
    route: supposed.endpoint as RouteId,
    scope: route?.scope ?? 'inference',
    model: supposed.model,
    nowMs: flm.machine.clock.nowMs(),
  });
}
