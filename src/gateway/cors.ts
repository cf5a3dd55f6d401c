/**
 * The CORS part of the Fetch standard, for exact origins only. Fields are computed before auth, so that a page of an
 * allowed origin can read a 401; nothing is open by default, and credentials (cookies) are never allowed.
 */
import type { Exchange, Refusal } from './exchange.ts';

const exposed =
  'x-request-id, request-id, retry-after, retry-after-ms, x-should-retry, x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests';

const varies = ['vary', 'Origin'] as const;

const methods = 'GET, POST, DELETE';

/** A field name of RFC 9110; the list is echoed, so it must be one. */
const namesPattern = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+(?:\s*,\s*[A-Za-z0-9!#$%&'*+.^_`|~-]+)*$/;

/** Fills `cors` and `preflight`. */
export function readOrigin(x: Exchange): void {
  const origin = x.head.fields.get('origin');
  const { origins } = x.snapshot.policy;
  // Also without an origin: what a cache keeps of that answer must not be given to a page.
  x.cors = origins.size > 0 ? varies : undefined;
  if (origin === undefined) return;
  if (!x.head.fields.repeated('origin') && origins.has(origin))
    x.cors = ['access-control-allow-origin', origin, 'access-control-expose-headers', exposed, ...varies];
  x.preflight =
    x.head.method === 'OPTIONS' && x.head.fields.get('access-control-request-method') !== undefined;
}

/** The decision on a request that a page made. */
export function denyOrigin(x: Exchange): Refusal | undefined {
  const origin = x.head.fields.get('origin');
  if (origin === undefined) return undefined;
  if (!x.head.fields.repeated('origin') && x.snapshot.policy.origins.has(origin)) return undefined;
  return { code: 'ORIGIN_DENIED', rule: 'allowOrigins' };
}

/** Further fields of an allowed preflight: says what may be asked, and nothing about what is there. */
export function preflightFields(x: Exchange): string[] {
  const asked = x.head.fields.get('access-control-request-headers');
  const fields = ['access-control-allow-methods', methods, 'access-control-max-age', '7200'];
  // `*` never covers Authorization, so the names are echoed.
  if (asked !== undefined && asked.length <= 2048 && namesPattern.test(asked))
    fields.push('access-control-allow-headers', asked);
  if (x.head.fields.get('access-control-request-private-network') === 'true')
    fields.push('access-control-allow-private-network', 'true');
  return fields;
}
