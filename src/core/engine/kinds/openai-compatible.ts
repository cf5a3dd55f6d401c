/**
 * Any server with OpenAI's API that is of no other kind: text-generation-webui, LiteLLM, OpenRouter.
 *
 * The routes of such a server are unknown. Therefore every route of OpenAI's API is allowed, and the engine refuses
 * those that it does not have. Nobody has reviewed its own API, so the allow-list holds only /v1.
 */
import { defineKind, infersOpenai, reads } from '../engine-kind.ts';
import { probeOpenaiList, readOpenaiList } from '../openai-list.ts';
import { engineRouteIds } from '../routes.ts';
import { mcpFields, mcpHazard } from '../shared-hazards.ts';

export const openaiCompatible = defineKind({
  name: 'openai-compatible',
  title: 'OpenAI-compatible',
  tried: true,
  sharedIdStem: 'openai',
  detection: {
    // text-generation-webui. Not 3000: many web servers under development use that port.
    ports: [5000],
    asks: [],
    generic: true,
    recognise: ({ json }) => (readOpenaiList(json('/v1/models')) === undefined ? undefined : {}),
  },
  serves: new Set(engineRouteIds.filter((id) => !id.startsWith('ollama.'))),
  native: [
    ...reads('/v1/models'),
    ...infersOpenai('chat.completions', 'completions', 'embeddings', 'responses.create', 'messages'),
  ],
  keyField: 'authorization',
  // A server that does not know the option may refuse it.
  usageOnRequest: new Set(),
  // Routers such as OpenRouter and LiteLLM try these models if the first one fails.
  furtherModels: ['models', 'fallbacks'],
  watches: [{ fields: mcpFields }],
  hazard: (_route, facts) => mcpHazard(facts),
  probe: (client) => probeOpenaiList(client, 'an OpenAI-compatible server'),
  advice: {
    exposure: 'make the engine listen only on 127.0.0.1',
    context: () =>
      'Raise the context length where you start the engine, or choose another model with --model.',
    mcp: '`tools` of type `mcp`, `mcp_servers`, `metadata.mcp_servers`',
  },
});
