/**
 * Checks whether a policy would block the administrator or every client. Runs before a policy is saved.
 */
import { denyAddress } from './access.ts';
import { parseAddress } from './address-rules.ts';
import type { EnforcedKey } from './api-key.ts';
import { compileKey } from './key-view.ts';
import type { SecurityPolicy } from './security-policy.ts';
import { type CompiledPolicy, compilePolicy } from './snapshot.ts';

/**
 * Completes "This policy would block clients: ..."; undefined if it blocks none. `ownAddresses` are the addresses of
 * the administrator. Revoked and expired keys do not count.
 */
export function lockOut(
  policy: SecurityPolicy,
  keys: readonly EnforcedKey[],
  ownAddresses: readonly string[],
  nowMs: number,
): string | undefined {
  const compiled = compilePolicy(policy);
  for (const text of ownAddresses) {
    const client = parseAddress(text);
    const denial = client === undefined ? undefined : denyAddress(compiled, undefined, client);
    if (denial !== undefined) return `your own address ${text} (${denial.rule})`;
  }
  const usable = keys.filter(
    (k) => k.revokedAtMs === null && (k.expiresAtMs === null || k.expiresAtMs > nowMs),
  );
  if (!mayAnyCome(compiled, usable))
    return 'every key: no key may come from an address that the policy allows';
  const admins = usable.filter((k) => k.scopes.some((scope) => scope === 'admin' || scope === 'admin:read'));
  return mayAnyCome(compiled, admins)
    ? undefined
    : 'every key with the scope admin: none may come from an address that the policy allows';
}

/** Also true where there is no key. */
function mayAnyCome(compiled: CompiledPolicy, keys: readonly EnforcedKey[]): boolean {
  const bound = keys.filter((k) => k.addresses.length > 0);
  if (keys.length === 0 || bound.length < keys.length) return true;
  return bound.some((key) => {
    const view = compileKey(key);
    // Only the first and last address of each range are checked: a policy that denies both is unlikely to allow the
    // middle.
    return key.addresses.flatMap(endsOf).some((text) => {
      const client = parseAddress(text);
      return client !== undefined && denyAddress(compiled, view, client) === undefined;
    });
  });
}

/** First and last address of a rule. For a CIDR range, the first is the address as written. */
function endsOf(rule: string): readonly string[] {
  return rule.includes('-') ? rule.split('-') : [rule.replace(/\/.*$/, '')];
}
