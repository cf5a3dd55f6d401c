/**
 * vLLM: its API, what of it is harmless, and how it is asked.
 *
 * Not on the list: pause, resume, scaling, weights, aborting others' requests, profiling, LoRA loading, tokenizer_info,
 * everything of its development mode; /metrics and /load tell of everybody's use but harm nothing. Much of that asks for
 * no key even where vLLM has one. Inside harmless routes: on /v1/responses, tools that its own tool server runs.
 * (`n` may be 16384; what that costs is a matter of token limits, not of this list.)
 */
import type { EngineKind, EngineModel, Hazard, NativeRule, ProbeResult } from '../core/engine/engine.ts';
import type { BodyFacts, RouteId } from '../core/engine/routes.ts';
import { valuesOf } from '../core/engine/watched-fields.ts';
import { countOf, modelIdOf, objectOf, objectsIn, textOf } from './json-reading.ts';
import { mcpHazard } from './mcp-tools.ts';
import { type Asking, down, type IdentifiedKind, notAList, running } from './probe.ts';

const serves: readonly RouteId[] = [
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
];

const read = { scope: 'engine:read', model: 'none' } as const;
const infer = { method: 'POST', scope: 'inference', model: 'json' } as const;

const native: readonly NativeRule[] = [
  ...['/health', '/ping', '/version', '/load', '/metrics', '/v1/models'].map(
    (path): NativeRule => ({ ...read, method: 'GET', path }),
  ),
  { ...infer, path: '/v1/chat/completions', route: 'chat.completions' },
  { ...infer, path: '/v1/completions', route: 'completions' },
  { ...infer, path: '/v1/embeddings', route: 'embeddings' },
  { ...infer, path: '/v1/responses', route: 'responses.create' },
  { ...infer, path: '/v1/messages', route: 'messages' },
  { ...infer, path: '/v1/messages/count_tokens', route: 'messages.count-tokens' },
  ...['/rerank', '/v1/rerank', '/v2/rerank'].map((path): NativeRule => ({ ...infer, path, route: 'rerank' })),
  ...['/score', '/v1/score'].map((path): NativeRule => ({ ...infer, path, route: 'score' })),
  ...['/pooling', '/classify', '/tokenize', '/detokenize', '/v2/embed'].map(
    (path): NativeRule => ({ ...infer, path, writesText: false }),
  ),
];

/** Types of tools that vLLM runs itself where it was started with a tool server. */
const serverTools: ReadonlySet<string> = new Set([
  '"mcp"',
  '"code_interpreter"',
  '"web_search"',
  '"web_search_preview"',
  '"browser"',
  '"container"',
]);

const kind: EngineKind = {
  name: 'vllm',
  title: 'vLLM',
  serves: new Set(serves),
  native,
  keyField: 'authorization',
  usageOnRequest: new Set(['chat.completions', 'completions']),
  hazard,
};

function hazard(route: RouteId, facts: BodyFacts): Hazard | undefined {
  const runsTools = route.startsWith('responses.') || route === 'engine.native';
  if (runsTools && valuesOf(facts, 'tools[].type').some((type) => serverTools.has(type)))
    return { does: "run tools on the engine's machine" };
  return mcpHazard(facts);
}

async function probe(asking: Asking): Promise<ProbeResult> {
  const [list, health, version] = await Promise.all([
    asking.get('/v1/models'),
    asking.get('/health'),
    asking.get('/version'),
  ]);
  const listed = list.answered ? objectsIn(list.json, 'data') : undefined;
  if (!list.answered || listed === undefined || !listed.some(isVllm)) return notAList(list, 'vLLM');
  // Its web server outlives the engine behind it, and goes on listing.
  if (health.answered && health.status === 503) {
    return down('unreachable', 'answers, but the engine process behind it is dead');
  }
  const byId = new Map(listed.map((item) => [item.id, item]));
  const models = listed.flatMap((item): EngineModel[] => {
    const id = modelIdOf(item.id);
    if (id === undefined) return [];
    // A LoRA adapter has the context of what it adapts.
    const contextLength = countOf(item.max_model_len) ?? countOf(byId.get(item.parent)?.max_model_len);
    return [{ id, ownedBy: 'vllm', loaded: true, ...(contextLength === undefined ? {} : { contextLength }) }];
  });
  const told = version.answered ? textOf(objectOf(version.json)?.version) : undefined;
  return { ...running(list, models), ...(told === undefined ? {} : { version: told }) };
}

/** `created` is always now there, so it tells nothing. */
export function isVllm(item: Readonly<Record<string, unknown>>): boolean {
  return item.owned_by === 'vllm';
}

export const vllm: IdentifiedKind = { kind, probe };
