/**
 * Requests that engines answer: the body is read whole, the model found in it, the key's rules asked, an engine chosen.
 */
import type { Candidate, EngineDirectory, Resolution } from '../../core/engine/directory.ts';
import type { BodyFacts, RouteId } from '../../core/engine/routes.ts';
import { type Denial, denyHazard, denyRoute } from '../../core/security/access.ts';
import type { KeyView } from '../../core/security/api-key.ts';
import { type AttemptDeps, attempt, lookUpRequest, type UpstreamRequest } from '../attempt.ts';
import { insertField, nameModel } from '../body/model-edit.ts';
import { namedModel } from '../body/named-model.ts';
import { readRequestBody } from '../body/request-body.ts';
import type { Exchange, Refusal } from '../exchange.ts';
import type { Handler } from '../line.ts';
import { passingQuery } from '../query.ts';
import { refuse } from '../refuse.ts';
import type { Route } from '../routes.ts';
import { takeRequest } from '../take-share.ts';

export interface InferenceDeps extends AttemptDeps {
  readonly directory: EngineDirectory;
}

/** Routes with a body that count or look up, and generate nothing. */
export const lookUps: ReadonlySet<RouteId> = new Set([
  'messages.count-tokens',
  'responses.input-tokens',
  'ollama.show',
]);

const maxChoices = 128;

/** Ids that engines make for stored answers. */
const storedId = /^[A-Za-z0-9_-]{1,256}$/;

export function makeInference(deps: InferenceDeps): Handler {
  return (x) => {
    const { route, key } = x;
    // Set by the router and by auth; a route with a handler of this kind is never keyless.
    if (route === undefined || key === undefined) return;
    const denial = denyRoute(key, route.id, route.scope);
    if (denial !== undefined) return refuse(x, denial);
    if (route.model === 'none') return withoutBody(x, route, key, deps);
    const refusal = lookUps.has(route.id) ? undefined : takeRequest(x, key, deps.holdings);
    if (refusal !== undefined) return refuse(x, refusal);
    readRequestBody(x, route, (facts, body, length, contentType) => {
      x.facts = facts;
      withBody(x, route, key, deps, { facts, body, length, contentType });
    });
  };
}

interface ReadBody {
  readonly facts: BodyFacts;
  readonly body: readonly Buffer[];
  readonly length: number;
  readonly contentType: string;
}

function withBody(x: Exchange, route: Route, key: KeyView, deps: InferenceDeps, read: ReadBody): void {
  const { facts } = read;
  const named = namedModel(facts);
  if (typeof named === 'object') return refuse(x, named);
  const found = find(x, named, route, key, deps);
  if (found === undefined) return;
  // What a request would do beyond answering depends on the kind of engine; those of which the key may not are out.
  let denial: Denial | undefined;
  const candidates = found.candidates.filter((c) => {
    const denied = denyHazard(key, c.engine.kind, route.id, facts, c.model);
    denial ??= denied;
    return denied === undefined;
  });
  if (candidates.length === 0 && denial !== undefined) return refuse(x, denial);

  let { length } = read;
  let body = nameModel(read.body, facts, found.upstreamName, route.model);
  const usageAdded = asksForUsage(key, route, facts, candidates);
  if (usageAdded && facts.fieldPlace !== undefined)
    body = insertField(body, '"stream_options":{"include_usage":true}', facts.fieldPlace);
  if (body !== read.body) length = body.reduce((sum, part) => sum + part.length, 0);
  x.outcome.choices = choicesIn(facts);
  const order: UpstreamRequest = {
    route,
    method: x.head.method,
    target: route.upstream + passingQuery(x.query, route.query),
    contentType: read.contentType,
    body,
    bodyLength: length,
    streamed: facts.stream ?? route.streamsByDefault,
    bound: (facts.values.get('previous_response_id')?.[0] ?? 'null') !== 'null',
    generates: !lookUps.has(route.id),
    usageAdded,
  };
  attempt(x, key, order, candidates, deps);
}

/** `n` of OpenAI's routes; an engine that refuses the number refuses the request. */
export function choicesIn(facts: BodyFacts): number {
  const n = Number(facts.values.get('n')?.[0] ?? 1);
  return n >= 1 && n <= maxChoices ? n : 1;
}

