/**
 * Requests the model list from a proxy as a client would, to prove that a first start works. It never generates text,
 * because loading a model could take minutes.
 */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { gatherText } from '../core/gathered-bytes.ts';
import { requestOwnProxy } from './proxy-request.ts';

export type ProxyCheck =
  /** The names of the models, in the proxy's order. */
  | { readonly ok: true; readonly models: readonly string[] }
  /** `reason` completes "The proxy ...". */
  | { readonly ok: false; readonly reason: string };

/** The list contains every model of every engine. */
const maxListBytes = 64 * 1024 * 1024;
const limitMs = 5_000;

/** `url` without `/v1`; `authority` is the local CA's certificate, if there is one. Never rejects. */
export async function askProxy(
  url: string,
  key: string,
  signal: AbortSignal,
  authority?: string,
): Promise<ProxyCheck> {
  try {
    const sent = requestOwnProxy(
      `${url}/v1/models`,
      {
        agent: false,
        headers: { authorization: `Bearer ${key}` },
        signal: AbortSignal.any([signal, AbortSignal.timeout(limitMs)]),
      },
      authority,
    );
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    sent.on('error', () => {});
    const body: unknown = JSON.parse((await gatherText(response, maxListBytes)) ?? '');
    if (response.statusCode !== 200)
      return { ok: false, reason: `answered the test request with ${response.statusCode}` };
    return { ok: true, models: modelsIn(body) };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return {
      ok: false,
      reason: `did not answer the test request (${cause instanceof Error ? cause.message : String(cause)})`,
    };
  }
}

function modelsIn(body: unknown): readonly string[] {
  if (typeof body !== 'object' || body === null || !('data' in body) || !Array.isArray(body.data)) return [];
  return body.data.flatMap((entry: { readonly id?: unknown } | null) =>
    typeof entry?.id === 'string' ? [entry.id] : [],
  );
}
