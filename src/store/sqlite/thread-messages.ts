/**
 * The messages between a proxy and its store thread. The proxy sends numbered requests, and the thread answers each
 * request once, with its number:
 *
 *   look        ->  slice*, state     changes since `seen`; `next` asks for the next slice
 *   count       ->  counted           tokens of today, if they changed
 *   usage       ->  usage             one family of keys, by day and model
 *   write       ->  done              a batch, sent with the same sequence number until it is answered
 *   revoke      ->  done              a key, with its audit entry; a deleted or revoked key is not an error
 *   redeem      ->  redeemed          a share; its key is made in the same transaction
 *   saveHandle, deleteHandle, close  ->  done
 *
 * or `failed`. The thread keeps no state that a new thread would need.
 */
import type { ErrorCode, ErrorParams } from '../../core/errors.ts';
import type { ProxyHandle } from '../../core/proxy/proxy-handle.ts';
import type { EnforcedKey } from '../../core/security/api-key.ts';
import type { AuditEntry, FamilyUsage, StateChange } from '../../core/security/ports.ts';
import type { RedemptionOrder, RedemptionResult } from '../../core/security/share.ts';
import type { UsageBatch, UsageTotals } from '../usage-batches.ts';

export interface ThreadStart {
  readonly home: string;
  readonly busyTimeoutMs: number;
}

/** Which revisions of which file a proxy has read. */
export interface Seen {
  readonly file: string;
  readonly revisions: Revisions;
}

/** Revision numbers by table. */
export type Revisions = Readonly<Record<'api_key' | 'policy' | 'engine' | 'model_alias', number>>;

/** A change without the keys, which are sent in slices. */
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
      /** Other writers whose last batch number the answer includes. */
      readonly others: readonly string[];
    }
  | { readonly do: 'usage'; readonly familyId: string; readonly days: readonly string[] }
  | { readonly do: 'write'; readonly batch: UsageBatch }
  | { readonly do: 'saveHandle'; readonly handle: ProxyHandle }
  | { readonly do: 'deleteHandle'; readonly id: string; readonly nonce: string }
  | { readonly do: 'revoke'; readonly keyId: string; readonly atMs: number; readonly audit: AuditEntry }
  | { readonly do: 'redeem'; readonly order: RedemptionOrder }
  | {
      readonly do: 'close';
      readonly writer: string;
      /** True if another process asks for the last batch of this writer. */
      readonly keep: boolean;
    };

export type ThreadAnswer =
  | { readonly say: 'state'; readonly delta: StateDelta | undefined }
  | { readonly say: 'counted'; readonly totals: UsageTotals | undefined }
  | { readonly say: 'usage'; readonly rows: readonly FamilyUsage[] }
  | { readonly say: 'redeemed'; readonly result: RedemptionResult }
  | { readonly say: 'done' };

export type ToThread = { readonly n: number; readonly request: ThreadRequest | { readonly do: 'next' } };

export interface FromThread {
  readonly n: number;
  readonly answer:
    | ThreadAnswer
    | { readonly say: 'slice'; readonly keys: readonly EnforcedKey[] }
    | { readonly say: 'failed'; readonly code: ErrorCode; readonly params: ErrorParams };
}
