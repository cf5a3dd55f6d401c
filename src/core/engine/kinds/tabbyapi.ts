/**
 * TabbyAPI. Sources: https://github.com/theroyallab/tabbyAPI endpoints/core/router.py, endpoints/OAI/router.py,
 * endpoints/Kobold/router.py, endpoints/core/types/model.py. Not tried on a running engine.
 *
 * It imitates KoboldCpp where its Kobold API is on. Not on the list: loading and unloading of models, LoRAs, templates
 * and sampler overrides, /v1/download, /v1/auth/permission, and the Kobold API. With an admin key and inline loading,
 * naming a model loads it; flm refuses names that the list does not have.
 */
import { computes, defineKind, infersOpenai, reads } from '../engine-kind.ts';
import { countOf, objectOf } from '../json-reading.ts';
import { probeOpenaiList } from '../openai-list.ts';
import { mcpFields, mcpHazard } from '../shared-hazards.ts';

export const tabbyapi = defineKind({
  name: 'tabbyapi',
  title: 'TabbyAPI',
  tried: false,
  detection: {
    ports: [5000],
    asks: [{ path: '/api/extra/version' }],
    imitates: ['koboldcpp'],
    recognise({ answer, json, models }) {
      if (models?.some((item) => item.owned_by === 'tabbyAPI') === true) return {};
      const health = json('/health')?.status;
      const kobold = answer('/api/extra/version');
      // Without a model: KoboldCpp's response from a uvicorn server. KoboldCpp itself does not use uvicorn.
      const plays =
        json('/api/extra/version')?.result === 'KoboldCpp' &&
        kobold.answered &&
        kobold.field('server') === 'uvicorn';
      return plays && (health === 'healthy' || health === 'unhealthy') ? {} : undefined;
    },
  },
  serves: new Set(['models.list', 'models.get', 'chat.completions', 'completions', 'embeddings', 'messages']),
  native: [
    ...reads(
      '/health',
      '/v1/models',
      '/v1/model/list',
      '/v1/model',
      '/v1/loras',
      '/v1/lora',
      '/v1/templates',
    ),
    ...reads('/v1/sampling/overrides', '/v1/model/embedding'),
    ...infersOpenai('chat.completions', 'completions', 'embeddings', 'messages'),
    ...computes('/v1/token/encode', '/v1/token/decode'),
  ],
  keyField: 'authorization',
  usageOnRequest: new Set(),
  watches: [{ fields: mcpFields }],
  hazard: (_route, facts) => mcpHazard(facts),
  probe: (client) =>
    probeOpenaiList(client, 'TabbyAPI', (item) => {
      const contextLength = countOf(objectOf(item.parameters)?.max_seq_len);
      return contextLength === undefined ? {} : { contextLength };
    }),
  advice: {
    exposure: 'set `host: 127.0.0.1` under `network` in the config.yml of TabbyAPI',
    context: (_model, tokens) => `Set max_seq_len: ${tokens} under model in the config.yml of TabbyAPI.`,
  },
});
