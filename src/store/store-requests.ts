/**
 * The requests of a running proxy to its store, and the answers:
 *
 *   look        ->  state      changes since `seen`, with their keys
 *   count       ->  counted    tokens of today, if they changed
 *   usage       ->  usage      one family of keys, by day and model
 *   write       ->  done       a batch, sent with the same sequence number until it is answered
 *   revoke      ->  done       a key, with its audit entry; a deleted or revoked key is not an error
 *   redeem      ->  redeemed   a share; its key is made in the same transaction
 *   heads       ->  heads      of the chains of the audit
 *   saveHandle, deleteHandle, close  ->  done
 *
 * SQLite answers in a thread of its own, PostgreSQL over connections.
 */
import type { AuditHead } from '../core/audit/audit-chain.ts';
import type { ProxyHandle } from '../core/proxy/proxy-handle.ts';
import type { EnforcedKey } from '../core/security/api-key.ts';
import type { AuditEntry, FamilyUsage, StateChange } from '../core/security/ports.ts';
import type { RedemptionOrder, RedemptionResult } from '../core/security/share.ts';
import type { StoredKeyChange } from '../core/security/stored-keys.ts';
import type { NodeReport } from './store.ts';
import type { UsageBatch, UsageTotals } from './usage-batches.ts';

/** Which revisions of which database a proxy has read. */
export interface Seen {
  /** Identifies the file, or the server and its database. */
  readonly file: string;
  readonly revisions: Revisions;
}

/** Revision numbers by table. */
export type Revisions = Readonly<Record<'api_key' | 'policy' | 'engine' | 'model_alias', number>>;

/** A change without the keys, which are sent in slices. */
export interface StateDelta {
  readonly seen: Seen;
  readonly keys?: Omit<StoredKeyChange, 'upserted'>;
  readonly rest: Omit<StateChange, 'keys'>;
}

export type StoreRequest =
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
  | { readonly do: 'revoke'; readonly keyId: string; readonly audit: AuditEntry }
  | { readonly do: 'redeem'; readonly order: RedemptionOrder }
  | { readonly do: 'heads' }
  | {
      readonly do: 'close';
      readonly writer: string;
      /** True if another process asks for the last batch of this writer. */
      readonly keep: boolean;
    };

export type StoreAnswer =
  | { readonly say: 'state'; readonly delta: StateDelta | undefined }
  | { readonly say: 'counted'; readonly totals: UsageTotals | undefined }
  | { readonly say: 'usage'; readonly rows: readonly FamilyUsage[] }
  | { readonly say: 'redeemed'; readonly result: RedemptionResult }
  | { readonly say: 'heads'; readonly heads: readonly AuditHead[] }
  | { readonly say: 'done' };

export interface StoreReply {
  readonly answer: StoreAnswer;
  /** The keys of a `look`. */
  readonly keys: Iterable<EnforcedKey>;
}

/** urgent: try now. patient: may fail immediately if the connection failed a moment ago. */
export type Urgency = 'urgent' | 'patient';

/** The connection of a running proxy to its database. No call blocks the thread of the proxy. */
export interface StoreConnection {
  /** Rejects with a `StoreError`, always within a time limit. */
  ask(request: StoreRequest, urgency: Urgency): Promise<StoreReply>;
  /** Calls `changed` when the database reports a change. Reports may be lost, so the proxy looks by itself too. */
  watch?(changed: () => void): void;
  /** Shows the proxy to the others that share the database, with the revision that it has applied. */
  heartbeat?(node: NodeReport, revision: number): Promise<void>;
  /** True if a `close` request can have an effect. */
  readonly alive: boolean;
  /** Ends a request whose answer is overdue. */
  endIfHung(): void;
  /** Ends the connection permanently. Open requests fail now. */
  stop(): void;
  /** Resolves when nothing is left. */
  gone(): Promise<void>;
}
