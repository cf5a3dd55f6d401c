/**
 * Requests one embedding in base64, as the official SDKs do, and reports the format of the response. Some engines send
 * floats anyway: openai-node 6 silently reads those as an empty list, and flm does not re-encode responses.
 */
import type { EmbeddingsCheck, Engine } from '../core/engine/engine.ts';
import { keyField } from '../core/engine/engine-kind.ts';
import { objectOf, objectsIn, textOf } from '../core/engine/json-reading.ts';

import { type ProbeLine, probeRequest } from './probe-request.ts';

/** The engine may have to load the model first. */
const limitMs = 120_000;

/** Sends a real, small request. Never rejects. */
export async function checkEmbeddings(
  line: ProbeLine,
  engine: Engine,
  model: string,
  signal: AbortSignal,
): Promise<EmbeddingsCheck> {
  const { ref, kind } = engine;
  const field = keyField(kind.keyField, ref.apiKey);
  const json = JSON.stringify({ model, input: 'flm', encoding_format: 'base64' });
  const answer = await probeRequest(
    line,
    { to: ref.address, path: '/v1/embeddings', field, limitMs, json },
    signal,
  );
  if (!answer.answered) return { format: 'none', detail: answer.detail };
  const body = objectOf(answer.json);
  const embedding = objectsIn(body, 'data')?.[0]?.embedding;
  if (answer.status === 200 && Array.isArray(embedding))
    return { format: 'floats', dimensions: embedding.length };
  // Four bytes per float.
  if (answer.status === 200 && typeof embedding === 'string')
    return { format: 'base64', dimensions: Math.floor(Buffer.byteLength(embedding, 'base64') / 4) };
  const said = textOf(objectOf(body?.error)?.message) ?? textOf(body?.error);
  return {
    format: 'none',
    detail: `answers with status ${answer.status}${said === undefined ? '' : `: ${said.slice(0, 200)}`}`,
  };
}
