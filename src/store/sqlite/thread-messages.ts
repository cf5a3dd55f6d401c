/**
 * The messages between a proxy and its store thread: numbered requests of `store-requests.ts`. The thread answers each
 * request once, with its number. If a `look` has many keys, it sends them in slices, and the proxy asks for each with `next`.
 *
 *   look  ->  slice*, state
 *
 * The thread keeps no state that a new thread would need.
 */
import type { ErrorCode, ErrorParams } from '../../core/errors.ts';
import type { StateChange } from '../../core/security/ports.ts';
import type { KeySlice } from '../../core/security/stored-keys.ts';
import type { StateDelta, StoreAnswer, StoreRequest } from '../store-requests.ts';

export interface ThreadStart {
  readonly home: string;
  readonly busyTimeoutMs: number;
}

export type ToThread = { readonly n: number; readonly request: StoreRequest | { readonly do: 'next' } };

/** Changes as they are stored. The proxy checks the policy, so the thread does not load the code for that. */
export interface StoredDelta extends Omit<StateDelta, 'rest'> {
  readonly rest: Omit<StateChange, 'keys' | 'policy'> & { readonly policy?: { readonly body: unknown } };
}

export interface FromThread {
  readonly n: number;
  readonly answer:
    | Exclude<StoreAnswer, { readonly say: 'state' }>
    | { readonly say: 'state'; readonly delta: undefined }
    /** `keys`: few keys, or those that changed while the slices were read. */
    | { readonly say: 'state'; readonly delta: StoredDelta; readonly keys: KeySlice }
    | { readonly say: 'slice'; readonly keys: KeySlice }
    | { readonly say: 'failed'; readonly code: ErrorCode; readonly params: ErrorParams };
}
