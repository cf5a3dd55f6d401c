/**
 * `/engine/{id}/*`: an engine's own API. What its kind lists as harmless needs the scope that the list says; everything
 * else needs `engine:admin`. The key's model rules hold here too, by the same scanner.
 */
import type { Candidate, EngineDirectory } from '../../core/engine/directory.ts';
import type { EngineModel, NativeRule } from '../../core/engine/engine.ts';
import type { BodyFacts, RouteId } from '../../core/engine/routes.ts';
import { type Denial, denyHazard, denyRoute } from '../../core/security/access.ts';
import type { KeyView } from '../../core/security/api-key.ts';
import { type AttemptNeeds, attempt, readingOrder } from '../attempt.ts';
import { readRawBody, readRequestBody } from '../body/request-body.ts';
import type { Exchange } from '../exchange.ts';
import type { Handler } from '../line.ts';
import { passingQuery } from '../query.ts';
import { refuse } from '../refuse.ts';
import { type Route, routes } from '../routes.ts';

export interface EngineApiNeeds extends AttemptNeeds {
  readonly directory: EngineDirectory;
}

/**
 * Characters that need no escape in a path, and no dot segment: what an engine's API is made of. No second reading is
 * possible, and none leaves the prefix of the engine's address.
 */
const plainPath = /^(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~:@+-]+(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~:@+-]+)*$/;

export function makeEngineApi(needs: EngineApiNeeds): Handler {
  return (x) => {
    const { route, key } = x;
    if (route === undefined || key === undefined) return;
    const [id = '', rest = ''] = x.params;
    const candidate = needs.directory.engine(id);
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
    if (rule === undefined) return asAdministrator(x, route, key, candidate, target, needs);
    if (rule.model === 'none') {
      const withQuery = target + passingQuery(x.query, rule.query ?? []);
      return attempt(x, key, readingOrder(x, route, withQuery, true), [candidate], needs);
    }
    withModel(x, route, key, candidate, rule, target, needs);
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
 * A body that names a model is held to the model rules of the key; one that names none is refused to a limited key. Where
 * the endpoint is one of the front's, it is read, judged and relayed as there.
 */
function withModel(
  x: Exchange,
  route: Route,
  key: KeyView,
  candidate: Candidate,
  rule: NativeRule,
  target: string,
  needs: EngineApiNeeds,
): void {
  const front = rule.route === undefined ? undefined : frontRoutes.get(rule.route);
  if (front !== undefined) x.dialect = front.dialect;
  const scan = front?.scan ?? nativeScan;
  readRequestBody(x, { ...route, model: 'json', scan }, (facts, body, length, contentType) => {
    x.facts = facts;
    const model = knownModel(needs.directory, candidate, facts.model);
    const denial =
      denyModel(key, facts) ??
      denyHazard(key, candidate.engine.kind, rule.route ?? 'engine.native', facts, model);
    if (denial !== undefined) return refuse(x, denial);
    // Metrics have a series for each model: a name of the client's own making is none.
    x.outcome.model = model?.id;
    const order = {
      ...readingOrder(x, front ?? route, target + passingQuery(x.query, rule.query ?? []), true),
      contentType,
      body,
      bodyLength: length,
      streamed: facts.stream ?? front?.streamsByDefault ?? false,
      generates: rule.scope === 'inference',
    };
    attempt(x, key, order, [candidate], needs);
  });
}

const frontRoutes: ReadonlyMap<RouteId, Route> = new Map(routes.map((row) => [row.id, row]));

/** What the catalogue knows of a model on one engine; on an Ollama a name without a tag has the tag `latest`. */
function knownModel(
  directory: EngineDirectory,
  candidate: Candidate,
  name: string | undefined,
): EngineModel | undefined {
  if (name === undefined) return undefined;
  const models = directory.engines().find((e) => e.ref.id === candidate.engine.ref.id)?.models;
  return models?.find((m) => m.id === name) ?? models?.find((m) => m.id === `${name}:latest`);
}

/** Of an endpoint that only its engine has: everything that a hazard of any kind looks at. */
const nativeScan = [
  'name',
  'keep_alive',
  'options',
  'options.num_ctx',
  'prompt',
  'messages',
  'input',
  'tools[].type',
  'integrations',
  'ttl',
];

function denyModel(key: KeyView, facts: BodyFacts): Denial | undefined {
  if (key.anyModel) return undefined;
  if (facts.model !== undefined && !facts.values.has('name') && key.mayUseModel(facts.model))
    return undefined;
  return { code: 'MODEL_DENIED', params: {}, rule: `the models of key ${key.id}` };
}

/** With `engine:admin` everything passes, query and all. */
function asAdministrator(
  x: Exchange,
  route: Route,
  key: KeyView,
  candidate: Candidate,
  target: string,
  needs: EngineApiNeeds,
): void {
  const query = x.query === '' ? '' : `?${x.query}`;
  readRawBody(x, (body, length) => {
    const contentType = x.head.fields.get('content-type');
    const order = {
      ...readingOrder(x, route, target + query, true),
      contentType,
      body,
      bodyLength: length,
    };
    attempt(x, key, order, [candidate], needs);
  });
}
