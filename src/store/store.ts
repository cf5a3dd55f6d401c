/**
 * What a database offers to flm: `Store` to the command line, `ProxyStore` to a running proxy. SQLite implements both
 * today, PostgreSQL will later.
 *
 * Each port in core states its guarantees; `test/contracts/repository-contract.ts` tests them.
 */

import type { EngineRepository } from '../core/engine/engine-registry.ts';
import type { ProxyRepository } from '../core/proxy/ports.ts';
import type { ProxyHandle } from '../core/proxy/proxy-handle.ts';
import type { UsedTokens } from '../core/security/limits-authority.ts';
import type {
  AuditEntry,
  AuditRepository,
  SecurityRepository,
  StateFeed,
  UsageLedger,
  UsageRepository,
} from '../core/security/ports.ts';

export interface Repositories {
  readonly proxies: ProxyRepository;
  readonly security: SecurityRepository;
  readonly engines: EngineRepository;
  readonly audit: AuditRepository;
  readonly usage: UsageRepository;
}

/** A store for programs that may wait for it. The code that opens a store closes it. */
export interface Store extends Repositories {
  close(): void | Promise<void>;
}

/** A store for a running proxy: no call blocks, and changes of other processes arrive by themselves. */
export interface ProxyStore extends StateFeed, UsageLedger {
  /** Writes within a second. Above a few hundred entries per second, further entries are only counted. */
  record(entry: AuditEntry): void;
  /** Writes the revocation of a key, and tries again until that works. */
  revoke(keyId: string, audit: AuditEntry): PendingRevocation;
  /** Tries once more to write every revocation. Resolves with the ids of the keys for which that failed. */
  writeRevocations(): Promise<readonly string[]>;
  /** Revocations that are not stored yet: key id to the problem of the last try. */
  readonly unwrittenRevocations: ReadonlyMap<string, string>;
  /** The audit entries of these; the subject of each is the id of the key. */
  exportRevocations(): readonly AuditEntry[];
  /** Writes what was counted so far, where that is possible now. Never rejects. */
  writeUsage(): Promise<void>;
  /** Tokens that count and may not be in the store yet. This process goes on to write its own. */
  exportUncounted(): readonly UsedTokens[];
  /** Counts tokens that another process writes, until the store holds them. */
  countUsed(used: UsedTokens): void;
  /** Called with the tokens that are counted from now on: another process decides by them. */
  set onUsed(used: ((tokens: UsedTokens) => void) | undefined);
  saveHandle(handle: ProxyHandle): Promise<void>;
  deleteHandle(id: string, nonce: string): Promise<void>;
}

export interface PendingRevocation {
  /** Resolves with the problem of the first try, or with undefined when the revocation is stored. */
  readonly first: Promise<string | undefined>;
  /** Resolves when the revocation is stored. That may never happen. */
  readonly written: Promise<void>;
}
