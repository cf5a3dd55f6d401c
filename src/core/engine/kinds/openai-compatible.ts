/**
 * Any server that speaks OpenAI's API and is of no other kind: text-generation-webui, LiteLLM, OpenRouter.
 *
 * Nobody knows beforehand what such a server answers. Therefore every route of OpenAI's API passes, and the engine
 * refuses what it does not have. Nothing of its own API is harmless until somebody has read it: the list holds /v1
 * alone.
 */
import { defineKind, infersOpenai, reads } from '../engine-kind.ts';
import { probeOpenaiList, readOpenaiList } from '../openai-list.ts';
import { type RouteId, routeIds } from '../routes.ts';
import { mcpFields, mcpHazard } from '../shared-hazards.ts';

const routesOfFlm: ReadonlySet<RouteId> = new Set(['engine.native', 'root', 'health', 'ready', 'metrics']);

export const openaiCompatible = defineKind({
  name: 'openai-compatible',
  title: 'OpenAI-compatible',
  tried: true,
  sharedIdStem: 'openai',
  detection: {
    // text-generation-webui. Not 3000: far more web servers under development listen there.
    ports: [5000],
    asks: [],
    generic: true,
    recognise: ({ json }) => (readOpenaiList(json('/v1/models')) === undefined ? undefined : {}),
  },
  serves: new Set(routeIds.filter((id) => !id.startsWith('ollama.') && !routesOfFlm.has(id))),
  native: [
    ...reads('/v1/models'),
    ...infersOpenai('chat.completions', 'completions', 'embeddings', 'responses.create', 'messages'),
  ],
  keyField: 'authorization',
  // A server that does not know the option may refuse it.
  usageOnRequest: new Set(),
  // Routers such as OpenRouter and LiteLLM try these where the first model fails.
  furtherModels: ['models', 'fallbacks'],
  watches: [{ fields: mcpFields }],
  hazard: (_route, facts) => mcpHazard(facts),
  probe: (client) => probeOpenaiList(client, 'an OpenAI-compatible server'),
  advice: {
    exposure: 'let the engine listen on 127.0.0.1 alone',
    context: () =>
      'Raise the context length where you start the engine, or choose another model with --model.',
    mcp: '`tools` of type `mcp`, `mcp_servers`, `metadata.mcp_servers`',
  },
});
