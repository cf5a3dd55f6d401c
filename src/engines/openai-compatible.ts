/**
 * Any server that speaks OpenAI's API and is none of the others: SGLang, TGI, LocalAI, KoboldCpp, Jan, mlx_lm,
 * text-generation-webui. What it serves nobody can know beforehand, so every route of OpenAI's passes and the engine
 * says no where it has none. Of its own API nothing is harmless until somebody has read it: the list holds /v1 alone.
 */
import type { EngineKind, EngineModel, NativeRule, ProbeResult } from '../core/engine/engine.ts';
import { type RouteId, routeIds } from '../core/engine/routes.ts';
import { countOf, type JsonObject, modelIdOf, objectOf, objectsIn, textOf } from './json-reading.ts';
import { mcpHazard } from './mcp-tools.ts';
import { type Asking, type IdentifiedKind, notAList, running } from './probe.ts';

const ownRoutes: ReadonlySet<RouteId> = new Set(['engine.native', 'root', 'health', 'ready', 'metrics']);

const infer = { method: 'POST', scope: 'inference', model: 'json' } as const;

const native: readonly NativeRule[] = [
  { method: 'GET', path: '/v1/models', scope: 'engine:read', model: 'none' },
  { ...infer, path: '/v1/chat/completions', route: 'chat.completions' },
  { ...infer, path: '/v1/completions', route: 'completions' },
  { ...infer, path: '/v1/embeddings', route: 'embeddings' },
  { ...infer, path: '/v1/responses', route: 'responses.create' },
  { ...infer, path: '/v1/messages', route: 'messages' },
];

const kind: EngineKind = {
  name: 'openai-compatible',
  title: 'OpenAI-compatible',
  serves: new Set(routeIds.filter((id) => !id.startsWith('ollama.') && !ownRoutes.has(id))),
  native,
  keyField: 'authorization',
  // One that does not know the option may refuse it.
  usageOnRequest: new Set(),
  // Routers such as OpenRouter and LiteLLM go on to these where the first model fails.
  furtherModels: ['models', 'fallbacks'],
  hazard: (_route, facts) => mcpHazard(facts),
};

async function probe(asking: Asking): Promise<ProbeResult> {
  const list = await asking.get('/v1/models');
  const models = list.answered ? readOpenaiList(list.json) : undefined;
  if (!list.answered || models === undefined) return notAList(list, 'an OpenAI-compatible server');
  return running(list, models);
}

/** The models of an OpenAI list; undefined where it is none. Many servers say `created: now`, so it tells nothing. */
export function readOpenaiList(json: unknown): readonly EngineModel[] | undefined {
  return objectsIn(json, 'data')?.flatMap((item): EngineModel[] => {
    const id = modelIdOf(item.id);
    if (id === undefined) return [];
    const contextLength = contextOf(item);
    const ownedBy = textOf(item.owned_by);
    return [
      {
        id,
        ...(contextLength === undefined ? {} : { contextLength }),
        ...(ownedBy === undefined ? {} : { ownedBy }),
      },
    ];
  });
}

/** The names under which servers tell it. */
function contextOf(item: JsonObject): number | undefined {
  return (
    countOf(item.max_model_len) ??
    countOf(item.context_length) ??
    countOf(item.context_window) ??
    countOf(objectOf(item.meta)?.n_ctx)
  );
}

export const openaiCompatible: IdentifiedKind = { kind, probe };
