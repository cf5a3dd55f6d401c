/**
 * Engines: their state, the saved ones, detection and tests.
 *
 * A file or an environment variable is never named over HTTP: the engine would receive its content as a key. For the
 * same reason an engine whose key comes from such a place keeps its address, and a stored key is not sent to another
 * address.
 */
import { z } from 'zod';
import type { EngineRecord, SecretRef } from '../../core/engine/engine.ts';
import { addEngine, changeEngine, freeDraftId } from '../../core/engine/engine-changes.ts';
import {
  examinedDocument,
  examinedDocumentSchema,
  savedEngineDocument,
  savedEngineSchema,
  seenEngineDocumentSchema,
} from '../../core/engine/engine-document.ts';
import type { EngineChanges } from '../../core/engine/engine-registry.ts';
import { engineKindNames } from '../../core/engine/kinds.ts';
import { similarNames } from '../../core/engine/name-suggestions.ts';
import { listedEngines, recordOf } from '../../core/engine/seen-engines.ts';
import { AdminError, EngineError, type ErrorCode } from '../../core/errors.ts';
import { engineIdPattern, secretReferenceSchema } from '../../core/proxy/proxy-config.ts';
import { shellWord } from '../../core/shell-word.ts';
import { type Operation, type OperationContext, operation } from '../operation.ts';
import { pageOf, pageQuery, pageSchema } from '../paging.ts';

const path = z.strictObject({ engine: z.string().max(64).describe('The id of a saved engine.') });
const saveErrors: readonly ErrorCode[] = ['ENGINE_INVALID', 'ENGINE_UNRECOGNISED', 'LOCAL_ONLY'];

const keySchema = z
  .union([
    z.strictObject({ from: z.literal('value'), value: z.string().min(1).max(4096) }),
    secretReferenceSchema,
  ])
  .describe('Its key. Only `value` can be set here; `env` and `file` are set on the machine of flm.');
const kindSchema = z.enum(engineKindNames).exclude(['demo']);
const slotsSchema = z.int().min(1).max(10_000);
const urlSchema = z.string().min(1).max(512).describe('Such as `localhost:11434`; with or without /v1.');
const caFileSchema = z.string().max(4096).describe('Read only here: set on the machine of flm.');

const newEngineSchema = z
  .strictObject({
    url: urlSchema,
    id: z.string().regex(engineIdPattern).optional().describe('Made from kind or host if absent.'),
    kind: kindSchema.optional().describe('Found by a probe if absent.'),
    slots: slotsSchema.optional(),
    apiKey: keySchema.optional(),
    caFile: caFileSchema.optional(),
  })
  .meta({ id: 'NewEngine' });

const changesSchema = z
  .strictObject({
    url: urlSchema.optional(),
    kind: kindSchema.nullable().optional(),
    slots: slotsSchema.nullable().optional(),
    apiKey: keySchema.nullable().optional(),
    caFile: caFileSchema.nullable().optional(),
  })
  .meta({ id: 'EngineChanges' });

const savedWithStateSchema = z
  .strictObject({ ...savedEngineSchema.shape, examined: examinedDocumentSchema })
  .meta({ id: 'SavedEngine' });

const testSchema = z.strictObject({
  embeddings: z
    .string()
    .min(1)
    .max(256)
    .optional()
    .describe('A model: also request one embedding, and report its format.'),
});

const testedSchema = z
  .strictObject({
    ...examinedDocumentSchema.shape,
    embeddings: z
      .union([
        z.strictObject({ model: z.string(), format: z.enum(['base64', 'floats']), dimensions: z.int() }),
        z.strictObject({ model: z.string(), format: z.literal('none'), detail: z.string() }),
      ])
      .optional(),
  })
  .meta({ id: 'TestedEngine' });

