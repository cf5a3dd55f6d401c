/**
 * Ollama: its API, what of it is harmless, and how it is asked.
 *
 * Not on the list, so only for `engine:admin`: pull, push, create, copy, delete, blobs, me, signout, user keys, and the
 * experimental web_search and web_fetch (they leave the machine). Inside harmless routes stand hazards too:
 * ollama-hazards.ts.
 */
import type { EngineKind, EngineModel, NativeRule, ProbeResult } from '../core/engine/engine.ts';
import type { RouteId } from '../core/engine/routes.ts';
import { countOf, modelIdOf, objectOf, objectsIn, textOf } from './json-reading.ts';
import { ollamaHazard, readsAsRemote } from './ollama-hazards.ts';
import { ollamaNameKey } from './ollama-names.ts';
import { type Asking, type IdentifiedKind, notAList, running } from './probe.ts';

const serves: readonly RouteId[] = [
  'models.list',
  'models.get',
  'chat.completions',
  'completions',
  'embeddings',
  'responses.create',
  'messages',
  'audio.transcriptions',
  'ollama.version',
  'ollama.tags',
  'ollama.ps',
  'ollama.show',
  'ollama.chat',
  'ollama.generate',
  'ollama.embed',
  'ollama.embeddings',
];

const read = { scope: 'engine:read', model: 'none' } as const;
const infer = { method: 'POST', scope: 'inference', model: 'json' } as const;

const native: readonly NativeRule[] = [
  ...['/api/version', '/api/tags', '/api/ps', '/api/status', '/v1/models'].map(
    (path): NativeRule => ({ ...read, method: 'GET', path }),
  ),
  { ...read, method: 'GET', path: '/v1/models/{id}' },
  { ...infer, path: '/api/show', scope: 'engine:read', route: 'ollama.show' },
  { ...infer, path: '/api/chat', route: 'ollama.chat' },
  { ...infer, path: '/api/generate', route: 'ollama.generate' },
  { ...infer, path: '/api/embed', route: 'ollama.embed' },
  { ...infer, path: '/api/embeddings', route: 'ollama.embeddings' },
  { ...infer, path: '/v1/chat/completions', route: 'chat.completions' },
  { ...infer, path: '/v1/completions', route: 'completions' },
  { ...infer, path: '/v1/embeddings', route: 'embeddings' },
  { ...infer, path: '/v1/responses', route: 'responses.create' },
  { ...infer, path: '/v1/messages', route: 'messages' },
];

const kind: EngineKind = {
  name: 'ollama',
  title: 'Ollama',
  serves: new Set(serves),
  native,
  // It has no keys of its own; what stands in front of one may.
  keyField: 'authorization',
  // Asked for on /v1/completions (0.17), it puts a usage of zeros into every other chunk too.
  usageOnRequest: new Set(['chat.completions']),
  nameKey: ollamaNameKey,
  hazard: ollamaHazard,
};

async function probe(asking: Asking): Promise<ProbeResult> {
  const [tags, ps, version] = await Promise.all([
    asking.get('/api/tags'),
    asking.get('/api/ps'),
    asking.get('/api/version'),
  ]);
  const listed = tags.answered ? objectsIn(tags.json, 'models') : undefined;
  if (!tags.answered || listed === undefined) return notAList(tags, 'Ollama');
  // What runs, and with which context; an old Ollama has no /api/ps.
  const loaded = new Map<string, number | undefined>();
  const running_ = ps.answered ? objectsIn(ps.json, 'models') : undefined;
  for (const model of running_ ?? []) {
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
        ...(running_ === undefined ? {} : { loaded: loaded.has(id) }),
        ...(contextLength === undefined ? {} : { contextLength }),
        ...(Number.isNaN(created) ? {} : { created: Math.floor(created / 1000) }),
        ...(remote ? { remote } : {}),
      },
    ];
  });
  const told = version.answered ? textOf(objectOf(version.json)?.version) : undefined;
  return { ...running(tags, models), ...(told === undefined ? {} : { version: told }) };
}

export const ollama: IdentifiedKind = { kind, probe };
