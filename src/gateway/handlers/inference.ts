/**
 * Handles requests that engines answer: finds the engines that serve the model in the body, and refuses requests that
 * the rules of the key forbid.
 */

import assert from 'node:assert/strict';
import {
  type Candidate,
  type Candidates,
  candidatesOf,
  type EngineDirectory,
  type Resolution,
} from '../../core/engine/directory.ts';
import { isSameToHazards } from '../../core/engine/engine-kind.ts';
import type { BodyFacts, RouteId } from '../../core/engine/routes.ts';
import { type RuleText, rule } from '../../core/rules.ts';
import { type Denial, denyHazard } from '../../core/security/access.ts';
import type { KeyView } from '../../core/security/api-key.ts';
import { hasBudget } from '../../core/security/token-budgets.ts';
import { insertField, nameModel } from '../body/model-edit.ts';
import { namedModel } from '../body/named-model.ts';
import type { BodyPlan, ReadBody } from '../body/request-body.ts';
import { conversationOf } from '../conversation.ts';
import type { Exchange, Refusal } from '../exchange.ts';
import { passingQuery } from '../query.ts';
import type { Resolved, RouteHandler } from '../route-handler.ts';
import { type Route, routes } from '../routes.ts';
import { lookUpRequest } from '../upstream-request.ts';

/** Routes with a body for which an engine counts or reads, but generates nothing. */
export const lookUps: ReadonlySet<RouteId> = new Set([
  'messages.count-tokens',
  'responses.input-tokens',
  'ollama.show',
]);

const maxChoices = 128;

/** Ids that engines make for stored responses. */
const storedId = /^[A-Za-z0-9_-]{1,256}$/;

/** One plan for each route, so that a request does not create its own. */
const bodyPlans: ReadonlyMap<Route, BodyPlan> = new Map(
  routes
    .filter((route) => route.handler === 'inference' && route.model !== 'none')
    .map((route) => [route, { scan: route, counts: !lookUps.has(route.id) }]),
);

export function makeInference(directory: EngineDirectory): RouteHandler {
  return {
    bodyPlan: ({ route }) => (route === undefined ? undefined : bodyPlans.get(route)),
    resolve: (x, body) => {
      const { route, key } = x;
      assert(route !== undefined && key !== undefined, 'the route needs a key');
      return body === undefined
        ? resolveWithoutBody(x, route, key, directory)
        : resolveWithBody(x, route, key, directory, body);
    },
  };
}

function resolveWithBody(
  x: Exchange,
  route: Route,
  key: KeyView,
  directory: EngineDirectory,
  read: ReadBody,
): Resolved {
  const { facts } = read;
  assert(facts !== undefined, 'the body was scanned');
  const named = namedModel(facts);
  if (typeof named === 'object') return named;
  const found = directory.resolve(named, route.id, key, () => conversationOf(x.head.fields, read));
  if (found.kind !== 'found') return refusalOf(found, named, route);
  x.outcome.model = found.name;
  const candidates = withoutHazards(found, key, route.id, facts);
  if ('code' in candidates) return candidates;

  let { length } = read;
  let body = nameModel(read.parts, facts, found.upstreamName, route.model);
  const usageAdded = asksForUsage(key, route, facts, found.samples);
  if (usageAdded && facts.fieldPlace !== undefined)
    body = insertField(body, '"stream_options":{"include_usage":true}', facts.fieldPlace);
  if (body !== read.parts) length = body.reduce((sum, part) => sum + part.length, 0);
  x.outcome.choices = choicesIn(facts);
  const previous = facts.values.get('previous_response_id')?.[0] ?? 'null';
  const isBound = previous !== 'null';
  return {
    candidates: isBound ? storedOn(previous.slice(1, -1), candidates, key, directory) : candidates,
    home: found.home,
    stored:
      route.id === 'responses.create' && candidates.all.length > 1
        ? (responseId, engine) => directory.responseHome(responseId, key).moveTo(engine)
        : undefined,
    request: {
      route,
      method: x.head.method,
      target: route.upstream + passingQuery(x.query, route.query),
      contentType: read.contentType,
      body,
      bodyLength: length,
      streamed: facts.stream ?? route.streamsByDefault,
      bound: isBound,
      generates: !lookUps.has(route.id),
      usageAdded,
    },
  };
}

/**
 * Whether a request is a hazard depends on the kind of engine. Engines on which this key may not do it are left out. If
 * none is left, returns why.
 */
function withoutHazards(
  { candidates, samples }: Extract<Resolution, { kind: 'found' }>,
  key: KeyView,
  route: RouteId,
  facts: BodyFacts,
): Candidates | Denial {
  const denialFor = ({ engine, model }: Candidate): Denial | undefined =>
    denyHazard(key, engine.kind, route, facts, model);
  const denied = samples.filter((sample) => denialFor(sample) !== undefined);
  if (denied.length === 0) return candidates;
  const kept = candidates.all.filter(
    (candidate) => !denied.some((sample) => isSameToHazards(sample, candidate)),
  );
  return kept.length > 0 ? candidatesOf(kept) : (denialFor(candidates.best) as Denial);
}