/** Only where tokens must be counted, the client did not speak of it, and every engine that may answer can do it unseen. */
function asksForUsage(
  key: KeyView,
  route: Route,
  facts: BodyFacts,
  candidates: readonly Candidate[],
): boolean {
  const { tokensPerMinute, tokensPerDay } = key.limits;
  if (tokensPerMinute === null && tokensPerDay === null) return false;
  return (
    facts.stream === true &&
    !facts.values.has('stream_options') &&
    candidates.every((c) => c.engine.kind.usageOnRequest.has(route.id))
  );
}

/** Reads and deletions: no model is named, so a key that may not use every model may not use these. */
function withoutBody(x: Exchange, route: Route, key: KeyView, deps: InferenceDeps): void {
  if (route.dialect === 'responses' && !key.anyModel)
    return refuse(x, { code: 'MODEL_DENIED', rule: `the models of key ${key.id}` });
  const id = x.params[0];
  if (id !== undefined && !storedId.test(id))
    return refuse(x, { code: 'REQUEST_UNKNOWN', rule: 'the form of ids' });
  const candidates = speakers(route, key, deps.directory);
  if (candidates.length === 0) {
    return refuse(x, {
      code: 'ROUTE_UNSUPPORTED',
      params: { route: route.pattern, engines: 'no engine that runs speaks it' },
      rule: 'the kinds of engines',
    });
  }
  const target =
    route.upstream.replace('{id}', encodeURIComponent(id ?? '')) + passingQuery(x.query, route.query);
  attempt(x, key, lookUpRequest(x, route, target, id !== undefined), candidates, deps);
}

/** Running engines that speak a route and that the key may use. */
export function speakers(route: Route, key: KeyView, directory: EngineDirectory): readonly Candidate[] {
  const found: Candidate[] = [];
  for (const status of directory.engines()) {
    if (status.state !== 'running' && status.state !== 'degraded') continue;
    const candidate = directory.engine(status.ref.id);
    if (candidate?.engine.kind.serves.has(route.id) && key.mayUseEngine(status.ref.id)) found.push(candidate);
  }
  return found;
}

/** The engines for a model, or undefined after a refusal. */
function find(
  x: Exchange,
  name: string | undefined,
  route: Route,
  key: KeyView,
  deps: InferenceDeps,
): Extract<Resolution, { kind: 'found' }> | undefined {
  const resolution = deps.directory.resolve(name, route.id, key);
  if (resolution.kind === 'found') {
    x.outcome.model = resolution.name;
    return resolution;
  }
  refuse(x, refusalOf(resolution, name, route));
  return undefined;
}

export function refusalOf(
  resolution: Exclude<Resolution, { kind: 'found' }>,
  name: string | undefined,
  route: Route,
): Refusal {
  switch (resolution.kind) {
    case 'unknown':
      return unknownModel(name ?? '', resolution.near, 'the catalogue');
    case 'unnamed':
      return {
        code: 'MODEL_REQUIRED',
        params: { models: resolution.visible.slice(0, 20).join(', ') || 'none is visible' },
        rule: 'the catalogue',
      };
    case 'denied':
      return { code: 'MODEL_DENIED', rule: 'the models of the key' };
    case 'down':
      return {
        code: 'ENGINE_DOWN',
        rule: 'engine health',
        fields: ['retry-after', String(resolution.retryAfterSeconds)],
      };
    case 'unsupported': {
      const engines =
        resolution.speakers.length === 0
          ? 'no engine here does'
          : `these do: ${resolution.speakers.join(', ')}`;
      return {
        code: 'ROUTE_UNSUPPORTED',
        params: { route: route.pattern, engines },
        rule: 'the kinds of engines',
      };
    }
    case 'none':
      return { code: 'ENGINE_NONE', rule: 'no engine', fields: ['retry-after', '5'] };
    default:
      return resolution satisfies never;
  }
}

export function unknownModel(name: string, near: readonly string[], rule: string): Refusal {
  const names = near.length === 0 ? '' : `; near it: ${near.join(', ')}`;
  return { code: 'MODEL_UNKNOWN', params: { model: shown(name), near: names }, rule };
}

/** A client's word in an error: short, one line. */
function shown(name: string): string {
  const clean = name.replaceAll(/[\p{C}\p{Z}]+/gu, ' ');
  return clean.length > 100 ? `${clean.slice(0, 97)}...` : clean;
}
