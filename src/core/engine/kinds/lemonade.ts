/**
 * Lemonade (AMD). Sources: https://github.com/lemonade-sdk/lemonade docs/api/lemonade.md, openai.md, ollama.md,
 * anthropic.md. Not tried on a running engine.
 *
 * Not on the list: pull, delete, load, unload, install, uninstall, model options, downloads, cloud providers and their
 * keys, /internal/**, /mcp, and its imitation of Ollama's API, where `keep_alive` unloads and `ctx_size` reloads. Its
 * models of cloud providers leave the machine, and its router models may: the list marks both by the recipe.
 */
import { defineKind, infers, infersOpenai, reads } from '../engine-kind.ts';
import { countOf, objectOf, objectsIn, textOf } from '../json-reading.ts';
import { probeOpenaiList } from '../openai-list.ts';
import { mcpFields, mcpHazard, remoteHazard } from '../shared-hazards.ts';

export const lemonade = defineKind({
  name: 'lemonade',
  title: 'Lemonade',
  tried: false,
  detection: {
    // 8000 before version 10.
    ports: [13_305],
    program: { name: 'lemonade-server', startWith: 'lemonade-server serve' },
    asks: [{ path: '/v1/health' }],
    imitates: ['ollama', 'llamacpp'],
    recognise({ json, models }) {
      const health = json('/v1/health');
      const owns = models?.some((item) => item.owned_by === 'lemonade') === true;
      // Without a model only /health identifies it: no other engine lists its loaded models there.
      if (!owns && objectsIn(health, 'all_models_loaded') === undefined) return undefined;
      return { version: textOf(health?.version) };
    },
  },
  serves: new Set([
    'models.list',
    'models.get',
    'chat.completions',
    'completions',
    'embeddings',
    'responses.create',
    'messages',
    'rerank',
    'audio.speech',
    'audio.transcriptions',
    'images.generations',
    'images.edits',
    'images.variations',
  ]),
  native: [
    ...reads('/live', '/metrics', '/v1/models', '/api/v1/models', '/v1/health', '/api/v1/health'),
    ...reads('/v1/stats', '/v1/system-stats', '/v1/system-info', '/v1/docs'),
    ...infersOpenai('chat.completions', 'completions', 'embeddings', 'responses.create', 'messages'),
    ...infers('chat.completions', '/api/v1/chat/completions'),
    ...infers('completions', '/api/v1/completions'),
    ...infers('embeddings', '/api/v1/embeddings'),
  ],
  keyField: 'authorization',
  // It forwards requests to llama.cpp, FastFlowLM and others; not all of them add the chunk.
  usageOnRequest: new Set(),
  watches: [{ fields: mcpFields }],
  hazard: (_route, facts, model) => remoteHazard(model, 'a cloud provider') ?? mcpHazard(facts),
  probe: (client) =>
    probeOpenaiList(client, 'Lemonade', (item) => {
      const chosen = countOf(objectOf(item.recipe_options)?.ctx_size);
      const remote = item.recipe === 'cloud' || item.recipe === 'collection.router';
      return { ...(chosen === undefined ? {} : { contextLength: chosen }), ...(remote ? { remote } : {}) };
    }),
  advice: {
    exposure: 'set the host of Lemonade to 127.0.0.1 and restart it',
    context: (_model, tokens) => `Set ctx_size to ${tokens} in the configuration of Lemonade.`,
    mcp: '`tools` of type `mcp`, where its llama.cpp runs them',
  },
});