/** Only the engine that stored a response can go on with it. If that one is not known or not up, any may say so. */
function storedOn(
  responseId: string,
  candidates: Candidates,
  key: KeyView,
  directory: EngineDirectory,
): Candidates {
  const { engine } = directory.responseHome(responseId, key);
  const owner = candidates.all.find((candidate) => candidate.engine.ref.id === engine);
  return owner === undefined ? candidates : candidatesOf([owner]);
}

/** `n` of OpenAI's routes; an engine that refuses the number refuses the request. */
export function choicesIn(facts: BodyFacts): number {
  const n = Number(facts.values.get('n')?.[0] ?? 1);
  return n >= 1 && n <= maxChoices ? n : 1;
}

/** Only if tokens must be counted, the client did not ask for the usage itself, and every engine that may answer can add it. */
function asksForUsage(key: KeyView, route: Route, facts: BodyFacts, samples: readonly Candidate[]): boolean {
  return (
    hasBudget(key) &&
    facts.stream === true &&
    !facts.values.has('stream_options') &&
    samples.every((c) => c.engine.kind.usageOnRequest.has(route.id))
  );
}

/** Reads and deletions. They name no model, so a key that is limited to some models may not use stored responses. */
function resolveWithoutBody(x: Exchange, route: Route, key: KeyView, directory: EngineDirectory): Resolved {
  if (route.dialect === 'responses' && !key.anyModel)
    return { code: 'MODEL_DENIED', rule: rule('key-models', { key: key.id }) };
  const id = x.params[0];
  if (id !== undefined && !storedId.test(id)) return { code: 'REQUEST_UNKNOWN', rule: rule('stored-ids') };
  const candidates = enginesServing(route, key, directory);
  if (candidates.length === 0) {
    return {
      code: 'ROUTE_UNSUPPORTED',
      params: { route: route.pattern, engines: 'no running engine supports it' },
      rule: rule('engine-kinds'),
    };
  }
  const target =
    route.upstream.replace('{id}', encodeURIComponent(id ?? '')) + passingQuery(x.query, route.query);
  const all = candidatesOf(candidates);
  return {
    candidates: id === undefined ? all : storedOn(id, all, key, directory),
    request: lookUpRequest(x, route, target, id !== undefined),
  };
}

/** Running engines that serve a route and that the key may use. */
export function enginesServing(route: Route, key: KeyView, directory: EngineDirectory): readonly Candidate[] {
  const found: Candidate[] = [];
  for (const status of directory.engines()) {
    if (status.state !== 'running' && status.state !== 'degraded') continue;
    const candidate = directory.engine(status.ref.id);
    if (candidate?.engine.kind.serves.has(route.id) && key.mayUseEngine(status.ref.id)) found.push(candidate);
  }
  return found;
}

export function refusalOf(
  resolution: Exclude<Resolution, { kind: 'found' }>,
  name: string | undefined,
  route: Route,
): Refusal {
  switch (resolution.kind) {
    case 'unknown':
      return unknownModel(name ?? '', resolution.near, rule('catalog'));
    case 'unnamed':
      return {
        code: 'MODEL_REQUIRED',
        params: { models: resolution.visible.slice(0, 20).join(', ') || 'none is visible' },
        rule: rule('catalog'),
      };
    case 'denied':
      return { code: 'MODEL_DENIED', rule: rule('models-of-key') };
    case 'down':
      return {
        code: 'ENGINE_DOWN',
        rule: rule('engine-health'),
        fields: `retry-after: ${resolution.retryAfterSeconds}\r\n`,
      };
    case 'unsupported': {
      const engines =
        resolution.speakers.length === 0
          ? 'no engine here does'
          : `these do: ${resolution.speakers.join(', ')}`;
      return {
        code: 'ROUTE_UNSUPPORTED',
        params: { route: route.pattern, engines },
        rule: rule('engine-kinds'),
      };
    }
    case 'none':
      return { code: 'ENGINE_NONE', rule: rule('no-engine'), fields: 'retry-after: 5\r\n' };
    default:
      return resolution satisfies never;
  }
}

export function unknownModel(name: string, near: readonly string[], decidedBy: RuleText): Refusal {
  const names = near.length === 0 ? '' : `; similar: ${near.join(', ')}`;
  return { code: 'MODEL_UNKNOWN', params: { model: shown(name), near: names }, rule: decidedBy };
}

/** Makes a name from the client safe for an error text: short, on one line. */
function shown(name: string): string {
  const clean = name.replaceAll(/[\p{C}\p{Z}]+/gu, ' ');
  return clean.length > 100 ? `${clean.slice(0, 97)}...` : clean;
}
