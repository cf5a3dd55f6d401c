/**
 * `/engine/{id}/*`: an engine's own API. The rules of the engine's kind list which endpoints are harmless and which scope
 * each needs; every other endpoint needs `engine:admin`. The model rules of the key hold here too, by the same scanner.
 */

import assert from 'node:assert/strict';
import { candidatesOf, type EngineDirectory, type ModelOnEngine } from '../../core/engine/directory.ts';
import type { NativeRule } from '../../core/engine/engine-kind.ts';
import type { RouteId } from '../../core/engine/routes.ts';
import { rule } from '../../core/rules.ts';
import { denyHazard } from '../../core/security/access.ts';
import type { KeyView } from '../../core/security/api-key.ts';
import { nameModel } from '../body/model-edit.ts';
import { namedModel } from '../body/named-model.ts';
import type { BodyPlan, ReadBody } from '../body/request-body.ts';
import type { Exchange, NativeCall, Refusal } from '../exchange.ts';
import { passingQuery } from '../query.ts';
import type { Resolved, RouteHandler } from '../route-handler.ts';
import { nativeScan, type Route, routes } from '../routes.ts';
import { lookUpRequest } from '../upstream-request.ts';
import { choicesIn, lookUps, unknownModel } from './inference.ts';

export function makeEngineApi(directory: EngineDirectory): RouteHandler {
  return {
    bodyPlan: (x) => planFor(x, nativeCallOf(x)),
    resolve: (x, body) => {
      const { route, key } = x;
      assert(route !== undefined && key !== undefined, 'the route needs a key');
      const call = nativeCallOf(x);
      const { candidate, target, rule } = call;
      if (rule === undefined) {
        // With `engine:admin` every endpoint is allowed, and the query passes unchanged.
        const query = x.query === '' ? '' : `?${x.query}`;
        return {
          candidates: candidatesOf([candidate]),
          request: { ...lookUpRequest(x, route, target + query, true), ...bodyOf(body) },
        };
      }
      const withQuery = target + passingQuery(x.query, rule.query ?? []);
      if (rule.model === 'none')
        return { candidates: candidatesOf([candidate]), request: lookUpRequest(x, route, withQuery, true) };
      return resolveModel(x, route, key, call, rule, withQuery, directory, body);
    },
  };
}

function nativeCallOf(x: Exchange): NativeCall {
  assert(x.native !== undefined, 'authorize found the call or refused');
  return x.native;
}

function planFor(x: Exchange, { candidate, rule: native }: NativeCall): BodyPlan | Refusal | undefined {
  if (candidate.state === 'down' || candidate.state === 'installed')
    return { code: 'ENGINE_DOWN', rule: rule('engine-health'), fields: 'retry-after: 2\r\n' };
  if (native === undefined) {
    const reads = x.head.method === 'GET' || x.head.method === 'HEAD';
    // The effect of an unlisted endpoint is unknown, so every call that may change something counts.
    return { counts: !reads, scan: undefined };
  }
  if (native.model === 'none') return undefined;
  const standard = standardRouteOf(native);
  // If the endpoint is one of flm's own routes, the body is scanned and errors have the same form as on that route.
  if (standard !== undefined) x.dialect = standard.dialect;
  return { counts: generates(native), scan: { model: 'json', scan: standard?.scan ?? nativeScan } };
}

/** A model in the body must be a model of the engine that the key may use. A limited key must name a model. */
function resolveModel(
  x: Exchange,
  route: Route,
  key: KeyView,
  { candidate }: NativeCall,
  rule: NativeRule,
  target: string,
  directory: EngineDirectory,
  read: ReadBody | undefined,
): Resolved {
  assert(read?.facts !== undefined, 'the body was scanned');
  const { facts } = read;
  const named = namedModel(facts);
  if (typeof named === 'object') return named;
  const found = modelOf(key, candidate.engine.ref.id, named, directory);
  if (found !== undefined && 'code' in found) return found;
  const denial = denyHazard(key, candidate.engine.kind, rule.route ?? 'engine.native', facts, found?.model);
  if (denial !== undefined) return denial;
  // Metrics have a series for each model, so a name that the client invented is not recorded.
  x.outcome.model = found?.model.id;
  x.outcome.choices = choicesIn(facts);
  const body = found === undefined ? read.parts : nameModel(read.parts, facts, found.upstreamName, 'json');
  const length = body === read.parts ? read.length : body.reduce((sum, part) => sum + part.length, 0);
  const standard = standardRouteOf(rule);
  return {
    candidates: candidatesOf([found === undefined ? candidate : { ...candidate, model: found.model }]),
    request: {
      ...lookUpRequest(x, standard ?? route, target, true),
      ...bodyOf({ ...read, parts: body, length }),
      streamed: facts.stream ?? standard?.streamsByDefault ?? false,
      generates: generates(rule),
      writesText: rule.writesText,
    },
  };
}

function bodyOf(read: ReadBody | undefined) {
  assert(read !== undefined, 'the plan has a body');
  return { contentType: read.contentType, body: read.parts, bodyLength: read.length };
}

function generates(rule: NativeRule): boolean {
  return rule.scope === 'inference' && !(rule.route !== undefined && lookUps.has(rule.route));
}

/**
 * Returns the model for the name, read as the engine reads it: a rule that was checked against another reading could be
 * bypassed. Undefined if the request names none, or if an administrator names a model that the engine does not list.
 */
function modelOf(
  key: KeyView,
  engineId: string,
  named: string | undefined,
  directory: EngineDirectory,
): Extract<ModelOnEngine, { kind: 'found' }> | Refusal | undefined {
  const denied: Refusal = { code: 'MODEL_DENIED', rule: rule('key-models', { key: key.id }) };
  if (named === undefined || named === '') return key.anyModel ? undefined : denied;
  const found = directory.modelOn(engineId, named, key);
  if (found.kind === 'found') return found;
  if (found.kind === 'unknown' && key.scopes.has('engine:admin')) return undefined;
  return found.kind === 'denied' ? denied : unknownModel(named, found.near, rule('engine-models'));
}

const standardRoutes: ReadonlyMap<RouteId, Route> = new Map(routes.map((row) => [row.id, row]));

/** Returns flm's own route for the same endpoint; undefined if there is none. */
function standardRouteOf(rule: NativeRule): Route | undefined {
  return rule.route === undefined ? undefined : standardRoutes.get(rule.route);
}
