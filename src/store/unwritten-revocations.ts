/**
 * The revocations of a running proxy that the database does not have yet. A revocation stays here until it is stored, and
 * the journal keeps it from the first failed try on. Writing a stored revocation again changes nothing.
 */
import type { AuditEntry } from '../core/security/ports.ts';
import type { PendingRevocation } from './store.ts';
import type { StoreJournal } from './store-journal.ts';
import { problemText } from './store-problems.ts';
import type { StoreConnection, Urgency } from './store-requests.ts';

interface UnwrittenRevocation {
  readonly audit: AuditEntry;
  readonly written: PromiseWithResolvers<void>;
}

export class UnwrittenRevocations {
  readonly #connection: StoreConnection;
  readonly #journal: StoreJournal | undefined;
  readonly #byKey = new Map<string, UnwrittenRevocation>();
  readonly #problems = new Map<string, string>();

  constructor(connection: StoreConnection, journal: StoreJournal | undefined) {
    this.#connection = connection;
    this.#journal = journal;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** The problem of the last try, by key id. */
  get problems(): ReadonlyMap<string, string> {
    return this.#problems;
  }

  /** The audit entry of each revocation. */
  entries(): readonly AuditEntry[] {
    return [...this.#byKey.values()].map(({ audit }) => audit);
  }

  /** Tries to write the revocation at once. */
  add(keyId: string, audit: AuditEntry): PendingRevocation {
    const known = this.#byKey.get(keyId);
    const revocation = known ?? { audit, written: Promise.withResolvers<void>() };
    this.#byKey.set(keyId, revocation);
    return { first: this.#write(keyId, 'urgent'), written: revocation.written.promise };
  }

  /** Tries each revocation once. Never rejects. Resolves with the ids of the keys for which that failed. */
  async writeAll(urgency: Urgency): Promise<readonly string[]> {
    for (const keyId of this.#byKey.keys()) await this.#write(keyId, urgency);
    return [...this.#byKey.keys()];
  }

  /** Never rejects. Resolves with undefined when the revocation is stored. */
  async #write(keyId: string, urgency: Urgency): Promise<string | undefined> {
    const revocation = this.#byKey.get(keyId);
    if (revocation === undefined) return undefined;
    const { audit, written } = revocation;
    try {
      await this.#connection.ask({ do: 'revoke', keyId, audit }, urgency);
    } catch (error) {
      const problem = problemText(error);
      const isNew = !this.#problems.has(keyId);
      this.#problems.set(keyId, problem);
      if (isNew) await this.#journal?.save(false);
      return problem;
    }
    this.#byKey.delete(keyId);
    this.#problems.delete(keyId);
    written.resolve();
    await this.#journal?.clear();
    return undefined;
  }
}
