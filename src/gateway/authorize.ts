/**
 * The step that checks whether the key may call the route: the scope that the route needs, and the endpoints that the
 * key allows. Both checks are only here. Which models, engines and hazards a key may use is checked once the body is
 * read. An endpoint of an engine's own API without a rule needs the scope `engine:admin`.
 */
import assert from 'node:assert/strict';
import type { Candidate, EngineDirectory } from '../core/engine/directory.ts';
import type { NativeRule } from '../core/engine/engine-kind.ts';
import { rule } from '../core/rules.ts';
import { denyAdmin, denyRoute, denyScope } from '../core/security/access.ts';
import type { KeyView } from '../core/security/api-key.ts';
import { denyTransport, unknownPath } from './admin-transport.ts';
import type { Exchange, NativeCall, Refusal, Step } from './exchange.ts';

/**
 * Fills `native` on the routes of the engines' own APIs. `servesAdmin`: whether this proxy serves the admin API.
 */
export function makeAuthorize(directory: EngineDirectory, servesAdmin: boolean): Step {
  return (x) => {
    const { route, key } = x;
    assert(route !== undefined, 'the router sets the route or refuses');
    // These need no key, and therefore no scope; at `/` a key of any scope will do.
    if (
      route.handler === 'root' ||
      route.handler === 'health' ||
      route.handler === 'ready' ||
      route.handler === 'files' ||
      route.handler === 'share'
    )
      return undefined;
    assert(key !== undefined, 'every other route needs a key');
    switch (route.handler) {
      case 'me':
        return undefined;
      case 'admin':
        return (servesAdmin ? undefined : unknownPath) ?? denyTransport(x) ?? denyAdmin(key);
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

/**
 * Characters that need no escape in a path, and no dot segment. Such a path has only one reading, and cannot leave the
 * prefix of the engine's address.
 */
const plainPath = /^(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~:@+-]+(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~:@+-]+)*$/;

/**
 * Resolves a call of an engine's own API at `/engine/{id}/*`: finds the engine, and the rule of its kind that lists the
 * endpoint. An engine that the key may not use is refused like one that does not exist.
 */
function findNativeCall(x: Exchange, key: KeyView, directory: EngineDirectory): NativeCall | Refusal {
  const [id = '', rest = ''] = x.params;
  const candidate = directory.engine(id);
  if (candidate === undefined || !key.mayUseEngine(id))
    return { code: 'ENGINE_UNKNOWN', rule: rule('key-engines') };
  if (!plainPath.test(rest)) return { code: 'ROUTE_UNKNOWN', rule: rule('engine-paths') };
  const target = `/${rest}`;
  return { candidate, target, rule: ruleFor(candidate, x.head.method, target) };
}

function ruleFor(candidate: Candidate, method: string, path: string): NativeRule | undefined {
  const wanted = method === 'HEAD' ? 'GET' : method;
  return candidate.engine.kind.native.find((rule) => rule.method === wanted && matches(rule.path, path));
}

function matches(pattern: string, path: string): boolean {
  if (!pattern.endsWith('/{id}')) return pattern === path;
  const prefix = pattern.slice(0, -'{id}'.length);
  return path.startsWith(prefix) && path.length > prefix.length && !path.slice(prefix.length).includes('/');
}
