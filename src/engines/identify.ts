/**
 * Identifies the kind of a server. Each kind of engine declares which paths it reads and how it recognises its servers.
 * Responses are judged by their bodies, because LM Studio answers 200 to every path and several servers imitate Ollama
 * or KoboldCpp.
 *
 * `/health` is requested first and separately: a closed port costs one attempt. A proxy of flm is recognised there and
 * gets no further requests, because it would count them as failed logins. Then all other paths are requested at once.
 * No request generates text.
 */
import type { EngineAddress } from '../core/engine/engine.ts';
import type { Answers, EngineKind } from '../core/engine/engine-kind.ts';
import { keyField } from '../core/engine/engine-kind.ts';
import { objectOf, objectsIn } from '../core/engine/json-reading.ts';
import { type EngineKindName, type EngineKinds, engineKinds } from '../core/engine/kinds.ts';
import type { ProbeAnswer, ProbeFault } from '../core/engine/probe.ts';
import { maxEngineResponseBytes } from '../core/engine/read-response.ts';
import { fault, type ProbeLine, probeRequest } from './probe-request.ts';

export interface Identified<Name extends string = EngineKindName> {
  readonly answered: true;
  readonly kind: Name;
  /** The name of the server software, for people. */
  readonly product: string;
  readonly version?: string;
}

/** `flm`: the server is a proxy of flm itself. */
export type NotIdentified = ProbeFault & { readonly flm?: true };

export interface IdentifyRequest {
  readonly to: EngineAddress;
  readonly apiKey?: string;
  readonly limitMs: number;
}

/** Descriptions of engines are a line or a page long. A dozen responses may arrive at once. */
const maxSignBytes = 64 * 1024;

export function identify(
  line: ProbeLine,
  request: IdentifyRequest,
  signal: AbortSignal,
): Promise<Identified | NotIdentified> {
  return identifyAmong(engineKinds, line, request, signal);
}

/** Like `identify`, with the caller's list of kinds. */
export async function identifyAmong<Name extends string>(
  kinds: EngineKinds<Name>,
  line: ProbeLine,
  request: IdentifyRequest,
  signal: AbortSignal,
): Promise<Identified<Name> | NotIdentified> {
  const field = keyField('authorization', request.apiKey);
  const get = (path: string, maxBytes = maxSignBytes): Promise<ProbeAnswer | ProbeFault> =>
    probeRequest(line, { to: request.to, path, field, limitMs: request.limitMs, maxBytes }, signal);
  const health = await get('/health');
  if (!health.answered) return health;
  if (isFlm(health)) return { ...fault('wrong', 'is a proxy of flm itself'), flm: true };
  const asked = new Map<string, Promise<ProbeAnswer | ProbeFault>>([
    ['/health', Promise.resolve(health)],
    ['/v1/models', get('/v1/models', maxEngineResponseBytes)],
  ]);
  for (const { path, maxBytes } of kinds.flatMap((kind) => kind.detection?.asks ?? [])) {
    if (!asked.has(path)) asked.set(path, get(path, maxBytes));
  }
  const answered = new Map<string, ProbeAnswer | ProbeFault>();
  for (const [path, answer] of asked) answered.set(path, await answer);
  return judge(kinds, answersOf(answered));
}

function answersOf(answered: ReadonlyMap<string, ProbeAnswer | ProbeFault>): Answers {
  const answer = (path: string): ProbeAnswer | ProbeFault =>
    answered.get(path) ?? fault('wrong', 'was not asked for it');
  const json = (path: string) => {
    const given = answer(path);
    return given.answered && given.status === 200 ? objectOf(given.json) : undefined;
  };
  return { answer, json, models: objectsIn(json('/v1/models'), 'data') };
}

function judge<Name extends string>(
  kinds: EngineKinds<Name>,
  answers: Answers,
): Identified<Name> | NotIdentified {
  const matches = kinds.flatMap((kind) => {
    const recognised = kind.detection?.recognise(answers);
    return recognised === undefined ? [] : [{ kind, version: recognised.version }];
  });
  const imitated = new Set(matches.flatMap(({ kind }) => kind.detection?.imitates ?? []));
  const own = matches.filter(({ kind }) => !imitated.has(kind.name));
  const match = own.find(({ kind }) => kind.detection?.generic !== true) ?? own[0];
  if (match === undefined) return notIdentified(answers.answer('/v1/models'));
  return found(match.kind, match.version);
}

/** Recognises flm's own `/health` and the request id that flm sends with every response. */
function isFlm(answer: ProbeAnswer): boolean {
  const status = objectOf(answer.json)?.status;
  return (status === 'up' || status === 'draining') && answer.field('x-request-id') !== undefined;
}

function notIdentified(models: ProbeAnswer | ProbeFault): NotIdentified {
  if (!models.answered) return models;
  // Only if the response looks like an API: the web page of a router also asks for a password.
  const api = objectOf(models.json) !== undefined;
  if (api && (models.status === 401 || models.status === 403))
    return fault('unauthorised', 'asks for an API key');
  return fault('wrong', 'answers, but not like an LLM engine');
}

function found<Name extends string>(kind: EngineKind<Name>, version: string | undefined): Identified<Name> {
  return {
    answered: true,
    kind: kind.name,
    product: kind.title,
    ...(version === undefined ? {} : { version }),
  };
}
