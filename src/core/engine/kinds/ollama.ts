/**
 * Ollama. Sources: ollama/ollama server/routes.go (GenerateRoutes), api/types.go, envconfig/config.go.
 *
 * Not on the list, so only for `engine:admin`: pull, push, create, copy, delete, blobs, me, signout, user keys, and the
 * experimental web_search and web_fetch, which leave the machine. Harmless routes hold hazards too: ollama-hazards.ts.
 */
import { defineKind, infers, infersOpenai, reads } from '../engine-kind.ts';
import { countOf, modelIdOf, objectOf, objectsIn, textOf } from '../json-reading.ts';
import { type EngineModel, notAList, type ProbeClient, type ProbeResult, running } from '../probe.ts';
import { mcpFields } from '../shared-hazards.ts';
import { ollamaFields, ollamaHazard, readsAsRemote } from './ollama-hazards.ts';
import { ollamaNameKey } from './ollama-names.ts';

const ownRoutes = [
  'ollama.version',
  'ollama.tags',
  'ollama.ps',
  'ollama.show',
  'ollama.chat',
  'ollama.generate',
  'ollama.embed',
  'ollama.embeddings',
] as const;

export const ollama = defineKind({
  name: 'ollama',
  title: 'Ollama',
  tried: true,
  detection: {
    ports: [11_434],
    variables: { address: 'OLLAMA_HOST' },
    program: { name: 'ollama', startWith: 'ollama serve' },
    asks: [{ path: '/' }, { path: '/api/version' }],
    // Neither the greeting nor the version is proof by itself.
    recognise({ answer, json }) {
      const version = textOf(json('/api/version')?.version);
      const root = answer('/');
      const greets = root.answered && root.text.trim() === 'Ollama is running';
      return version !== undefined && greets ? { version } : undefined;
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
    'audio.transcriptions',
    ...ownRoutes,
  ]),
  native: [
    ...reads('/api/version', '/api/tags', '/api/ps', '/api/status', '/v1/models', '/v1/models/{id}'),
    { method: 'POST', path: '/api/show', scope: 'engine:read', model: 'json', route: 'ollama.show' },
    ...infers('ollama.chat', '/api/chat'),
    ...infers('ollama.generate', '/api/generate'),
    ...infers('ollama.embed', '/api/embed'),
    ...infers('ollama.embeddings', '/api/embeddings'),
    ...infersOpenai('chat.completions', 'completions', 'embeddings', 'responses.create', 'messages'),
  ],
  // Ollama has no keys of its own; a server in front of it may have one.
  keyField: 'authorization',
  // On /v1/completions (0.17) the option also adds a usage of zeros to every other chunk.
  usageOnRequest: new Set(['chat.completions']),
  nameKey: ollamaNameKey,
  watches: [{ fields: mcpFields }, { on: [...ownRoutes, 'engine.native'], fields: ollamaFields }],
  hazard: ollamaHazard,
  probe,
  advice: {
    exposure: 'set OLLAMA_HOST=127.0.0.1 for Ollama and restart it',
    context: (_model, tokens) =>
      `Start Ollama with OLLAMA_CONTEXT_LENGTH=${tokens}, or make a model of it whose Modelfile has "PARAMETER num_ctx ${tokens}".`,
  },
});

async function probe(client: ProbeClient): Promise<ProbeResult> {
  const [tags, ps, version] = await Promise.all([
    client.get('/api/tags'),
    client.get('/api/ps'),
    client.get('/api/version'),
  ]);
  const listed = tags.answered ? objectsIn(tags.json, 'models') : undefined;
  if (!tags.answered || listed === undefined) return notAList(tags, 'Ollama');
  // Loaded models, each with its context; an old Ollama has no /api/ps.
  const loaded = new Map<string, number | undefined>();
  const runningModels = ps.answered ? objectsIn(ps.json, 'models') : undefined;
  for (const model of runningModels ?? []) {
    const id = modelIdOf(model.name ?? model.model);
    if (id !== undefined) loaded.set(id, countOf(model.context_length));
  }
  const models = listed.flatMap((item): EngineModel[] => {
    const id = modelIdOf(item.name ?? item.model);
    if (id === undefined) return [];
    const contextLength = loaded.get(id);
    const created = Date.parse(textOf(item.modified_at) ?? '');
    const remote =
      textOf(item.remote_host) !== undefined || textOf(item.remote_model) !== undefined || readsAsRemote(id);
    return [
      {
        id,
        ownedBy: 'library',
        ...(runningModels === undefined ? {} : { loaded: loaded.has(id) }),
        ...(contextLength === undefined ? {} : { contextLength }),
        ...(Number.isNaN(created) ? {} : { created: Math.floor(created / 1000) }),
        ...(remote ? { remote } : {}),
      },
    ];
  });
  const ownVersion = version.answered ? textOf(objectOf(version.json)?.version) : undefined;
  return { ...running(tags, models), ...(ownVersion === undefined ? {} : { version: ownVersion }) };
}
