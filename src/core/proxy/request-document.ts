/**
 * Requests as documents: the schemas of the admin API, which `flm requests --json` prints too. They hold neither
 * prompts nor responses.
 */
import { z } from 'zod';
import { endings, type RequestLine } from './proxy-handle.ts';
import type { OfProxy, RequestChanges } from './request-directory.ts';
import { type RunningRequest, requestStates } from './running-request.ts';

const ms = z.number().min(0);
const count = z.int().min(0);
const keySchema = z.strictObject({ id: z.string(), label: z.string() });

export const runningRequestSchema = z
  .strictObject({
    id: z.string().describe('The `x-request-id` of its response.'),
    proxy: z.string(),
    startedAt: z.iso.datetime(),
    ageMs: ms.describe('Since the request began.'),
    client: z.string().describe('The address of the client.'),
    key: keySchema,
    method: z.string(),
    route: z.string(),
    model: z.string().nullable().describe('Null while it is not known, or if the request names none.'),
    engine: z.string().nullable().describe('Null until an engine gets the request.'),
    state: z
      .enum(requestStates)
      .describe(
        '`receiving`: its body arrives. `waiting`: it waits for a slot of an engine. `processing`: the engine works and has sent nothing. `streaming`: the response arrives.',
      ),
    queuePosition: z.int().min(1).nullable().describe('While it waits; null if it is not known.'),
    firstByteMs: ms.nullable().describe('From its beginning to the first byte of the response.'),
    bytesIn: count,
    bytesOut: count,
    streamed: z.boolean(),
    outputTokens: count.describe('So far.'),
    tokensEstimated: z.boolean().describe('`outputTokens` is an estimate of flm.'),
    tokensPerSecond: z.number().min(0).nullable().describe('Output tokens since the first byte.'),
  })
  .meta({ id: 'RunningRequest' });

export const endedRequestSchema = z
  .strictObject({
    id: z.string(),
    proxy: z.string(),
    at: z.iso.datetime().describe('When it ended.'),
    client: z.string(),
    key: keySchema.nullable(),
    method: z.string(),
    path: z.string(),
    status: z.int(),
    model: z.string().nullable(),
    engine: z.string().nullable(),
    ending: z.enum(endings),
    code: z.string().nullable().describe('The code of the error table, if it failed.'),
    rule: z.string().nullable().describe('The rule that refused it.'),
    streamed: z.boolean(),
    firstByteMs: ms.nullable(),
    queuedMs: ms.nullable().describe('How long it waited for a slot of an engine; null if it did not.'),
    durationMs: ms,
    bytesIn: count,
    bytesOut: count,
    inputTokens: count.describe('As usage counts them.'),
    outputTokens: count,
    tokensEstimated: z.boolean(),
    cachedTokens: count
      .nullable()
      .describe('Prompt tokens that the engine took from its cache; null if it did not report that.'),
    promptTokens: count.nullable().describe('All tokens of the prompt, if the engine reported its cache.'),
    tokensPerSecond: z.number().min(0).nullable(),
  })
  .meta({ id: 'EndedRequest' });

export const requestChangesSchema = z
  .strictObject({
    running: z.array(runningRequestSchema).describe('New requests and requests that changed.'),
    gone: z.array(z.string()).describe('Ids of requests that no longer run.'),
    ended: z.array(endedRequestSchema).describe('Requests that ended, oldest first.'),
  })
  .meta({ id: 'RequestChanges' });

export type RunningRequestDocument = z.infer<typeof runningRequestSchema>;
export type EndedRequestDocument = z.infer<typeof endedRequestSchema>;
export type RequestChangesDocument = z.infer<typeof requestChangesSchema>;

export function runningRequestDocument(request: OfProxy<RunningRequest>): RunningRequestDocument {
  const { startedAtMs, keyId, keyLabel, ...rest } = request;
  return { ...rest, startedAt: isoTime(startedAtMs), key: { id: keyId, label: keyLabel } };
}

export function endedRequestDocument(line: OfProxy<RequestLine>): EndedRequestDocument {
  const { id, proxy, client, method, path, status, model, engine, ending, code, rule, streamed } = line;
  const { firstByteMs, queuedMs, durationMs, bytesIn, bytesOut, keyId, keyLabel } = line;
  return {
    id,
    proxy,
    at: isoTime(line.atMs),
    client,
    key: keyId === null ? null : { id: keyId, label: keyLabel ?? '' },
    method,
    path,
    status,
    model,
    engine,
    ending,
    code,
    rule,
    streamed,
    firstByteMs,
    queuedMs,
    durationMs,
    bytesIn,
    bytesOut,
    inputTokens: line.chargedInputTokens,
    outputTokens: line.chargedOutputTokens,
    tokensEstimated: line.tokensEstimated,
    // A proxy of an older flm does not have them.
    cachedTokens: line.cachedTokens ?? null,
    promptTokens: line.promptTokens ?? null,
    tokensPerSecond: tokensPerSecond(line),
  };
}

export function requestChangesDocument({ running, gone, ended }: RequestChanges): RequestChangesDocument {
  return {
    running: running.map(runningRequestDocument),
    gone: [...gone],
    ended: ended.map(endedRequestDocument),
  };
}

/** Output tokens a second after the first byte; null if the engine reports no count. */
export function tokensPerSecond({
  outputTokens,
  durationMs,
  firstByteMs,
  streamed,
}: RequestLine): number | null {
  // A stream's first byte ends the time for reading the prompt. Without a stream, that time is unknown.
  const spanMs = streamed ? durationMs - (firstByteMs ?? 0) : durationMs;
  return outputTokens === null || spanMs <= 0 ? null : Math.round((outputTokens / spanMs) * 10_000) / 10;
}

function isoTime(atMs: number): string {
  return new Date(atMs).toISOString();
}
