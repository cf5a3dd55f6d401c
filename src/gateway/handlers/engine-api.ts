/**
 * `/engine/{id}/*`: an engine's own API. What its kind lists as harmless needs the scope that the list says; everything
 * else needs `engine:admin`. The key's model rules hold here too, by the same scanner.
 */
import type { Candidate, EngineDirectory, ModelOnEngine } from '../../core/engine/directory.ts';
import type { NativeRule } from '../../core/engine/engine.ts';
import type { RouteId } from '../../core/engine/routes.ts';
import { denyHazard, denyRoute } from '../../core/security/access.ts';
import type { KeyView } from '../../core/security/api-key.ts';
import { type AttemptDeps, attempt, lookUpRequest } from '../attempt.ts';
import { nameModel } from '../body/model-edit.ts';
import { namedModel } from '../body/named-model.ts';
import { readRawBody, readRequestBody } from '../body/request-body.ts';
import type { Exchange, Refusal } from '../exchange.ts';
import type { Handler } from '../line.ts';
import { passingQuery } from '../query.ts';
import { refuse } from '../refuse.ts';
import { nativeScan, type Route, routes } from '../routes.ts';
import { takeRequest } from '../take-share.ts';
import { choicesIn, lookUps, unknownModel } from './inference.ts';

export interface EngineApiDeps extends AttemptDeps {
  readonly directory: EngineDirectory;
}

/**
 * Characters that need no escape in a path, and no dot segment: what an engine's API is made of. No second reading is
 * possible, and none leaves the prefix of the engine's address.
 */
const plainPath = /^(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~:@+-]+(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~:@+-]+)*$/;

export function makeEngineApi(deps: EngineApiDeps): Handler {
  return (x) => {
    const { route, key } = x;
    if (route === undefined || key === undefined) return;
    const [id = '', rest = ''] = x.params;
    const candidate = deps.directory.engine(id);
    if (candidate === undefined || !key.mayUseEngine(id))
      return refuse(x, { code: 'ENGINE_UNKNOWN', rule: 'the engines of the key' });
    if (!plainPath.test(rest)) return refuse(x, { code: 'ROUTE_UNKNOWN', rule: 'the form of engine paths' });
    const rule = nativeRule(candidate, x.head.method, `/${rest}`);
    const denial = denyRoute(key, route.id, rule?.scope ?? 'engine:admin');
    if (denial !== undefined) return refuse(x, denial);
    if (candidate.state === 'down' || candidate.state === 'installed') {
      return refuse(x, { code: 'ENGINE_DOWN', rule: 'engine health', fields: ['retry-after', '2'] });
    }
    const target = `/${rest}`;
    if (rule === undefined) return asAdministrator(x, route, key, candidate, target, deps);
    if (rule.model === 'none') {
      const withQuery = target + passingQuery(x.query, rule.query ?? []);
      return attempt(x, key, lookUpRequest(x, route, withQuery, true), [candidate], deps);
    }
    withModel(x, route, key, candidate, rule, target, deps);
  };
}

function nativeRule(candidate: Candidate, method: string, path: string): NativeRule | undefined {
  const asked = method === 'HEAD' ? 'GET' : method;
  return candidate.engine.kind.native.find((rule) => rule.method === asked && matches(rule.path, path));
}

function matches(pattern: string, path: string): boolean {
  if (!pattern.endsWith('/{id}')) return pattern === path;
  const prefix = pattern.slice(0, -'{id}'.length);
  return path.startsWith(prefix) && path.length > prefix.length && !path.slice(prefix.length).includes('/');
}

/**
 * A body that names a model is held to the list of the engine and to the model rules of the key; one that names none is
 * refused to a limited key. Where the endpoint is one of the front's, it is read, judged and relayed as there.
 */
function withModel(
  x: Exchange,
  route: Route,
  key: KeyView,
  candidate: Candidate,
  rule: NativeRule,
  target: string,
  deps: EngineApiDeps,
): void {
  const front = rule.route === undefined ? undefined : frontRoutes.get(rule.route);
  if (front !== undefined) x.dialect = front.dialect;
  const scan = front?.scan ?? nativeScan;
  const generates = rule.scope === 'inference' && !(rule.route !== undefined && lookUps.has(rule.route));
  const refusal = generates ? takeRequest(x, key, deps.holdings) : undefined;
  if (refusal !== undefined) return refuse(x, refusal);
  readRequestBody(x, { ...route, model: 'json', scan }, (facts, read, readLength, contentType) => {
    x.facts = facts;
    const named = namedModel(facts);
    if (typeof named === 'object') return refuse(x, named);
    const found = modelOf(x, key, candidate, named, deps);
    if (found === 'refused') return;
    const denial = denyHazard(key, candidate.engine.kind, rule.route ?? 'engine.native', facts, found?.model);
    if (denial !== undefined) return refuse(x, denial);
    // Metrics have a series for each model: a name of the client's own making is none.
    x.outcome.model = found?.model.id;
    const body = found === undefined ? read : nameModel(read, facts, found.upstreamName, 'json');
    const bodyLength = body === read ? readLength : body.reduce((sum, part) => sum + part.length, 0);
    const order = {
      ...lookUpRequest(x, front ?? route, target + passingQuery(x.query, rule.query ?? []), true),
      contentType,
      body,
      bodyLength,
      streamed: facts.stream ?? front?.streamsByDefault ?? false,
      generates,
      writesText: rule.writesText,
    };
    x.outcome.choices = choicesIn(facts);
    attempt(x, key, order, [found === undefined ? candidate : { ...candidate, model: found.model }], deps);
  });
}

/**
 * The model as the engine itself reads the name: a rule that was held against another reading would be none. Undefined
 * where the request names none, and for an administrator who names one that the engine does not list.
 */
function modelOf(
  x: Exchange,
  key: KeyView,
  candidate: Candidate,
  named: string | undefined,
  deps: EngineApiDeps,
): Extract<ModelOnEngine, { kind: 'found' }> | undefined | 'refused' {
  const denied: Refusal = { code: 'MODEL_DENIED', rule: `the models of key ${key.id}` };
  if (named === undefined || named === '') {
    if (key.anyModel) return undefined;
    refuse(x, denied);
    return 'refused';
  }
  const found = deps.directory.modelOn(candidate.engine.ref.id, named, key);
  if (found.kind === 'found') return found;
  if (found.kind === 'unknown' && key.scopes.has('engine:admin')) return undefined;
  refuse(x, found.kind === 'denied' ? denied : unknownModel(named, found.near, 'the models of the engine'));
  return 'refused';
}

const frontRoutes: ReadonlyMap<RouteId, Route> = new Map(routes.map((row) => [row.id, row]));

/** With `engine:admin` everything passes, query and all. */
function asAdministrator(
  x: Exchange,
  route: Route,
  key: KeyView,
  candidate: Candidate,
  target: string,
  deps: EngineApiDeps,
): void {
  const query = x.query === '' ? '' : `?${x.query}`;
  const reads = x.head.method === 'GET' || x.head.method === 'HEAD';
  // What an unlisted endpoint does is unknown, so whatever is sent to one counts.
  const refusal = reads ? undefined : takeRequest(x, key, deps.holdings);
  if (refusal !== undefined) return refuse(x, refusal);
  readRawBody(x, (body, length) => {
    const contentType = x.head.fields.get('content-type');
    const order = {
      ...lookUpRequest(x, route, target + query, true),
      contentType,
      body,
      bodyLength: length,
    };
    attempt(x, key, order, [candidate], deps);
  });
}
