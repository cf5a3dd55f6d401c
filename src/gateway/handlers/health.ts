/**
 * `GET /health` answers 200 as long as the process serves requests, and reports whether it is draining. `GET /ready`
 * answers 200 only while the proxy can accept work: it is not draining, its keys are not too old, and at least one
 * engine is up. Neither needs a key, and neither response contains names. `GET /metrics` returns the proxy's metrics, for a
 * key with that scope.
 */
import type { EngineDirectory } from '../../core/engine/directory.ts';
import { isUp } from '../../core/engine/health.ts';
import type { Exchange } from '../exchange.ts';
import { jsonResponse, type OwnResponse, type RouteHandler } from '../route-handler.ts';
import { methodsOf } from '../router.ts';

export function makeHealth(draining: () => boolean): RouteHandler {
  return { resolve: (x) => probeResponse(x, 200, draining() ? 'draining' : 'up') };
}

/**
 * Keys and policy are loaded before the listener opens, and stay in force if the store fails later. The status shows a
 * warning in that case, but traffic need not go elsewhere until the keys are too old.
 */
export function makeReady(
  draining: () => boolean,
  directory: Pick<EngineDirectory, 'engines'>,
  expired: () => boolean,
): RouteHandler {
  return {
    resolve: (x) => {
      if (draining()) return probeResponse(x, 503, 'draining');
      if (expired()) return probeResponse(x, 503, 'outdated');
      const ready = directory.engines().some((engine) => isUp(engine.state));
      return probeResponse(x, ready ? 200 : 503, ready ? 'ready' : 'unready');
    },
  };
}

function probeResponse(x: Exchange, httpStatus: number, status: string): OwnResponse {
  const response = jsonResponse({ status }, httpStatus);
  return x.head.method === 'OPTIONS' && x.route !== undefined
    ? { ...response, fields: `allow: ${methodsOf(x.route).join(', ')}\r\n` }
    : response;
}

export function makeMetrics(metrics: () => Promise<string>): RouteHandler {
  return {
    resolve: () =>
      metrics().then(
        (body) => ({ status: 200, contentType: 'text/plain; version=0.0.4; charset=utf-8', body }),
        () => ({ code: 'INTERNAL' }),
      ),
  };
}
