/**
 * LM Studio: its API, what of it is harmless, and how it is asked.
 *
 * Not on the list: /api/v1/models/{load,unload,download} and /api/v1/chat, which may run MCP tools. Inside harmless
 * routes: `ttl` decides when a model is unloaded, MCP tools run programs, `draft_model` names a second model. Naming a
 * model that is not loaded loads it: that is how LM Studio is used. It answers 200 to paths that it does not know.
 */
import type { EngineKind, EngineModel, Hazard, NativeRule, ProbeResult } from '../core/engine/engine.ts';
import type { BodyFacts, RouteId } from '../core/engine/routes.ts';
import { firstValueOf } from '../core/engine/watched-fields.ts';
import { countOf, modelIdOf, objectOf, objectsIn } from './json-reading.ts';
import { mcpHazard } from './mcp-tools.ts';
import { type Asking, type IdentifiedKind, notAList, running } from './probe.ts';

const serves: readonly RouteId[] = [
  'models.list',
  'models.get',
  'chat.completions',
  'completions',
  'embeddings',
  'responses.create',
  'messages',
];

const read = { scope: 'engine:read', model: 'none' } as const;
const infer = { method: 'POST', scope: 'inference', model: 'json' } as const;

const native: readonly NativeRule[] = [
  { ...read, method: 'GET', path: '/v1/models' },
  { ...read, method: 'GET', path: '/api/v0/models' },
  { ...read, method: 'GET', path: '/api/v0/models/{id}' },
  { ...read, method: 'GET', path: '/api/v1/models' },
  { ...read, method: 'GET', path: '/api/v1/models/download/status/{id}' },
  { ...infer, path: '/v1/chat/completions', route: 'chat.completions' },
  { ...infer, path: '/v1/completions', route: 'completions' },
  { ...infer, path: '/v1/embeddings', route: 'embeddings' },
  { ...infer, path: '/v1/responses', route: 'responses.create' },
  { ...infer, path: '/v1/messages', route: 'messages' },
  { ...infer, path: '/api/v0/chat/completions', route: 'chat.completions' },
  { ...infer, path: '/api/v0/completions', route: 'completions' },
  { ...infer, path: '/api/v0/embeddings', route: 'embeddings' },
];

const kind: EngineKind = {
  name: 'lmstudio',
  title: 'LM Studio',
  serves: new Set(serves),
  native,
  keyField: 'authorization',
  usageOnRequest: new Set(['chat.completions', 'completions']),
  furtherModels: ['draft_model'],
  hazard,
};

function hazard(_route: RouteId, facts: BodyFacts): Hazard | undefined {
  const mcp = mcpHazard(facts);
  if (mcp !== undefined) return mcp;
  return firstValueOf(facts, 'ttl') === undefined ? undefined : { does: 'change when the model is unloaded' };
}

async function probe(asking: Asking): Promise<ProbeResult> {
  const rich = await asking.get('/api/v0/models');
  // Its own list says what is loaded, and with which context.
  const own = rich.answered
    ? objectsIn(rich.json, 'data')?.filter((m) => typeof m.state === 'string')
    : undefined;
  if (rich.answered && own !== undefined && (own.length > 0 || isEmptyList(rich.json))) {
    return running(rich, own.flatMap(ownModel));
  }
  if (!rich.answered || rich.status === 401) return notAList(rich, 'LM Studio');
  // Before 0.3.6 there was only OpenAI's; whose it is the greeting tells.
  const [greeting, plain] = await Promise.all([asking.get('/lmstudio-greeting'), asking.get('/v1/models')]);
  const greets = greeting.answered && objectOf(greeting.json)?.lmstudio === true;
  const listed = plain.answered && greets ? objectsIn(plain.json, 'data') : undefined;
  if (!plain.answered || listed === undefined) return notAList(plain, 'LM Studio');
  return running(
    plain,
    listed.flatMap((item): EngineModel[] => {
      const id = modelIdOf(item.id);
      return id === undefined ? [] : [{ id }];
    }),
  );
}

function isEmptyList(json: unknown): boolean {
  return objectsIn(json, 'data')?.length === 0;
}

function ownModel(item: Readonly<Record<string, unknown>>): EngineModel[] {
  const id = modelIdOf(item.id);
  if (id === undefined) return [];
  const loaded = item.state === 'loaded';
  const contextLength = loaded ? countOf(item.loaded_context_length) : undefined;
  return [{ id, loaded, ...(contextLength === undefined ? {} : { contextLength }) }];
}

export const lmstudio: IdentifiedKind = { kind, probe };
