/**
 * CORS (Fetch standard, section 3.2). The fields are computed before authentication, so that a page of an allowed origin
 * can read a 401. No origin is allowed by default, and credentials (cookies) are never allowed.
 */
import { passingHeaders } from '../core/proxy/request-headers.ts';
import { isSecure } from './advice.ts';
import type { Exchange } from './exchange.ts';

/** The response fields that a page may read. Not `*`, which some browsers do not apply to every field. */
const exposed = [
  'x-request-id',
  'request-id',
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
  'x-ratelimit-limit-requests',
  'x-ratelimit-remaining-requests',
  'x-ratelimit-reset-requests',
  'x-ratelimit-limit-tokens',
  'x-ratelimit-remaining-tokens',
  'x-ratelimit-reset-tokens',
  'x-flm-queue-position',
  'x-flm-queue-wait-ms',
].join(', ');

const methods: readonly string[] = ['GET', 'HEAD', 'POST', 'DELETE'];

/** Header names that clients in browsers send: those that reach engines, and those that flm reads or drops itself. */
const headers: ReadonlySet<string> = new Set([
  ...passingHeaders,
  'authorization',
  'x-api-key',
  'api-key',
  'content-type',
  'content-encoding',
  'user-agent',
  'x-requested-with',
  'anthropic-dangerous-direct-browser-access',
  'traceparent',
]);
/** `x-stainless-os`, `x-stainless-retry-count` and many more: facts about the SDK, which flm drops. */
const sdkHeader = /^x-stainless-[a-z-]{1,40}$/;

const varies = 'vary: Origin\r\n';
const preflightVaries = 'vary: Access-Control-Request-Method, Access-Control-Request-Headers\r\n';

/** The origin that a request claims. If the field occurs twice, no rule can allow the value. */
export function originOf(x: Exchange): string | undefined {
  return x.head.fields.repeated('origin') ? '' : x.head.fields.get('origin');
}

/**
 * Whether the request comes from a page that this proxy itself serves: the origin is the address that the request is sent
 * to. The host list was checked before, so a name that a stranger points here (DNS rebinding) is no such address.
 */
export function isOwnOrigin(x: Exchange): boolean {
  const host = x.head.fields.get('host');
  return host !== undefined && originOf(x) === `${isSecure(x) ? 'https' : 'http'}://${host}`;
}

/** Fills `cors` and `preflight`. */
export function readOrigin(x: Exchange): void {
  const { origins } = x.snapshot.policy;
  // Also set without an origin: a cache must not give the stored response to a web page.
  x.cors = origins.empty ? '' : varies;
  const origin = originOf(x);
  if (origin === undefined) return;
  if (origins.allows(origin))
    x.cors = `access-control-allow-origin: ${origin}\r\naccess-control-expose-headers: ${exposed}\r\n${varies}`;
  x.preflight =
    x.head.method === 'OPTIONS' && x.head.fields.get('access-control-request-method') !== undefined;
}

/**
 * Further fields of an allowed preflight. They confirm only requested methods and names, and reveal nothing about
 * existing routes.
 */
export function preflightFields(x: Exchange): string {
  const method = x.head.fields.get('access-control-request-method') ?? '';
  const asked = x.head.fields.get('access-control-request-headers') ?? '';
  let fields = `${preflightVaries}access-control-max-age: 7200\r\n`;
  if (methods.includes(method)) fields += `access-control-allow-methods: ${method}\r\n`;
  const allowed = asked.split(',', maxAskedHeaders).map((name) => name.trim().toLowerCase());
  const { added } = x.head.fields.table;
  const names = allowed.filter((n) => headers.has(n) || sdkHeader.test(n) || added.includes(n));
  // By name: `*` never covers Authorization.
  if (names.length > 0) fields += `access-control-allow-headers: ${names.join(', ')}\r\n`;
  if (x.head.fields.get('access-control-request-private-network') === 'true')
    fields += 'access-control-allow-private-network: true\r\n';
  return fields;
}

/** An SDK asks for about twenty. */
const maxAskedHeaders = 64;
