/**
 * Where the admin API may be reached: over flm's own HTTPS, or on loopback. A program on this machine that forwards
 * requests of others (a reverse proxy, a tunnel) must not open the API by accident. So a request on loopback needs a
 * loopback `Host` and none of the fields that such programs add. A program that adds no field and changes `Host` cannot be
 * told from a local client, and therefore every call needs a key with the scope.
 *
 * A page of another origin reaches nothing, even if the policy allows that origin: it gets the response to an unknown
 * path, and so does everything else that is refused here.
 */
import { isLoopbackHost } from '../core/loopback.ts';
import { rule } from '../core/rules.ts';
import { isOwnOrigin, originOf } from './cors.ts';
import type { Exchange, Refusal } from './exchange.ts';
import { parseHost } from './host-allowlist.ts';

/** What every path gets that no route has. */
export const unknownPath: Refusal = { code: 'ROUTE_UNKNOWN', params: { meant: '' }, rule: rule('routes') };

const forwarded: Refusal = { ...unknownPath, rule: rule('admin-transport') };

export function denyTransport(x: Exchange): Refusal | undefined {
  const { address, secure } = x.peer;
  const reachable = address.loopback ? isDirect(x) : secure;
  return reachable && (originOf(x) === undefined || isOwnOrigin(x)) ? undefined : forwarded;
}

/** Whether the request has a loopback `Host` and no sign of another proxy. */
export function isDirect({ head: { fields } }: Exchange): boolean {
  const host = parseHost(fields.get('host') ?? '');
  return host !== undefined && isLoopbackHost(host) && !fields.cameThroughProxy;
}
