/**
 * Step four: which row of the table a request asks for. Decides on the raw path; an escape is legal only inside
 * `{id}` and `{rest}`, and nothing is normalised: a path is in the table or it is a 404.
 */
import type { Exchange, Refusal, Step } from './exchange.ts';
import { engineMethods, probePaths, type Route, routes } from './routes.ts';
import { refuseWebSocket } from './upgrade.ts';

interface Pattern {
  /** Literal segments; undefined where a segment is `{id}`. */
  readonly segments: readonly (string | undefined)[];
  readonly rest: boolean;
  readonly route: Route;
}

const literal = new Map<string, Route[]>();
const patterns: Pattern[] = [];
for (const route of routes) {
  if (!route.pattern.includes('{')) {
    literal.set(route.pattern, [...(literal.get(route.pattern) ?? []), route]);
    continue;
  }
  const segments = route.pattern.slice(1).split('/');
  const rest = segments.at(-1) === '{rest}';
  if (rest) segments.pop();
  patterns.push({ segments: segments.map((s) => (s === '{id}' ? undefined : s)), rest, route });
}

/** Fills `route`, `params` and `dialect`. Refuses with UPGRADE_REQUIRED, ROUTE_UNKNOWN or METHOD_NOT_ALLOWED. */
export const router: Step = (x) => {
  const webSocket = refuseWebSocket(x);
  if (webSocket !== undefined) return webSocket;
  const rows = literal.get(x.path);
  if (rows !== undefined) {
    for (const route of rows) if (accepts(route, x.head.method)) return take(x, route, []);
    return wrongMethod(rows);
  }
  const tried: Route[] = [];
  for (const pattern of patterns) {
    const params = match(pattern, x.path);
    if (params === undefined) continue;
    if (accepts(pattern.route, x.head.method)) return take(x, pattern.route, params);
    tried.push(pattern.route);
  }
  return tried.length > 0 ? wrongMethod(tried) : unknown(x.path);
};

function take(x: Exchange, route: Route, params: readonly string[]): undefined {
  x.route = route;
  x.params = params;
  x.dialect = route.dialect;
}

const getMethods = ['GET', 'HEAD'];
const probeMethods = ['GET', 'HEAD', 'OPTIONS'];

/** What a route answers; a probe answers OPTIONS as well, which HAProxy sends where no method is configured. */
export function methodsOf(route: Route): readonly string[] {
  if (route.method === 'ANY') return engineMethods;
  if (route.method !== 'GET') return [route.method];
  return probePaths.has(route.pattern) ? probeMethods : getMethods;
}

/** Without a list: this runs with every request. */
function accepts(route: Route, method: string): boolean {
  if (route.method === method) return true;
  return route.method !== 'POST' && methodsOf(route).includes(method);
}

function match(pattern: Pattern, path: string): readonly string[] | undefined {
  const segments = path.slice(1).split('/');
  const fixed = pattern.segments.length;
  if (pattern.rest ? segments.length <= fixed : segments.length !== fixed) return undefined;
  const params: string[] = [];
  for (let i = 0; i < fixed; i++) {
    const wanted = pattern.segments[i];
    const got = segments[i] as string;
    if (wanted === undefined) {
      const value = unescapeSegment(got);
      if (value === undefined) return undefined;
      params.push(value);
    } else if (wanted !== got) return undefined;
  }
  if (!pattern.rest) return params;
  const rest = unescapeSegment(segments.slice(fixed).join('/'));
  if (rest === undefined) return undefined;
  params.push(rest);
  return params;
}

/** Undefined for an empty value or one that does not unescape to UTF-8. */
function unescapeSegment(raw: string): string | undefined {
  if (raw === '') return undefined;
  if (!raw.includes('%')) return raw;
  try {
    return decodeURIComponent(raw);
  } catch {
    return undefined;
  }
}

/** The methods of the rows that a path fits; none where it fits no row. */
export function methodsOfPath(path: string): readonly string[] {
  const rows = literal.get(path) ?? patterns.filter((p) => match(p, path) !== undefined).map((p) => p.route);
  return [...new Set(rows.flatMap(methodsOf))];
}

/** The dialect that a path's errors speak, before the router has a row for it. */
export function dialectOfPath(path: string): 'openai' | 'anthropic' | 'ollama' {
  if (path.startsWith('/api/')) return 'ollama';
  if (path === '/v1/messages' || path.startsWith('/v1/messages/')) return 'anthropic';
  return 'openai';
}

function wrongMethod(rows: readonly Route[]): Refusal {
  const methods = [...new Set(rows.flatMap(methodsOf))];
  return { code: 'METHOD_NOT_ALLOWED', rule: 'the route table', fields: ['allow', methods.join(', ')] };
}

/** Where `/v1` is missing or doubled, says which path was probably meant. */
function unknown(path: string): Refusal {
  const candidates = [
    `/v1${path}`,
    path.replace(/^\/v1\/v1\//, '/v1/'),
    path.replace(/^\/v1\/api\//, '/api/'),
    path.replace(/\/+$/, ''),
  ];
  const meant = candidates.find((c) => c !== path && literal.has(c));
  return {
    code: 'ROUTE_UNKNOWN',
    params: { meant: meant === undefined ? '' : `; ${meant} was probably meant` },
    rule: 'the route table',
  };
}
