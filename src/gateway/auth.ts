/**
 * Step two: whose request this is. `Authorization: Bearer`, `x-api-key` and `api-key`; fields that are present must
 * agree. The key is hashed once and looked up by digest, so the time of a miss says nothing about any key.
 *
 * Missing and wrong are the same answer; only the bearer of the full right secret learns that it is revoked or
 * expired. Failed logins alone are throttled, so a valid key is never locked out behind a shared address.
 */
import { hash } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import type { KeyView } from '../core/security/api-key.ts';
import type { Exchange, Refusal, Step } from './exchange.ts';
import type { LoginThrottle } from './login-throttle.ts';
import { retryFields } from './retry-fields.ts';
import { probePaths } from './routes.ts';

/** Keys that live only in this proxy's memory. */
export interface TemporaryKeys {
  find(digest: string): KeyView | undefined;
}

export interface AuthNeeds {
  readonly clock: Clock;
  readonly throttle: LoginThrottle;
  readonly temporary: TemporaryKeys;
  /** A refused login; `throttled`: one of those that come too fast. */
  readonly onRefused: (x: Exchange, throttled: boolean) => void;
}

/** RFC 9110, section 11.4: the scheme in any case, then spaces, then the token of RFC 6750. */
const bearer = /^bearer +([A-Za-z0-9._~+/-]+=*) *$/i;

export function makeAuth(needs: AuthNeeds): Step {
  return (x) => {
    if (x.preflight) return undefined;
    const { fields } = x.head;
    const authorization = fields.get('authorization');
    const xApiKey = fields.get('x-api-key');
    const apiKey = fields.get('api-key');
    if (probePaths.has(x.path)) return undefined;

    const single = xApiKey === undefined && apiKey === undefined ? authorization : undefined;
    if (single !== undefined && single === x.peer.credential && x.peer.credentialSnapshot === x.snapshot) {
      const key = x.peer.credentialKey;
      if (key !== undefined && key.expiresAtMs > needs.clock.nowMs()) {
        x.key = key;
        return undefined;
      }
    }

    const tokens: string[] = [];
    if (authorization !== undefined) tokens.push(bearer.exec(authorization)?.[1] ?? '');
    if (xApiKey !== undefined) tokens.push(xApiKey.trim());
    if (apiKey !== undefined) tokens.push(apiKey.trim());
    const token = tokens[0] ?? '';
    if (tokens.some((t) => t !== token)) return { code: 'AUTH_CONFLICT', rule: 'auth' };

    const digest = hash('sha256', token, 'hex');
    const stored = x.snapshot.keysByDigest.get(digest);
    const key = stored ?? needs.temporary.find(digest);
    if (key === undefined) return refuse(x, needs);
    // From here on the client has shown the full right secret and may know what became of it.
    if (key.revoked) return { code: 'AUTH_REVOKED', rule: `key ${key.id}` };
    if (key.expiresAtMs <= needs.clock.nowMs()) return { code: 'AUTH_EXPIRED', rule: `key ${key.id}` };
    x.key = key;
    // Temporary keys are not in the snapshot, so a swap would not forget them here.
    if (single !== undefined && stored !== undefined) {
      x.peer.credential = single;
      x.peer.credentialKey = key;
      x.peer.credentialSnapshot = x.snapshot;
    }
    return undefined;
  };
}

function refuse(x: Exchange, needs: AuthNeeds): Refusal {
  const waitMs = needs.throttle.failed(x.client.bucket, needs.clock.monotonicMs());
  needs.onRefused(x, waitMs > 0);
  if (waitMs > 0) {
    return { code: 'AUTH_THROTTLED', rule: 'failed logins', fields: retryFields(waitMs) };
  }
  return { code: 'AUTH_MISSING', rule: 'auth' };
}
