/**
 * The messages between a proxy and its store thread: numbered requests of `store-requests.ts`. The thread answers each
 * request once, with its number. It sends the keys of a `look` in slices, and the proxy asks for each slice with `next`.
 *
 *   look  ->  slice*, state
 *
 * The thread keeps no state that a new thread would need.
 */
import type { ErrorCode, ErrorParams } from '../../core/errors.ts';
import type { EnforcedKey } from '../../core/security/api-key.ts';
import type { StoreAnswer, StoreRequest } from '../store-requests.ts';

export interface ThreadStart {
  readonly home: string;
  readonly busyTimeoutMs: number;
}

export type ToThread = { readonly n: number; readonly request: StoreRequest | { readonly do: 'next' } };

export interface FromThread {
  readonly n: number;
  readonly answer:
    | StoreAnswer
    | { readonly say: 'slice'; readonly keys: readonly EnforcedKey[] }
    | { readonly say: 'failed'; readonly code: ErrorCode; readonly params: ErrorParams };
}
