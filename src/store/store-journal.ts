/**
 * Decides when a running store saves its unwritten data in the outage journal, removes it from there, and writes what
 * other proxies left. Never rejects: if the disk fails too, memory still holds everything.
 */
import type { Clock } from '../core/clock.ts';
import type { OutageJournal, Unwritten } from './outage-journal.ts';
import type { StoreConnection, Urgency } from './store-requests.ts';

export interface StoreJournalOptions {
  readonly journal: OutageJournal;
  readonly connection: StoreConnection;
  readonly clock: Clock;
  /** Returns everything that the database has not confirmed. The last batch can still grow. */
  readonly unwritten: () => Unwritten;
}

/** The number of the last batch in the journal, when it was saved, and whether the disk took it. */
const nothingSaved = { sequence: 0, atMs: Number.NEGATIVE_INFINITY, isOnDisk: false };
const saveEveryMs = 10_000;

export class StoreJournal {
  readonly #options: StoreJournalOptions;
  #saved = nothingSaved;
  #leaving: Promise<void> | undefined;

  constructor(options: StoreJournalOptions) {
    this.#options = options;
  }

  /** True if the disk holds the unwritten data as it was at the last `save`. */
  get isOnDisk(): boolean {
    return this.#saved.isOnDisk;
  }

  /** Resolves when no leftover is being written. */
  get idle(): Promise<void> | undefined {
    return this.#leaving;
  }

  /** `ended`: the store writes nothing more, so another proxy may write the data now. */
  async save(ended: boolean): Promise<void> {
    const { journal, clock, unwritten } = this.#options;
    const contents = unwritten();
    const saved = {
      sequence: contents.batches.at(-1)?.sequence ?? 0,
      atMs: clock.monotonicMs(),
      isOnDisk: false,
    };
    this.#saved = saved;
    saved.isOnDisk = await journal.save(contents, ended).then(
      () => true,
      () => false,
    );
  }

  /** Saves after a failed write, at most once in ten seconds. */
  async saveIfDue(): Promise<void> {
    if (this.#options.clock.monotonicMs() - this.#saved.atMs >= saveEveryMs) await this.save(false);
  }

  /** Removes the journal if everything in it is stored. */
  async clear(): Promise<void> {
    const { journal, unwritten } = this.#options;
    if (!journal.exists) return;
    const { batches, revocations } = unwritten();
    if (revocations.length > 0 || batches.some(({ sequence }) => sequence <= this.#saved.sequence)) return;
    this.#saved = nothingSaved;
    await journal.clear().catch(() => {});
  }

  /** Writes what processes left that ended in an outage. The next call tries again what failed. */
  async writeLeftovers(urgency: Urgency): Promise<void> {
    this.#leaving ??= this.#writeEach(urgency)
      .catch(() => {})
      .finally(() => {
        this.#leaving = undefined;
      });
    await this.#leaving;
  }

  async #writeEach(urgency: Urgency): Promise<void> {
    const { journal, connection } = this.#options;
    for (const { batches, revocations, remove } of await journal.leftovers()) {
      for (const audit of revocations)
        await connection.ask({ do: 'revoke', keyId: audit.subject, audit }, urgency);
      // In the order of their numbers: a batch with a smaller number than a stored one would count as stored.
      for (const batch of batches) await connection.ask({ do: 'write', batch }, urgency);
      await remove();
    }
  }
}