export const engineOperations: readonly Operation[] = [
  operation({
    id: 'listEngines',
    method: 'GET',
    path: '/engines',
    tag: 'engines',
    summary:
      'List saved engines and the engines of running proxies, with their state. Saved engines that no proxy watches are probed.',
    scope: 'admin:read',
    query: z.strictObject(pageQuery),
    status: 200,
    response: pageSchema(seenEngineDocumentSchema),
    async run(context, { query }) {
      const engines = await listedEngines(seenDeps(context), context.services.signal);
      // Two proxies can have engines of one id.
      return pageOf(engines, ({ id, proxy }) => `${id} ${proxy ?? ''}`, query);
    },
  }),
  operation({
    id: 'createEngine',
    method: 'POST',
    path: '/engines',
    tag: 'engines',
    summary: 'Save an engine after a probe of its address. An engine that does not answer is saved too.',
    scope: 'admin',
    body: newEngineSchema,
    status: 201,
    response: savedWithStateSchema,
    errors: saveErrors,
    idempotent: true,
    async run({ services, caller }, { body }) {
      const { url, id, kind, slots, apiKey, caFile } = body;
      refuseLocal(
        [apiKey !== undefined && apiKey.from !== 'value' && 'apiKey', caFile !== undefined && 'caFile'],
        `flm engine add ${shellWord(url)} --key-env NAME --ca FILE`,
      );
      const given = {
        url,
        ...(id === undefined ? {} : { id }),
        ...(kind === undefined ? {} : { kind }),
        ...(slots === undefined ? {} : { slots }),
        ...(apiKey === undefined ? {} : { apiKey }),
      };
      const deps = { engines: services.engines(caller), discovery: services.discovery };
      const { record, examination } = await addEngine(deps, given, services.signal);
      return { ...savedEngineDocument(record), examined: examinedDocument(examination) };
    },
  }),
  operation({
    id: 'detectEngines',
    method: 'POST',
    path: '/engines/detect',
    tag: 'engines',
    summary: 'Look for engines on the machine of flm that are not saved.',
    scope: 'admin',
    status: 200,
    response: z.strictObject({
      engines: z.array(examinedDocumentSchema),
      installed: z
        .array(
          z.strictObject({ kind: z.string(), title: z.string(), program: z.string(), startWith: z.string() }),
        )
        .readonly()
        .describe('Programs of engines that are installed and do not run.'),
      locked: z
        .array(z.strictObject({ url: z.string(), detail: z.string() }))
        .readonly()
        .describe('Servers that ask for a key.'),
    }),
    async run({ services, caller }) {
      const { discovery, signal } = services;
      const look = await discovery.detect(await services.engines(caller).list(), signal);
      const engines = await Promise.all(
        look.engines.map(async ({ ref, product }) => ({
          ...examinedDocument(await discovery.examine(recordOf(ref), signal)),
          product,
          origin: 'detected',
        })),
      );
      return { engines, installed: look.installed, locked: look.locked };
    },
  }),
  operation({
    id: 'getEngine',
    method: 'GET',
    path: '/engines/{engine}',
    tag: 'engines',
    summary: 'Show the settings of a saved engine.',
    scope: 'admin:read',
    params: path,
    status: 200,
    response: savedEngineSchema,
    errors: ['ENGINE_NOT_FOUND'],
    current: savedDocument,
    run: (context, input) => savedDocument(context, input.path),
  }),
  operation({
    id: 'changeEngine',
    method: 'PATCH',
    path: '/engines/{engine}',
    tag: 'engines',
    summary: 'Change the given settings of a saved engine; null removes a setting.',
    scope: 'admin',
    params: path,
    body: changesSchema,
    status: 200,
    response: savedWithStateSchema,
    errors: ['ENGINE_NOT_FOUND', ...saveErrors],
    current: savedDocument,
    async run(context, { path: { engine }, body }) {
      const { services, caller } = context;
      const saved = await savedRecord(context, engine);
      refuseLocalChanges(saved, body, (url) => services.discovery.spelling(url));
      const { caFile: _, ...rest } = body;
      const changes = Object.fromEntries(
        Object.entries(rest).filter(([, value]) => value !== undefined),
      ) as EngineChanges;
      const deps = { engines: services.engines(caller), discovery: services.discovery };
      const { record, examination } = await changeEngine(deps, engine, changes, services.signal, (now) => {
        // A command may have changed the engine during the probe.
        refuseLocalChanges(now, body, (url) => services.discovery.spelling(url));
        context.checkIfMatch(savedEngineDocument(now));
      });
      return { ...savedEngineDocument(record), examined: examinedDocument(examination) };
    },
  }),
  operation({
    id: 'deleteEngine',
    method: 'DELETE',
    path: '/engines/{engine}',
    tag: 'engines',
    summary: 'Remove a saved engine. Running requests finish.',
    scope: 'admin',
    params: path,
    status: 204,
    errors: ['ENGINE_NOT_FOUND'],
    current: savedDocument,
    async run({ services, caller }, { path: { engine } }) {
      await services.engines(caller).remove(engine);
      return undefined;
    },
  }),
  operation({
    id: 'testEngine',
    method: 'POST',
    path: '/engines/{engine}/test',
    tag: 'engines',
    summary: 'Probe a saved engine: its kind, its state and its models.',
    scope: 'admin',
    params: path,
    body: testSchema,
    status: 200,
    response: testedSchema,
    errors: ['ENGINE_NOT_FOUND', 'ENGINE_INVALID', 'ENGINE_UNRECOGNISED'],
    async run(context, { path: { engine }, body }) {
      const { discovery, signal } = context.services;
      const record = await savedRecord(context, engine);
      return tested(context, record, await discovery.examine(record, signal), body.embeddings);
    },
  }),
  operation({
    id: 'testEngineAddress',
    method: 'POST',
    path: '/engines/test',
    tag: 'engines',
    summary: 'Probe the engine at an address without saving it.',
    scope: 'admin',
    body: z.strictObject({
      url: urlSchema,
      kind: kindSchema.optional(),
      apiKey: keySchema.optional(),
      ...testSchema.shape,
    }),
    status: 200,
    response: testedSchema,
    errors: ['ENGINE_INVALID', 'ENGINE_UNRECOGNISED', 'LOCAL_ONLY'],
    async run(context, { body: { url, kind, apiKey, embeddings } }) {
      const { services, caller } = context;
      refuseLocal(
        [apiKey !== undefined && apiKey.from !== 'value' && 'apiKey'],
        `flm engine test ${shellWord(url)} --key-env NAME`,
      );
      const engines = services.engines(caller);
      const record = await engines.check({
        url,
        id: freeDraftId(await engines.list()),
        ...(kind === undefined ? {} : { kind }),
        ...(apiKey === undefined ? {} : { apiKey }),
      });
      const examination = await services.discovery.examine(record, services.signal);
      return tested(context, record, examination, embeddings);
    },
  }),
];

