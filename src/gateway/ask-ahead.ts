/**
 * Tells a limiter on another machine, with the first question of a request, what the request will ask next. So a request
 * waits for one round trip, not for three. Only the method and the path are known then, so the prediction may be wrong:
 * the request is refused before, or needs less. What was granted for nothing is released when the request ends.
 */
import { denyRoute } from '../core/security/access.ts';
import { RequestAhead } from '../core/security/request-ahead.ts';
import type { Exchange } from './exchange.ts';
import { lookUps } from './handlers/inference.ts';
import { literalRows } from './route-match.ts';

/** Undefined if the request will ask nothing more. */
export function aheadOf(x: Exchange): RequestAhead | undefined {
  if (x.ahead !== undefined || x.key === undefined || x.preflight) return x.ahead;
  const route = literalRows(x.path)?.find(({ method }) => method === x.head.method);
  if (route?.handler !== 'inference' || route.model === 'none' || lookUps.has(route.id)) return undefined;
  if (denyRoute(x.key, route.id, route.scope) !== undefined) return undefined;
  x.ahead = new RequestAhead(x.key);
  return x.ahead;
}
