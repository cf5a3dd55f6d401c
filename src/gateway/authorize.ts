/**
 * The step that checks whether the key may call the route: the scope that the route needs, and the endpoints that the
 * key allows. Both checks are only here. Which models, engines and hazards a key may use is checked once the body is
 * read.
 */
import assert from 'node:assert/strict';
import type { EngineDirectory } from '../core/engine/directory.ts';
import { denyRoute, denyScope } from '../core/security/access.ts';
import type { Step } from './exchange.ts';
import { findNativeCall } from './native-call.ts';

/** Fills `native` on the routes of the engines' own APIs. */
export function makeAuthorize(directory: EngineDirectory): Step {
  return (x) => {
    const { route, key } = x;
    assert(route !== undefined, 'the router sets the route or refuses');
    // Probes need no key, and therefore no scope.
    if (route.handler === 'health' || route.handler === 'ready') return undefined;
    assert(key !== undefined, 'every other route needs a key');
    switch (route.handler) {
      case 'root':
        return undefined;
      case 'metrics':
        return denyScope(key, route.id, route.scope);
      case 'models':
      case 'inference':
      case 'ollama-lists':
        return denyRoute(key, route.id, route.scope);
      case 'engine-api': {
        const call = findNativeCall(x, key, directory);
        if ('code' in call) return call;
        x.native = call;
        return denyRoute(key, route.id, call.rule?.scope ?? 'engine:admin');
      }
      default:
        return route.handler satisfies never;
    }
  };
}
