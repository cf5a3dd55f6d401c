/**
 * llama.cpp's server, and llamafile, which is built from it. Sources: ggml-org/llama.cpp tools/server/README.md,
 * server.cpp, common/arg.cpp.
 *
 * Not on the list: POST /props, /slots (shows prompts of others; saves and restores), POST /lora-adapters,
 * /v1/chat/completions/control, /v1/stream* (replays answers to others), /cors-proxy, /tools (a shell), and in router
 * mode downloading, loading and unloading. `?autoload=` and `?reload=1` do not pass, because no query does. Hazards
 * inside harmless routes: MCP tools, which new versions run themselves. It answers for its one model whatever `model`
 * says.
 */
import { computes, defineKind, infers, infersOpenai, reads } from '../engine-kind.ts';
import { countOf, type JsonObject, modelIdOf, objectOf, objectsIn, textOf } from '../json-reading.ts';
import {
  type EngineModel,
  notAList,
  type ProbeAnswer,
  type ProbeClient,
  type ProbeFault,
  type ProbeResult,
  running,
} from '../probe.ts';
import { mcpFields, mcpHazard } from '../shared-hazards.ts';

export const llamacpp = defineKind({
  name: 'llamacpp',
  title: 'llama.cpp',
  tried: true,
  detection: {
    // The default moves to 9931 (llama.cpp pull request 26508).
    ports: [8080, 9931],
    variables: { host: 'LLAMA_ARG_HOST', port: 'LLAMA_ARG_PORT', prefix: 'LLAMA_ARG_API_PREFIX' },
    program: { name: 'llama-server', startWith: 'llama-server -m MODEL.gguf' },
    // /props holds the template of the model.
    asks: [{ path: '/props', maxBytes: 256 * 1024 }],
    // Its list of models also has the form of Ollama's.
    imitates: ['ollama'],
    recognise({ answer, json }) {
      const props = json('/props');
      if (!isLlamaCpp(answer('/health')) && !isProps(props)) return undefined;
      return { version: textOf(props?.build_info) };
    },
  },
  serves: new Set([
    'models.list',
    'models.get',
    'chat.completions',
    'completions',
    'embeddings',
    'responses.create',
    'responses.input-tokens',
    'messages',
    'messages.count-tokens',
    'rerank',
    'audio.transcriptions',
  ]),
  native: [
    ...reads('/health', '/v1/health', '/models', '/v1/models', '/props', '/metrics', '/lora-adapters'),
    ...infers('chat.completions', '/chat/completions', '/v1/chat/completions'),
    ...infersOpenai('completions', 'embeddings'),
    ...infers('responses.create', '/responses', '/v1/responses'),
    ...infersOpenai('messages', 'messages.count-tokens'),
    ...infers('rerank', '/rerank', '/reranking', '/v1/rerank', '/v1/reranking'),
    ...infers(undefined, '/completion', '/completions', '/infill'),
    ...computes('/tokenize', '/detokenize', '/apply-template', '/embedding', '/embeddings'),
  ],
  keyField: 'authorization',
  usageOnRequest: new Set(['chat.completions', 'completions']),
  watches: [{ fields: mcpFields }],
  hazard: (_route, facts) => mcpHazard(facts),
  probe,
  advice: {
    exposure: 'start llama-server with `--host 127.0.0.1`',
    context: (_model, tokens) =>
      `Start llama-server with -c ${tokens}, times the number of its slots (-np), which share it.`,
    mcp: '`tools` of type `mcp`, in new versions',
  },
});

async function probe(client: ProbeClient): Promise<ProbeResult> {
  const [health, list, props] = await Promise.all([
    client.get('/health'),
    client.get('/v1/models'),
    client.get('/props'),
  ]);
  if (!health.answered) return notAList(health, 'llama.cpp');
  const properties = props.answered ? objectOf(props.json) : undefined;
  // The `Server` header or the properties identify it; a key hides the properties.
  if (!isLlamaCpp(health) && !isProps(properties)) return notAList(health, 'llama.cpp');
  if (props.answered && props.status === 401) return notAList(props, 'llama.cpp');
  const listed = list.answered ? objectsIn(list.json, 'data') : undefined;
  // Tokens that one request may hold: the slots share the context.
  const context = countOf(objectOf(properties?.default_generation_settings)?.n_ctx);
  const models = (listed ?? []).flatMap((item) => modelOf(item, context));
  const version = textOf(properties?.build_info);
  const slots = countOf(properties?.total_slots);
  const more = {
    ...(version === undefined ? {} : { version }),
    ...(slots === undefined ? {} : { slots }),
    ...(props.answered ? {} : { partial: true as const }),
  };
  if (health.status === 503) {
    return { ...running(health, models), ...more, state: 'degraded', note: 'is loading its model' };
  }
  if (!list.answered || listed === undefined) return notAList(list, 'llama.cpp');
  return { ...running(list, models), ...more };
}

/** `created` is always the current time in these lists, so it is not used. */
function modelOf(item: JsonObject, context: number | undefined): EngineModel[] {
  const id = modelIdOf(item.id);
  if (id === undefined) return [];
  // Only the router lists models that are not loaded.
  const status = textOf(objectOf(item.status)?.value);
  const contextLength = context ?? countOf(objectOf(item.meta)?.n_ctx);
  return [
    {
      id,
      ownedBy: 'llamacpp',
      loaded: status === undefined || status === 'loaded',
      ...(contextLength === undefined ? {} : { contextLength }),
    },
  ];
}

function isLlamaCpp(answer: ProbeAnswer | ProbeFault): boolean {
  return answer.answered && answer.field('server') === 'llama.cpp';
}

function isProps(json: JsonObject | undefined): boolean {
  return objectOf(json?.default_generation_settings) !== undefined;
}
