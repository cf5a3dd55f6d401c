/**
 * Docker Model Runner. Sources: https://github.com/docker/model-runner pkg/routing/router.go,
 * pkg/inference/scheduling/http_handler.go, pkg/inference/models/http_handler.go, README.md. Not tried on a running
 * engine.
 *
 * Not on the list: /models/** (create pulls; load, tag, push, delete, purge, export), /engines/unload,
 * /engines/install-backend, /engines/_configure, /engines/requests (replays requests of others), and its imitation of
 * Ollama's API, which unloads and pulls. The API is available below /engines as well as at the root.
 */
import { shellWord } from '../../shell-word.ts';
import { defineKind, infers, infersOpenai, reads } from '../engine-kind.ts';
import { countOf, objectOf } from '../json-reading.ts';
import { probeOpenaiList } from '../openai-list.ts';
import { mcpFields, mcpHazard } from '../shared-hazards.ts';

export const dockerModelRunner = defineKind({
  name: 'docker-model-runner',
  title: 'Docker Model Runner',
  tried: false,
  detection: {
    ports: [12_434],
    // Older versions have OpenAI's API only below this path.
    prefix: '/engines',
    asks: [],
    recognise: ({ models }) => (models?.some((item) => item.owned_by === 'docker') === true ? {} : undefined),
  },
  serves: new Set([
    'models.list',
    'models.get',
    'chat.completions',
    'completions',
    'embeddings',
    'responses.create',
    'messages',
    'messages.count-tokens',
    'rerank',
    'score',
    'images.generations',
  ]),
  native: [
    ...reads('/v1/models', '/engines/v1/models', '/engines/status', '/engines/ps', '/engines/df'),
    ...infersOpenai('chat.completions', 'completions', 'embeddings', 'responses.create', 'messages'),
    ...infers('chat.completions', '/engines/v1/chat/completions'),
    ...infers('completions', '/engines/v1/completions'),
    ...infers('embeddings', '/engines/v1/embeddings'),
    ...infers('rerank', '/rerank'),
    ...infers('score', '/score'),
  ],
  keyField: 'authorization',
  // Its backends differ: llama.cpp, vLLM, SGLang, MLX.
  usageOnRequest: new Set(),
  watches: [{ fields: mcpFields }],
  hazard: (_route, facts) => mcpHazard(facts),
  probe: (client) =>
    probeOpenaiList(client, 'Docker Model Runner', (item) => {
      const contextLength = countOf(objectOf(item.dmr)?.context_window);
      return contextLength === undefined ? {} : { contextLength };
    }),
  advice: {
    exposure: 'install the runner again with `docker model reinstall-runner --host 127.0.0.1`',
    context: (model, tokens) => `Run: docker model configure --context-size ${tokens} ${shellWord(model)}`,
    mcp: '`tools` of type `mcp`, where its llama.cpp or vLLM runs them',
  },
});
