/**
 * The step that checks what the key may call: the scope that the route needs, and the endpoints of the key. The one
 * place for both. What a key may use (models, engines, hazards) is checked once the body is read.
 */
import assert from 'node:assert/strict';
import type { EngineDirectory } from '../core/engine/directory.ts';
import { denyRoute, denyScope } from '../core/security/access.ts';
import type { Step } from './exchange.ts';
import { findNativeCall } from './native-call.ts';

/** Fills `native` on the route of engines' own APIs. */
export function makeAuthorize(directory: EngineDirectory): Step {
  return (x) => {
    const { route, key } = x;
    assert(route !== undefined, 'the router sets the route or refuses');
    // Keyless: probes, and nothing that needs a scope.
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
