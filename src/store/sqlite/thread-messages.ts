/**
 * What a proxy and its store thread say to each other. The proxy asks, the thread answers each question once, by
 * number:
 *
 *   look        ->  slice*, state     what changed since `seen`; `next` asks for the slice after the one that came
 *   count       ->  counted           tokens of today, where they changed
 *   write       ->  done              a batch, again with the same sequence until it is answered
 *   revoke      ->  done              a key, with its audit entry; a key that is gone or revoked already is no failure
 *   saveHandle, deleteHandle, close  ->  done
 *
 * or `failed`. The thread remembers nothing that a new one could not do without.
 */
import type { ErrorCode, ErrorParams } from '../../core/errors.ts';
import type { ProxyHandle } from '../../core/proxy/proxy-handle.ts';
import type { ApiKey } from '../../core/security/api-key.ts';
import type { AuditEntry, StateChange } from '../../core/security/ports.ts';
import type { UsageBatch, UsageTotals } from '../usage-batches.ts';

export interface ThreadStart {
  readonly home: string;
  readonly busyTimeoutMs: number;
}

/** How much of which file a proxy has. */
export interface Seen {
  readonly file: string;
  readonly revisions: Revisions;
}

/** Revision numbers by table. */
export type Revisions = Readonly<Record<'api_key' | 'policy' | 'engine' | 'model_alias', number>>;

/** A change without the keys themselves, which come in slices. */
export interface StateDelta {
  readonly seen: Seen;
  readonly keys?: Pick<NonNullable<StateChange['keys']>, 'replaceAll' | 'removedIds'>;
  readonly rest: Omit<StateChange, 'keys'>;
}

export type ThreadRequest =
  | { readonly do: 'look'; readonly seen: Seen | undefined }
  | {
      readonly do: 'count';
      readonly day: number;
      readonly writer: string;
      /** Whose last batch is to be told too. */
      readonly others: readonly string[];
    }
  | { readonly do: 'write'; readonly batch: UsageBatch }
  | { readonly do: 'saveHandle'; readonly handle: ProxyHandle }
  | { readonly do: 'deleteHandle'; readonly id: string; readonly nonce: string }
  | { readonly do: 'revoke'; readonly keyId: string; readonly atMs: number; readonly audit: AuditEntry }
  | {
      readonly do: 'close';
      readonly writer: string;
      /** Another process asks for the last batch of this writer. */
      readonly keep: boolean;
    };

export type ThreadAnswer =
  | { readonly say: 'state'; readonly delta: StateDelta | undefined }
  | { readonly say: 'counted'; readonly totals: UsageTotals | undefined }
  | { readonly say: 'done' };

export type ToThread = { readonly n: number; readonly request: ThreadRequest | { readonly do: 'next' } };

export interface FromThread {
  readonly n: number;
  readonly answer:
    | ThreadAnswer
    | { readonly say: 'slice'; readonly keys: readonly ApiKey[] }
    | { readonly say: 'failed'; readonly code: ErrorCode; readonly params: ErrorParams };
}