function seenDeps({ services, caller }: OperationContext) {
  return {
    proxies: services.proxies(caller),
    engines: services.engines(caller),
    discovery: services.discovery,
  };
}

async function savedDocument(context: OperationContext, { engine }: { readonly engine: string }) {
  return savedEngineDocument(await savedRecord(context, engine));
}

/** Throws ENGINE_NOT_FOUND. */
async function savedRecord({ services, caller }: OperationContext, id: string): Promise<EngineRecord> {
  const saved = await services.engines(caller).list();
  const found = saved.find((record) => record.id === id);
  if (found !== undefined) return found;
  const near = similarNames(
    id,
    saved.map((record) => record.id),
  );
  throw new EngineError('ENGINE_NOT_FOUND', { params: { engine: id, near } });
}

async function tested(
  { services }: OperationContext,
  record: EngineRecord,
  examination: Parameters<typeof examinedDocument>[0],
  model: string | undefined,
): Promise<z.input<typeof testedSchema>> {
  const document = examinedDocument(examination);
  if (model === undefined || document.state === 'down') return document;
  const known = { ...record, kind: examination.ref.kind };
  const check = await services.discovery.embeddings(known, model, services.signal);
  return { ...document, embeddings: { model, ...check } };
}

/** Throws LOCAL_ONLY with the fields of the list, if there are any. */
function refuseLocal(fields: readonly (string | false)[], command: string): void {
  const refused = fields.filter((field) => field !== false);
  if (refused.length > 0)
    throw new AdminError('LOCAL_ONLY', { params: { fields: refused.join(', '), command } });
}

function refuseLocalChanges(
  saved: EngineRecord,
  changes: z.output<typeof changesSchema>,
  spelling: (url: string) => string,
): void {
  const { url, apiKey, caFile } = changes;
  const isBound = saved.apiKey !== undefined && saved.apiKey.from !== 'value';
  const moves = url !== undefined && isOtherAddress(saved.url, url, spelling);
  const setsReference = apiKey !== undefined && apiKey !== null && apiKey.from !== 'value';
  refuseLocal(
    [
      (isBound || setsReference) && apiKey !== undefined && !isSameKey(saved.apiKey, apiKey) && 'apiKey',
      isBound && moves && 'url (its key comes from a file or an environment variable)',
      caFile !== undefined && caFile !== (saved.caFile ?? null) && 'caFile',
    ],
    `flm engine set ${saved.id} --url URL --key-env NAME --ca FILE`,
  );
  if (!moves || saved.apiKey === undefined || apiKey !== undefined) return;
  const allowed = 'the key for the new address, or null: a stored key is not sent to another address';
  throw new EngineError('ENGINE_INVALID', { faults: [{ field: 'apiKey', value: 'missing', allowed }] });
}

/** An address that cannot be read is refused later. */
function isOtherAddress(before: string, after: string, spelling: (url: string) => string): boolean {
  try {
    return spelling(before) !== spelling(after);
  } catch {
    return true;
  }
}

function isSameKey(saved: SecretRef | undefined, given: z.output<typeof keySchema> | null): boolean {
  if (saved === undefined || given === null || saved.from !== given.from)
    return saved === (given ?? undefined);
  if (saved.from === 'env' && given.from === 'env') return saved.name === given.name;
  return saved.from === 'file' && given.from === 'file' && saved.path === given.path;
}
