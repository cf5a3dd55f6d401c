/**
 * llama.cpp's server (and llamafile, which is one): its API, what of it is harmless, and how it is asked.
 *
 * Not on the list: POST /props, /slots (it shows what others asked; saving and restoring), POST /lora-adapters,
 * /v1/chat/completions/control, /v1/stream* (replays others' answers), /cors-proxy, /tools (a shell), and of the router
 * mode downloading, loading and unloading. `?autoload=` and `?reload=1` do not pass, for no query does. Inside harmless
 * routes: MCP tools, which new versions run themselves. It answers for its one model whatever `model` says.
 */
import type { EngineKind, EngineModel, NativeRule, ProbeResult } from '../core/engine/engine.ts';
import type { RouteId } from '../core/engine/routes.ts';
import { countOf, type JsonObject, modelIdOf, objectOf, objectsIn, textOf } from './json-reading.ts';
import { mcpHazard } from './mcp-tools.ts';
import { type Asking, type IdentifiedKind, notAList, running } from './probe.ts';
import type { ProbeAnswer } from './probe-request.ts';

const serves: readonly RouteId[] = [
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
];

const read = { scope: 'engine:read', model: 'none' } as const;
const infer = { method: 'POST', scope: 'inference', model: 'json' } as const;

const native: readonly NativeRule[] = [
  ...['/health', '/v1/health', '/models', '/v1/models', '/props', '/metrics', '/lora-adapters'].map(
    (path): NativeRule => ({ ...read, method: 'GET', path }),
  ),
  ...['/chat/completions', '/v1/chat/completions'].map(
    (path): NativeRule => ({ ...infer, path, route: 'chat.completions' }),
  ),
  { ...infer, path: '/v1/completions', route: 'completions' },
  { ...infer, path: '/v1/embeddings', route: 'embeddings' },
  ...['/responses', '/v1/responses'].map(
    (path): NativeRule => ({ ...infer, path, route: 'responses.create' }),
  ),
  { ...infer, path: '/v1/messages', route: 'messages' },
  { ...infer, path: '/v1/messages/count_tokens', route: 'messages.count-tokens' },
  ...['/rerank', '/reranking', '/v1/rerank', '/v1/reranking'].map(
    (path): NativeRule => ({ ...infer, path, route: 'rerank' }),
  ),
  ...['/completion', '/completions', '/infill'].map((path): NativeRule => ({ ...infer, path })),
  ...['/tokenize', '/detokenize', '/apply-template', '/embedding', '/embeddings'].map(
    (path): NativeRule => ({ ...infer, path, writesText: false }),
  ),
];

const kind: EngineKind = {
  name: 'llamacpp',
  title: 'llama.cpp',
  serves: new Set(serves),
  native,
  keyField: 'authorization',
  usageOnRequest: new Set(['chat.completions', 'completions']),
  hazard: (_route, facts) => mcpHazard(facts),
};

async function probe(asking: Asking): Promise<ProbeResult> {
  const [health, list, props] = await Promise.all([
    asking.get('/health'),
    asking.get('/v1/models'),
    asking.get('/props'),
  ]);
  if (!health.answered) return notAList(health, 'llama.cpp');
  const told = props.answered ? objectOf(props.json) : undefined;
  // It says who it is in a field of each answer, or by its properties; a key hides the latter.
  if (!isLlamaCpp(health) && !isProps(told)) return notAList(health, 'llama.cpp');
  if (props.answered && props.status === 401) return notAList(props, 'llama.cpp');
  const listed = list.answered ? objectsIn(list.json, 'data') : undefined;
  const context = told === undefined ? undefined : contextOf(told);
  const models = (listed ?? []).flatMap((item) => modelOf(item, context));
  const version = told === undefined ? undefined : versionOf(told);
  const slots = told === undefined ? undefined : countOf(told.total_slots);
  const more = { ...(version === undefined ? {} : { version }), ...(slots === undefined ? {} : { slots }) };
  if (health.status === 503) {
    return { ...running(health, models), ...more, state: 'degraded', note: 'is loading its model' };
  }
  if (!list.answered || listed === undefined) return notAList(list, 'llama.cpp');
  return { ...running(list, models), ...more };
}

/** `created` is always now there, so it tells nothing. */
function modelOf(item: JsonObject, context: number | undefined): EngineModel[] {
  const id = modelIdOf(item.id);
  if (id === undefined) return [];
  // Only the router lists what is not loaded.
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

export function isLlamaCpp(answer: ProbeAnswer): boolean {
  return answer.field('server') === 'llama.cpp';
}

export function isProps(json: JsonObject | undefined): boolean {
  return objectOf(json?.default_generation_settings) !== undefined;
}

/** What one request may hold: the context is shared among the slots. */
function contextOf(props: JsonObject): number | undefined {
  return countOf(objectOf(props.default_generation_settings)?.n_ctx);
}

export function versionOf(props: JsonObject): string | undefined {
  return textOf(props.build_info);
}

export const llamacpp: IdentifiedKind = { kind, probe };
