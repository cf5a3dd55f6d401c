/**
 * FastFlowLM. Sources: https://github.com/FastFlowLM/FastFlowLM src/server/server.cpp (create_lm_server),
 * src/include/model_list.hpp (list of models). Not tried on a running engine.
 *
 * Not on the list: /api/pull, /api/cancel (stops requests of others), and its imitation of Ollama's API. Its program is
 * called `flm` like this project, so an installed FastFlowLM is not looked for.
 */
import { defineKind, infersOpenai, reads } from '../engine-kind.ts';
import { textOf } from '../json-reading.ts';
import { probeOpenaiList } from '../openai-list.ts';
import { mcpFields, mcpHazard } from '../shared-hazards.ts';

export const fastflowlm = defineKind({
  name: 'fastflowlm',
  title: 'FastFlowLM',
  tried: false,
  detection: {
    ports: [52_625],
    asks: [{ path: '/api/version' }],
    imitates: ['ollama'],
    recognise({ json, models }) {
      if (models?.some((item) => item.owned_by === 'FastFlowLM') !== true) return undefined;
      return { version: textOf(json('/api/version')?.version) };
    },
  },
  serves: new Set([
    'models.list',
    'models.get',
    'chat.completions',
    'completions',
    'embeddings',
    'messages',
    'audio.transcriptions',
  ]),
  native: [
    ...reads('/health', '/v1/health', '/v1/version', '/v1/models'),
    ...reads('/api/version', '/api/tags', '/api/ps', '/api/npu/status'),
    ...infersOpenai('chat.completions', 'completions', 'embeddings'),
  ],
  keyField: 'authorization',
  usageOnRequest: new Set(),
  watches: [{ fields: mcpFields }],
  hazard: (_route, facts) => mcpHazard(facts),
  probe: (client) => probeOpenaiList(client, 'FastFlowLM'),
  advice: {
    exposure: 'start FastFlowLM with `--host 127.0.0.1`',
    context: (_model, tokens) => `Start FastFlowLM with --ctx-len ${tokens}.`,
  },
});
