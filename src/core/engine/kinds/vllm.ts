/**
 * vLLM. Sources: vllm-project/vllm docs/usage/security.md, vllm/entrypoints/openai/api_server.py.
 *
 * Not on the list: pause, resume, scaling, weights, aborting requests of others, profiling, LoRA loading,
 * tokenizer_info, and everything of the development mode. Many of these ask for no key even where vLLM has one.
 * /metrics and /load show the use by all clients but change nothing. Hazards inside harmless routes: on /v1/responses,
 * tools that its own tool server runs. (`n` may be 16384; token limits bound the cost of that.)
 */
import { computes, defineKind, infers, infersOpenai, reads } from '../engine-kind.ts';
import { countOf, type JsonObject, modelIdOf, objectOf, objectsIn, textOf } from '../json-reading.ts';
import {
  down,
  type EngineModel,
  notAList,
  type ProbeAnswer,
  type ProbeClient,
  type ProbeFault,
  type ProbeResult,
  running,
} from '../probe.ts';
import { mcpFields, mcpHazard, serverToolHazard } from '../shared-hazards.ts';

export const vllm = defineKind({
  name: 'vllm',
  title: 'vLLM',
  tried: false,
  detection: {
    ports: [8000],
    program: { name: 'vllm', startWith: 'vllm serve MODEL --host 127.0.0.1' },
    asks: [{ path: '/version' }],
    recognise({ answer, json, models }) {
      const version = textOf(json('/version')?.version);
      if (models?.some(isVllm) === true) return { version };
      return version !== undefined && isLocked(answer('/v1/models')) ? { version } : undefined;
    },
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
    'audio.translations',
  ]),
  native: [
    ...reads('/health', '/ping', '/version', '/load', '/metrics', '/v1/models'),
    ...infersOpenai(
      'chat.completions',
      'completions',
      'embeddings',
      'responses.create',
      'messages',
      'messages.count-tokens',
    ),
    ...infers('rerank', '/rerank', '/v1/rerank', '/v2/rerank'),
    ...infers('score', '/score', '/v1/score'),
    ...computes('/pooling', '/classify', '/tokenize', '/detokenize', '/v2/embed'),
  ],
  keyField: 'authorization',
  usageOnRequest: new Set(['chat.completions', 'completions']),
  watches: [{ fields: mcpFields }],
  hazard(route, facts) {
    const runsTools = route.startsWith('responses.') || route === 'engine.native';
    return (runsTools ? serverToolHazard(facts) : undefined) ?? mcpHazard(facts);
  },
  probe,
  advice: {
    exposure: 'start vLLM with `--host 127.0.0.1`: without it, it listens on all addresses',
    context: (_model, tokens) => `Start vLLM with --max-model-len ${tokens}.`,
    mcp: '`tools` of type `mcp` on `/v1/responses`, where it was started with a tool server',
  },
});

async function probe(client: ProbeClient): Promise<ProbeResult> {
  const [list, health, version] = await Promise.all([
    client.get('/v1/models'),
    client.get('/health'),
    client.get('/version'),
  ]);
  const listed = list.answered ? objectsIn(list.json, 'data') : undefined;
  if (!list.answered || listed === undefined || !listed.some(isVllm)) return notAList(list, 'vLLM');
  // The web server outlives its engine process, and still lists the models.
  if (health.answered && health.status === 503) {
    return down('unreachable', 'answers, but the engine process behind it is dead');
  }
  const byId = new Map(listed.map((item) => [item.id, item]));
  const models = listed.flatMap((item): EngineModel[] => {
    const id = modelIdOf(item.id);
    if (id === undefined) return [];
    // A LoRA adapter has the context of its base model.
    const contextLength = countOf(item.max_model_len) ?? countOf(byId.get(item.parent)?.max_model_len);
    return [{ id, ownedBy: 'vllm', loaded: true, ...(contextLength === undefined ? {} : { contextLength }) }];
  });
  const ownVersion = version.answered ? textOf(objectOf(version.json)?.version) : undefined;
  return { ...running(list, models), ...(ownVersion === undefined ? {} : { version: ownVersion }) };
}

/** `created` is always the current time in these lists, so it is not used. */
function isVllm(item: JsonObject): boolean {
  return item.owned_by === 'vllm';
}

/** With a key, vLLM hides its models but not its version. The wording of its refusal is unique. */
function isLocked(models: ProbeAnswer | ProbeFault): boolean {
  return (
    models.answered &&
    models.status === 401 &&
    models.field('server') === 'uvicorn' &&
    objectOf(models.json)?.error === 'Unauthorized'
  );
}
