/**
 * SGLang. Sources: https://github.com/sgl-project/sglang python/sglang/srt/entrypoints/http_server.py (routes and list
 * of models) and docs/basic_usage/native_api.md. Not tried on a running engine.
 *
 * Not on the list: flush_cache, weights, LoRA adapters, sessions, profiling, abort_request, pause and continue, memory
 * release, slow_down, configure_logging, server_info, and /health_generate, which generates. Several of these take GET.
 * Hazards inside harmless routes: tools of its tool server, a client's own code (`custom_logit_processor`), and a host
 * that the engine would connect to (`bootstrap_host`).
 */
import { computes, defineKind, infers, infersOpenai, reads } from '../engine-kind.ts';
import { probeOpenaiList } from '../openai-list.ts';
import { mcpFields, mcpHazard, serverToolHazard } from '../shared-hazards.ts';
import { isGiven } from '../watched-fields.ts';

export const sglang = defineKind({
  name: 'sglang',
  title: 'SGLang',
  tried: false,
  detection: {
    ports: [30_000],
    asks: [],
    recognise: ({ models }) => (models?.some((item) => item.owned_by === 'sglang') === true ? {} : undefined),
  },
  serves: new Set([
    'models.list',
    'models.get',
    'chat.completions',
    'completions',
    'embeddings',
    'responses.create',
    'responses.get',
    'responses.cancel',
    'messages',
    'messages.count-tokens',
    'rerank',
    'score',
    'audio.transcriptions',
  ]),
  native: [
    ...reads('/health', '/ping', '/get_model_info', '/model_info', '/metrics', '/v1/models'),
    ...infersOpenai('chat.completions', 'completions', 'embeddings', 'responses.create', 'messages'),
    ...infers('rerank', '/v1/rerank'),
    ...infers('score', '/v1/score'),
    ...computes('/v1/classify', '/v1/tokenize', '/tokenize', '/v1/detokenize', '/detokenize'),
  ],
  keyField: 'authorization',
  usageOnRequest: new Set(['chat.completions', 'completions']),
  watches: [{ fields: [...mcpFields, 'custom_logit_processor', 'bootstrap_host'] }],
  hazard(route, facts) {
    if (isGiven(facts, 'custom_logit_processor')) return { does: "run the client's code in the engine" };
    if (isGiven(facts, 'bootstrap_host')) return { does: 'make the engine connect to another host' };
    const runsTools = route.startsWith('responses.') || route === 'engine.native';
    return (runsTools ? serverToolHazard(facts) : undefined) ?? mcpHazard(facts);
  },
  probe: (client) => probeOpenaiList(client, 'SGLang', () => ({ loaded: true })),
  advice: {
    exposure: 'start SGLang with `--host 127.0.0.1`',
    context: (_model, tokens) => `Start SGLang with --context-length ${tokens}.`,
    mcp: '`tools` of type `mcp` on `/v1/responses`, where it was started with a tool server',
  },
});
