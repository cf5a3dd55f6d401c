/**
 * The step `router`: finds the row of the route table for a request. It compares the raw path. An escape is allowed only
 * inside `{id}` and `{rest}`, and nothing is normalised: a path that is not in the table is a 404.
 */
import { rule } from '../core/rules.ts';
import { engineText, meantRoute, meantText } from './advice.ts';
import type { Exchange, Refusal, Step } from './exchange.ts';
import { literalRows, patternMatch } from './route-match.ts';
import { engineMethods, probePaths, type Route } from './routes.ts';
import { refuseWebSocket } from './upgrade.ts';

/** Fills `route`, `params` and `dialect`. Refuses with UPGRADE_REQUIRED, ROUTE_UNKNOWN or METHOD_NOT_ALLOWED. */
export const router: Step = (x) => {
  const { findings } = x.head;
  if (findings?.route !== undefined) return take(x, findings.route, findings.params);
  const webSocket = refuseWebSocket(x);
  if (webSocket !== undefined) return webSocket;
  const { method } = x.head;
  const rows = literalRows(x.path);
  if (rows !== undefined) {
    for (const route of rows) if (accepts(route, method)) return take(x, route, []);
    return wrongMethod(rows);
  }
  const tried: Route[] = [];
  const found = patternMatch(x.path, (route) => {
    if (accepts(route, method)) return true;
    tried.push(route);
    return false;
  });
  if (found !== undefined) return take(x, found.route, found.params);
  if (tried.length > 0 && !endsInRoute(x.path, method)) return wrongMethod(tried);
  return {
    code: 'ROUTE_UNKNOWN',
    params: { meant: meantText(x.path) + engineText(x) },
    rule: rule('routes'),
  };
};

/** Matches `/v1/responses/responses`: the base URL already contained the path, so the last segment is not an id. */
function endsInRoute(path: string, method: string): boolean {
  const meant = meantRoute(path);
  return meant !== undefined && literalRows(meant.path)?.some((route) => accepts(route, method)) === true;
}

function take(x: Exchange, route: Route, params: readonly string[]): undefined {
  x.route = route;
  x.params = params;
  x.dialect = route.dialect;
  const { findings } = x.head;
  if (findings === undefined || x.key === undefined || route.handler !== 'inference') return;
  findings.route = route;
  findings.params = params;
}

const getMethods = ['GET', 'HEAD'];
const probeMethods = ['GET', 'HEAD', 'OPTIONS'];

/** The methods of a route. A probe also answers OPTIONS, which HAProxy sends where no method is configured. */
export function methodsOf(route: Route): readonly string[] {
  if (route.method === 'ANY') return engineMethods;
  if (route.method !== 'GET') return [route.method];
  return probePaths.has(route.pattern) ? probeMethods : getMethods;
}

/** Runs for every request, so it builds no list. */
function accepts(route: Route, method: string): boolean {
  if (route.method === method) return true;
  return route.method !== 'POST' && methodsOf(route).includes(method);
}

/** The methods of the rows that match a path; empty where no row matches. */
export function methodsOfPath(path: string): readonly string[] {
  const rows = literalRows(path) ?? patternRows(path);
  return [...new Set(rows.flatMap(methodsOf))];
}

function patternRows(path: string): readonly Route[] {
  const rows: Route[] = [];
  patternMatch(path, (route) => {
    rows.push(route);
    return false;
  });
  return rows;
}

function wrongMethod(rows: readonly Route[]): Refusal {
  const methods = [...new Set(rows.flatMap(methodsOf))];
  return { code: 'METHOD_NOT_ALLOWED', rule: rule('routes'), fields: `allow: ${methods.join(', ')}\r\n` };
}
