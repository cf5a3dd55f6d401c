/**
 * An engine as the command line (`--json`) and the admin API show it: its state, and its settings as saved. A key of an
 * engine is never shown, only where it comes from.
 */
import { z } from 'zod';
import type { EngineStatus } from './directory.ts';
import type { EngineRecord } from './engine.ts';
import type { EngineExamination } from './engine-discovery.ts';

const count = z.int().min(0);

const engineFields = {
  id: z.string().describe('Its name in `engine/model` and in key rules.'),
  kind: z.string(),
  url: z.string(),
  origin: z.string().describe('Where its entry came from: flag, profile, saved, detected or demo.'),
  state: z.string().describe('running, degraded or down.'),
  version: z.string().optional(),
  latencyMs: z.number().optional(),
  inFlight: count.describe('Requests that it answers now.'),
  slots: count.optional().describe('How many requests it handles at once; absent: unlimited or unknown.'),
  queued: count
    .optional()
    .describe('Waiting requests that this engine could answer, if a proxy reports them.'),
  models: z
    .array(
      z.strictObject({
        id: z.string(),
        contextLength: z.number().optional(),
        loaded: z.boolean().optional(),
      }),
    )
    .readonly(),
  note: z.string().optional().describe('Why it is not running, in words.'),
  breakerOpen: z.boolean().describe('Connections failed repeatedly; requests use other engines.'),
  rank: z
    .strictObject({
      state: z.enum(['last', 'returning', 'last-for-keys']),
      reason: z.string(),
      keys: z.array(z.string()).readonly(),
      keyCount: count,
    })
    .optional()
    .describe('Why requests prefer other engines.'),
  exposedOn: z
    .string()
    .optional()
    .describe('An address on which the engine itself answers, so that clients can bypass flm.'),
};

export const engineDocumentSchema = z.strictObject(engineFields).meta({ id: 'EngineState' });
export type EngineDocument = Readonly<z.input<typeof engineDocumentSchema>>;

/** An engine with the proxy that reported its state; null if flm probed the engine itself. */
export const seenEngineDocumentSchema = z
  .strictObject({ ...engineFields, proxy: z.string().nullable() })
  .meta({ id: 'SeenEngine' });
export type SeenEngineDocument = Readonly<z.input<typeof seenEngineDocumentSchema>>;

export const examinedDocumentSchema = z
  .strictObject({
    ...engineFields,
    product: z.string().describe('The name of the server software.'),
    serves: z.array(z.string()).readonly().describe('Names of the features that clients can use.'),
  })
  .meta({ id: 'ExaminedEngine' });
export type ExaminedDocument = Readonly<z.input<typeof examinedDocumentSchema>>;

export const savedEngineSchema = z
  .strictObject({
    id: z.string(),
    url: z.string(),
    kind: z.string().nullable().describe('Null: flm identifies the server.'),
    slots: z.int().min(1).nullable().describe('Null: as the engine reports.'),
    apiKey: z
      .union([
        z.strictObject({ from: z.literal('env'), name: z.string() }),
        z.strictObject({ from: z.literal('file'), path: z.string() }),
        z.strictObject({ from: z.literal('value') }),
      ])
      .nullable()
      .describe('Where its key comes from. A stored key is not shown.'),
    caFile: z.string().nullable(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Engine' });
export type SavedEngineDocument = Readonly<z.input<typeof savedEngineSchema>>;

export function engineDocument(status: EngineStatus, queued?: number): EngineDocument {
  const { ref, models, ...rest } = status;
  return {
    id: ref.id,
    kind: ref.kind,
    url: ref.url,
    origin: ref.origin,
    ...rest,
    ...(queued === undefined ? {} : { queued }),
    models: models.map(({ id, contextLength, loaded }) => ({
      id,
      ...(contextLength === undefined ? {} : { contextLength }),
      ...(loaded === undefined ? {} : { loaded }),
    })),
  };
}

export function examinedDocument(examination: EngineExamination): ExaminedDocument {
  const { product, serves } = examination;
  return { ...engineDocument(statusOf(examination)), product, serves };
}

export function statusOf({ ref, probe, exposedOn }: EngineExamination): EngineStatus {
  const common = { ref, inFlight: 0, breakerOpen: false, ...(exposedOn === undefined ? {} : { exposedOn }) };
  if (probe.state === 'down') return { ...common, state: 'down', models: [], note: probe.detail };
  const { state, models, version, latencyMs, note } = probe;
  // As in a proxy, the number that somebody set counts.
  const slots = ref.slots ?? probe.slots;
  return {
    ...common,
    state,
    models,
    latencyMs,
    ...(version === undefined ? {} : { version }),
    ...(slots === undefined ? {} : { slots }),
    ...(note === undefined ? {} : { note }),
  };
}

export function savedEngineDocument(record: EngineRecord): SavedEngineDocument {
  const { id, url, kind, slots, apiKey, caFile, createdAtMs } = record;
  return {
    id,
    url,
    kind: kind ?? null,
    slots: slots ?? null,
    apiKey: apiKey === undefined ? null : apiKey.from === 'value' ? { from: 'value' } : apiKey,
    caFile: caFile ?? null,
    createdAt: new Date(createdAtMs).toISOString(),
  };
}
