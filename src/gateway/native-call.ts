/**
 * Resolves a call of an engine's own API at `/engine/{id}/*`: finds the engine, and the rule of its kind that lists the
 * endpoint. An endpoint without a rule needs the scope `engine:admin`.
 */

import type { Candidate, EngineDirectory } from '../core/engine/directory.ts';
import type { NativeRule } from '../core/engine/engine-kind.ts';
import { rule } from '../core/rules.ts';
import type { KeyView } from '../core/security/api-key.ts';
import type { Exchange, NativeCall, Refusal } from './exchange.ts';

/**
 * Characters that need no escape in a path, and no dot segment. Such a path has only one reading, and cannot leave the
 * prefix of the engine's address.
 */
const plainPath = /^(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~:@+-]+(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~:@+-]+)*$/;

/** An engine that the key may not use is refused like one that does not exist. */
export function findNativeCall(x: Exchange, key: KeyView, directory: EngineDirectory): NativeCall | Refusal {
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
