/**
 * LM Studio. Sources: lmstudio-ai/docs 1_developer/2_rest, 3_openai-compat, 4_anthropic-compat; lms src/createClient.ts.
 *
 * Not on the list: /api/v1/models/{load,unload,download} and /api/v1/chat, which may run MCP tools. Hazards inside
 * harmless routes: `ttl` decides when a model is unloaded, MCP tools run programs, `draft_model` names a second model.
 * Naming a model that is not loaded loads it: that is how LM Studio is used. It answers 200 to unknown paths.
 */
import { shellWord } from '../../shell-word.ts';
import { defineKind, infers, infersOpenai, reads } from '../engine-kind.ts';
import { countOf, type JsonObject, modelIdOf, objectOf, objectsIn } from '../json-reading.ts';
import { type EngineModel, notAList, type ProbeClient, type ProbeResult, running } from '../probe.ts';
import { mcpFields, mcpHazard } from '../shared-hazards.ts';
import { firstValueOf } from '../watched-fields.ts';

export const lmstudio = defineKind({
  name: 'lmstudio',
  title: 'LM Studio',
  tried: false,
  detection: {
    ports: [1234],
    program: {
      name: 'lms',
      startWith: 'lms server start',
      homeFolders: ['.lmstudio/bin', '.cache/lm-studio/bin'],
    },
    asks: [{ path: '/lmstudio-greeting' }],
    recognise: ({ json }) => (json('/lmstudio-greeting')?.lmstudio === true ? {} : undefined),
  },
  serves: new Set([
    'models.list',
    'models.get',
    'chat.completions',
    'completions',
    'embeddings',
    'responses.create',
    'messages',
  ]),
  native: [
    ...reads(
      '/v1/models',
      '/api/v0/models',
      '/api/v0/models/{id}',
      '/api/v1/models',
      '/api/v1/models/download/status/{id}',
    ),
    ...infersOpenai('chat.completions', 'completions', 'embeddings', 'responses.create', 'messages'),
    ...infers('chat.completions', '/api/v0/chat/completions'),
    ...infers('completions', '/api/v0/completions'),
    ...infers('embeddings', '/api/v0/embeddings'),
  ],
  keyField: 'authorization',
  usageOnRequest: new Set(['chat.completions', 'completions']),
  furtherModels: ['draft_model'],
  watches: [{ fields: [...mcpFields, 'ttl'] }],
  hazard(_route, facts) {
    const mcp = mcpHazard(facts);
    if (mcp !== undefined) return mcp;
    return firstValueOf(facts, 'ttl') === undefined
      ? undefined
      : { does: 'change when the model is unloaded' };
  },
  probe,
  advice: {
    exposure: 'turn "Serve on Local Network" off in LM Studio',
    context: (model, tokens) =>
      `Set its Context Length in LM Studio when you load it, or: lms load ${shellWord(model)} --context-length ${tokens}`,
    mcp: '`integrations`, or `tools` of type `mcp` on `/v1/responses`',
  },
});

async function probe(client: ProbeClient): Promise<ProbeResult> {
  const rich = await client.get('/api/v0/models');
  // This list reports which models are loaded, and with which context length.
  const own = rich.answered
    ? objectsIn(rich.json, 'data')?.filter((m) => typeof m.state === 'string')
    : undefined;
  if (rich.answered && own !== undefined && (own.length > 0 || isEmptyList(rich.json))) {
    return running(rich, own.flatMap(ownModel));
  }
  if (!rich.answered || rich.status === 401) return notAList(rich, 'LM Studio');
  // Versions before 0.3.6 had only OpenAI's list. The greeting shows that the list is LM Studio's.
  const [greeting, plain] = await Promise.all([client.get('/lmstudio-greeting'), client.get('/v1/models')]);
  const greets = greeting.answered && objectOf(greeting.json)?.lmstudio === true;
  const listed = plain.answered && greets ? objectsIn(plain.json, 'data') : undefined;
  if (!plain.answered || listed === undefined) return notAList(plain, 'LM Studio');
  return running(
    plain,
    listed.flatMap((item): EngineModel[] => {
      const id = modelIdOf(item.id);
      return id === undefined ? [] : [{ id }];
    }),
  );
}

function isEmptyList(json: unknown): boolean {
  return objectsIn(json, 'data')?.length === 0;
}

function ownModel(item: JsonObject): EngineModel[] {
  const id = modelIdOf(item.id);
  if (id === undefined) return [];
  const loaded = item.state === 'loaded';
  const contextLength = loaded ? countOf(item.loaded_context_length) : undefined;
  return [{ id, loaded, ...(contextLength === undefined ? {} : { contextLength }) }];
}
