/**
 * Advice for a client that called a wrong path: the route that it probably meant, the API that it speaks, and the base
 * URL that a client of that API needs here. Most wrong paths come from a base URL with an extra or missing `/v1` or
 * `/api`. Runs only when a request is refused.
 */
import type { Dialect } from '../core/engine/routes.ts';
import { holdsScope } from '../core/security/access.ts';
import type { Exchange } from './exchange.ts';
import { parseHost } from './host-allowlist.ts';
import { literalRows, patternMatch } from './route-match.ts';
import type { Route } from './routes.ts';

/** Longer paths are not typing errors. */
const maxLength = 512;
const maxSegments = 16;

interface Meant {
  readonly path: string;
  readonly route: Route;
}

/** Finds the route at the end of a path, after removing double slashes and wrong prefixes, or after adding `/v1`. */
export function meantRoute(path: string): Meant | undefined {
  const segments = path.split('/').filter((segment) => segment !== '');
  if (path.length > maxLength || segments.length > maxSegments) return undefined;
  for (let from = 0; from < segments.length; from++) {
    const rest = `/${segments.slice(from).join('/')}`;
    for (const candidate of [rest, `/v1${rest}`]) {
      // If `/v1` was added here, any text after a wrong prefix would match the id of a model.
      const found = routeAt(candidate, candidate === rest || from === 0);
      if (found !== undefined && candidate !== path) return { path: candidate, route: found };
    }
  }
  const lower = path.toLowerCase();
  return lower === path ? undefined : (exact(lower) ?? meantRoute(lower));
}

function exact(path: string): Meant | undefined {
  const route = routeAt(path, true);
  return route === undefined ? undefined : { path, route };
}

function routeAt(path: string, withPlaceholders: boolean): Route | undefined {
  const [literal] = literalRows(path) ?? [];
  if (literal !== undefined || !withPlaceholders) return literal;
  return patternMatch(path, () => true)?.route;
}

/** Returns `; /v1/models was probably meant`, or an empty text. */
export function meantText(path: string): string {
  const meant = meantRoute(path);
  return meant === undefined ? '' : `; ${meant.path} was probably meant`;
}

/** A path that is safe in an error text and valid in an engine's API. */
const plain = /^(?:\/[A-Za-z0-9_.:@+-]+)+$/;

/**
 * Returns `; an engine's own API is at /engine/ID/api/pull` for a key that may call that path. Other keys would get a
 * 403, so they get an empty text.
 */
export function engineText(x: Exchange): string {
  const { key, path } = x;
  if (key === undefined || path.length > maxLength || !plain.test(path)) return '';
  if (!holdsScope(key, 'engine:read')) return '';
  return `; an engine's own API is at /engine/ID${path}`;
}

/** Returns the API that a path belongs to if no route matches the path. */
export function dialectOfPath(path: string): Dialect {
  const route = routeAt(path, true) ?? meantRoute(path)?.route;
  if (route !== undefined) return route.dialect;
  if (/^\/+(?:v1\/+)*api(?:\/+(?!v1(?:\/|$))|$)|^\/+ollama(?:\/|$)/i.test(path)) return 'ollama';
  if (/^\/+(?:v1\/+)*messages(?:\/|$)|^\/+anthropic(?:\/|$)/i.test(path)) return 'anthropic';
  return 'openai';
}

/** The same for a request line that no step has parsed. */
export function dialectOfTarget(target: string): Dialect {
  return dialectOfPath(/^(?:https?:\/\/[^/?#]*)?([^?#]*)/i.exec(target)?.[1] ?? '');
}

/** The API that a refused request speaks, by its route or its path. Two APIs list models at the same path. */
export function dialectOf(x: Exchange): Dialect {
  if (x.route !== undefined) return x.dialect;
  // The path is empty if the request line itself was refused.
  const dialect = x.path === '' ? dialectOfTarget(x.head.target) : dialectOfPath(x.path);
  const saysAnthropic = x.head.fields.get('anthropic-version') !== undefined;
  return dialect === 'openai' && saysAnthropic ? 'anthropic' : dialect;
}

/** Clients of OpenAI's API need `/v1` in their base URL; clients of other APIs add the version themselves. */
export function basePath(dialect: Dialect): string {
  return dialect === 'openai' || dialect === 'responses' ? '/v1' : '';
}

const clientNames: Readonly<Record<Dialect, string>> = {
  openai: 'OpenAI',
  responses: 'OpenAI',
  anthropic: 'Anthropic',
  ollama: 'Ollama',
};

export function clientName(dialect: Dialect): string {
  return clientNames[dialect];
}

/** The base URL under which the client reached this proxy. The `Host` value is echoed only if it is a valid host. */
export function baseUrl(x: Exchange, dialect: Dialect): string {
  const host = x.head.fields.get('host');
  const authority = host === undefined || parseHost(host) === undefined ? 'HOST' : host;
  return `${isSecure(x) ? 'https' : 'http'}://${authority}${basePath(dialect)}`;
}

/** Whether the client used HTTPS, by flm's own TLS or as a trusted proxy reports it. */
export function isSecure(x: Exchange): boolean {
  if (x.peer.secure) return true;
  const { trustedProxies } = x.snapshot.policy;
  if (trustedProxies.empty || !trustedProxies.matches(x.peer.address)) return false;
  const { fields } = x.head;
  const said =
    fields.get('x-forwarded-proto') ?? /(?:^|[;,])\s*proto="?(\w+)/i.exec(fields.get('forwarded') ?? '')?.[1];
  return said?.split(',')[0]?.trim().toLowerCase() === 'https';
}
