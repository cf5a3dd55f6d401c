/**
 * `POST /flm/share/redeem` with the token of a share as its Bearer token: makes the key of the share and returns it, once.
 * Needs no key. A wrong token counts as a failed login, so that tokens cannot be guessed faster than keys.
 *
 * The key crosses the network here, so the client must use HTTPS, or be on this machine and not behind another proxy.
 */
import type { Clock } from '../../core/clock.ts';
import { rule } from '../../core/rules.ts';
import type { LoginThrottle } from '../../core/security/login-throttle.ts';
import type { RedeemedShare, ShareRedeemer } from '../../core/security/share.ts';
import { isDirect } from '../admin-transport.ts';
import { isSecure } from '../advice.ts';
import { bearer } from '../auth.ts';
import type { Exchange, Refusal } from '../exchange.ts';
import { retryFields } from '../retry-fields.ts';
import { jsonResponse, type RouteHandler } from '../route-handler.ts';

export interface ShareDeps {
  readonly shares: ShareRedeemer | undefined;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly throttle: Pick<LoginThrottle, 'failed'>;
  readonly onRefused: (x: Exchange, throttled: boolean) => void;
}

const codes = {
  redeemed: 'SHARE_REDEEMED',
  expired: 'SHARE_EXPIRED',
  revoked: 'SHARE_REVOKED',
} as const;

export function makeShare(deps: ShareDeps): RouteHandler {
  const { shares } = deps;
  return {
    async resolve(x) {
      if (shares === undefined) return { code: 'ROUTE_UNKNOWN', params: { meant: '' }, rule: rule('routes') };
      // A reverse proxy or a tunnel on this machine connects from loopback too, for clients anywhere.
      if (!isSecure(x) && !(x.peer.address.loopback && isDirect(x)))
        return { code: 'SHARE_INSECURE', rule: rule('share-transport') };
      const token = bearer.exec(x.head.fields.get('authorization') ?? '')?.[1];
      // A request without a token tries none, so it is no failed login.
      if (token === undefined) return { code: 'SHARE_UNKNOWN', rule: rule('share') };
      const result = await shares.redeem(token, x.client.text);
      return result.outcome === 'made' ? response(result) : refusal(x, result.outcome, deps);
    },
  };
}

function response({
  key,
  keyId,
  label,
  expiresAtMs,
  localAuthority,
}: Extract<RedeemedShare, { outcome: 'made' }>) {
  const expiresAt = expiresAtMs === null ? null : new Date(expiresAtMs).toISOString();
  const made = jsonResponse({ key, id: keyId, label, expiresAt, localAuthority }, 201);
  return { ...made, fields: 'cache-control: no-store\r\n' };
}

function refusal(
  x: Exchange,
  outcome: Exclude<RedeemedShare['outcome'], 'made'>,
  { throttle, clock, onRefused }: ShareDeps,
): Refusal {
  if (outcome === 'unavailable')
    return { code: 'SHARE_UNAVAILABLE', rule: rule('share'), fields: 'retry-after: 1\r\n' };
  if (outcome !== 'unknown') return { code: codes[outcome], rule: rule('share') };
  const waitMs = throttle.failed(x.client.bucket, clock.monotonicMs());
  onRefused(x, waitMs > 0);
  if (waitMs > 0) return { code: 'AUTH_THROTTLED', rule: rule('failed-logins'), fields: retryFields(waitMs) };
  return { code: 'SHARE_UNKNOWN', rule: rule('share') };
}
