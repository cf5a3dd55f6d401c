/**
 * The ports to a database: `Store` for the command line, `ProxyStore` for a running proxy. SQLite and PostgreSQL
 * implement both.
 *
 * Each port in core states its guarantees; `test/contracts/repository-contract.ts` tests them.
 */

import type { AuditHead } from '../core/audit/audit-chain.ts';
import type { AuditLog } from '../core/audit/audit-log.ts';
import type { ConfigurationRepository } from '../core/configuration/ports.ts';
import type { EngineRepository } from '../core/engine/engine-registry.ts';
import type { ProxyRepository } from '../core/proxy/ports.ts';
import type { ProxyHandle } from '../core/proxy/proxy-handle.ts';
import type { StoreReading } from '../core/proxy/store-reading.ts';
import type { UsedTokens } from '../core/security/limits-authority.ts';
import type {
  AuditEntry,
  SecurityRepository,
  StateFeed,
  UsageLedger,
  UsageRepository,
} from '../core/security/ports.ts';
import type { RedemptionOrder, RedemptionResult, ShareRepository } from '../core/security/share.ts';
import type { SharedFiles } from '../core/shared-files.ts';

export interface Repositories {
  readonly proxies: ProxyRepository;
  readonly security: SecurityRepository;
  readonly engines: EngineRepository;
  readonly configuration: ConfigurationRepository;
  readonly shares: ShareRepository;
  readonly audit: AuditLog;
  readonly usage: UsageRepository;
}

/** A store for programs that may block on the disk. The code that opens a store closes it. */
export interface Store extends Repositories {
  close(): void | Promise<void>;
}

/** A store for a running proxy: no call blocks, and changes of other processes arrive as notifications. */
export interface ProxyStore extends StateFeed, UsageLedger {
  /** Writes within a second. Above a few hundred entries per second, further entries are only counted. */
  record(entry: AuditEntry): void;
  /** Writes the revocation of a key, and retries until it is stored. */
  revoke(keyId: string, audit: AuditEntry): PendingRevocation;
  /** Retries every unstored revocation once. Resolves with the ids of the keys for which that failed. */
  writeRevocations(): Promise<readonly string[]>;
  /** Revocations that are not stored yet: from key id to the problem of the last try. */
  readonly unwrittenRevocations: ReadonlyMap<string, string>;
  /** True if the disk holds the unstored revocations, so that the next proxy of this machine stores them. */
  readonly keepsRevocations: boolean;
  /** The audit entries of the unstored revocations. The subject of each is the key's id. */
  exportRevocations(): readonly AuditEntry[];
  /** Tries to write all usage counted so far. Never rejects. */
  writeUsage(): Promise<void>;
  /** Counted tokens that may not be in the store yet. This process still writes its own tokens. */
  exportUncounted(): readonly UsedTokens[];
  /** Counts tokens that another process writes, until the store holds them. */
  countUsed(used: UsedTokens): void;
  /** Reads today's tokens again, with all that was stored before this call. Never rejects. */
  recount(): Promise<void>;
  /** Called with the tokens that are counted from now on, because another process decides about limits. */
  set onUsed(used: ((tokens: UsedTokens) => void) | undefined);
  /** The heads of the chains of the audit; undefined while they cannot be read. Never rejects. */
  auditHeads(): Promise<readonly AuditHead[] | undefined>;
  readonly reading: StoreReading;
  /** Shows this proxy to the others that share its database, until `close`. Does nothing if no other machine can. */
  publish(node: () => NodeReport): void;
  /** Makes the key of a share, once. The key is in force in this proxy when the promise resolves. Rejects with a `StoreError`. */
  redeemShare(order: RedemptionOrder): Promise<RedemptionResult>;
  /** Certificates of ACME servers, where machines share a database. */
  readonly sharedFiles?: SharedFiles | undefined;
  saveHandle(handle: ProxyHandle): Promise<void>;
  deleteHandle(id: string, nonce: string): Promise<void>;
}

/** What a proxy reports to the other proxies that share its database. */
export interface NodeReport {
  /** The id of the proxy. */
  readonly id: string;
  /** The machine, as its administrator named it. */
  readonly name: string;
  readonly version: string;
  readonly url: string;
  readonly startedAtMs: number;
  /** JSON for status pages. */
  readonly report: Readonly<Record<string, unknown>>;
}

export interface PendingRevocation {
  /** Resolves with the problem of the first try, or with undefined when the revocation is stored. */
  readonly first: Promise<string | undefined>;
  /** Resolves when the revocation is stored. That may never happen. */
  readonly written: Promise<void>;
}
