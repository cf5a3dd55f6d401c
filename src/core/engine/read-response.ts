/**
 * Reads a whole response of an engine, up to a limit. Used by probes, detection and merged lists.
 *
 * No more than the limit is kept in memory. The signal aborts the request. The promise never rejects.
 */

import type { EngineError } from '../errors.ts';
import { GatheredBytes } from '../gathered-bytes.ts';
import type { Attempt, EngineHead, Upstream } from './upstream.ts';

/**
 * Limit for descriptions of an engine and its models. A larger body would block all other requests while it is parsed.
 */
export const maxEngineResponseBytes = 1024 * 1024;

export type WholeResponse =
  | { readonly kind: 'whole'; readonly head: EngineHead; readonly body: Buffer }
  | { readonly kind: 'failed'; readonly error: EngineError }
  | { readonly kind: 'too-long' }
  | { readonly kind: 'aborted' };

export function readResponse(
  upstream: Upstream,
  attempt: Attempt,
  maxBytes: number,
  signal: AbortSignal,
): Promise<WholeResponse> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve({ kind: 'aborted' });
    const gathered = new GatheredBytes(maxBytes);
    let head: EngineHead | undefined;
    const settle = (answer: WholeResponse): void => {
      signal.removeEventListener('abort', onAbort);
      resolve(answer);
    };
    const onAbort = (): void => {
      inFlightRequest.abort();
      settle({ kind: 'aborted' });
    };
    const keep = (buffer: Buffer, from: number, to: number): boolean => {
      if (!gathered.tooLong && !gathered.add(buffer, from, to)) {
        inFlightRequest.abort();
        settle({ kind: 'too-long' });
      }
      return true;
    };
    signal.addEventListener('abort', onAbort, { once: true });
    const inFlightRequest = upstream.send(attempt, {
      head: (h) => {
        head = h;
      },
      data: keep,
      framed: (buffer, _from, _to, chunks) => {
        for (let i = 0; i < chunks.count; i++)
          keep(buffer, chunks.starts[i] as number, chunks.ends[i] as number);
        return true;
      },
      end: () => {
        if (head !== undefined) settle({ kind: 'whole', head, body: gathered.bytes() });
      },
      failed: (error) => settle({ kind: 'failed', error }),
    });
  });
}
