/**
 * The store of a running proxy, over a connection that answers without blocking: reads changes as they happen, writes
 * counted usage within a second, and retries revocations until they are stored.
 *
 * When the connection or the database fails, the proxy keeps its state, reports the problem through `problem`, and
 * tries again. The code that opens a store closes it. After that no connection and no timer is left.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { AuditHead } from '../core/audit/audit-chain.ts';
import type { Clock, Unsubscribe } from '../core/clock.ts';
import { StoreError } from '../core/errors.ts';
import type { ProxyHandle } from '../core/proxy/proxy-handle.ts';
import type { StoreReading } from '../core/proxy/store-reading.ts';
import type { UsedTokens } from '../core/security/limits-authority.ts';
import type { AuditEntry, FamilyUsage, StateListener, UsageEntry } from '../core/security/ports.ts';
import type { RedemptionOrder, RedemptionResult } from '../core/security/share.ts';
import type { SharedFiles } from '../core/shared-files.ts';
import type { OutageJournal } from './outage-journal.ts';
import type { NodeReport, PendingRevocation, ProxyStore } from './store.ts';
import { StoreJournal } from './store-journal.ts';
import { StoreProblems } from './store-problems.ts';
import type { Seen, StoreConnection, Urgency } from './store-requests.ts';
import { UnwrittenRevocations } from './unwritten-revocations.ts';
import { UsageBatches } from './usage-batches.ts';
import { dayName, dayNumber } from './usage-row.ts';

export interface ConnectedStoreOptions {
  readonly connection: StoreConnection;
  readonly sharedFiles?: SharedFiles;
  readonly clock: Clock;
  /** The database, for error texts. */
  readonly name: string;
  /** How often the proxy looks for changes. */
  readonly lookMs: number;
  /** How often the proxy reads the tokens of today. */
  readonly countMs: number;
  /** After this time without a successful look, the state counts as expired. Absent: never. */
  readonly maxAgeMs?: number;
  /** Keeps on this machine what cannot be written. Absent: only memory keeps it. */
  readonly journal?: OutageJournal;
}

const flushMs = 1_000;
const heartbeatMs = 2_000;
const closeMs = 5_000;
const familyDays = 30;
const leftoversMs = 60_000;

export class ConnectedStore implements ProxyStore {
  readonly #options: ConnectedStoreOptions;
  readonly #clock: Clock;
  readonly #connection: StoreConnection;
  readonly #journal: StoreJournal | undefined;
  readonly #writer: string = randomUUID();
  readonly #batches = new UsageBatches(this.#writer);
  /** Answers since the last flush. */
  readonly #familyUsage = new Map<string, Promise<readonly FamilyUsage[] | undefined>>();
  /** Reports nothing after the end. */
  readonly #problems = new StoreProblems((text) => {
    if (this.#closed === undefined) this.#listener?.problem(text);
  });
  readonly #revocations: UnwrittenRevocations;
  #listener: StateListener | undefined;
  #seen: Seen | undefined;
  /** The beginning of the last successful look. */
  #readAt: { readonly atMs: number; readonly monotonicMs: number } | undefined;
  #isExpired = false;
  #usageWaitsSinceMs: number | null = null;
  #node: (() => NodeReport) | undefined;
  #beating: Promise<void> | undefined;
  #reading: Promise<void> | undefined;
  #lookAgain: Promise<void> | undefined;
  #counting: Promise<void> | undefined;
  #flushing: Promise<void> | undefined;
  #offs: Unsubscribe[] = [];
  #closed: Promise<void> | undefined;

  /** Asks the connection nothing before `start`. */
  constructor(options: ConnectedStoreOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#connection = options.connection;
    const { journal, connection, clock } = options;
    if (journal !== undefined)
      this.#journal = new StoreJournal({
        journal,
        connection,
        clock,
        unwritten: () => ({ batches: this.#batches.unwritten(), revocations: this.exportRevocations() }),
      });
    this.#revocations = new UnwrittenRevocations(connection, this.#journal);
  }

  /** If the store cannot be read at all, rejects and leaves nothing running. */
  async start(listener: StateListener): Promise<void> {
    assert(this.#listener === undefined, 'a feed has one listener');
    this.#listener = listener;
    const { lookMs, countMs } = this.#options;
    this.#offs = [
      this.#clock.every(lookMs, () => this.#poll()),
      this.#clock.every(countMs, () => void this.#countSoon()),
      this.#clock.every(flushMs, () => this.#flushSoon()),
      this.#clock.every(heartbeatMs, () => this.#beat()),
    ];
    const journal = this.#journal;
    if (journal !== undefined)
      this.#offs.push(this.#clock.every(leftoversMs, () => void journal.writeLeftovers('patient')));
    try {
      // Before the first look, so that a key that was revoked in an outage is never accepted again.
      await journal?.writeLeftovers('urgent');
      await this.refresh();
      this.#connection.watch?.(() => {
        // Problems are reported where they occur.
        this.refresh().catch(() => {});
      });
      // Otherwise a restarted proxy would not know today's usage and would allow a whole budget again.
      await this.#countSoon();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  refresh(): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(this.#closedError());
    if (this.#reading === undefined) return this.#read('urgent');
    // The running read may have started before that change: read once more, shared by all callers until then.
    this.#lookAgain ??= this.#reading
      .catch(() => {})
      .then(() => {
        this.#lookAgain = undefined;
        return this.#reading ?? this.#read('urgent');
      });
    return this.#lookAgain;
  }

  add(entry: UsageEntry): void {
    this.#batches.add(entry);
  }

  today(familyId: string): number {
    return this.#batches.today(familyId, dayNumber(this.#clock.nowMs()));
  }

  ofFamily(familyId: string): Promise<readonly FamilyUsage[] | undefined> {
    // One question for each family until the next flush: no client can keep the thread busy.
    let asked = this.#familyUsage.get(familyId);
    if (asked === undefined) {
      asked = this.#askFamilyUsage(familyId);
      this.#familyUsage.set(familyId, asked);
    }
    return asked;
  }

  async #askFamilyUsage(familyId: string): Promise<readonly FamilyUsage[] | undefined> {
    const today = dayNumber(this.#clock.nowMs());
    const days = Array.from({ length: familyDays }, (_, i) => dayName(today - i));
    try {
      const { answer } = await this.#connection.ask({ do: 'usage', familyId, days }, 'patient');
      return answer.say === 'usage' ? answer.rows : undefined;
    } catch {
      // The next count reports the problem.
      return undefined;
    }
  }

  record(entry: AuditEntry): void {
    this.#batches.record(entry);
  }

  revoke(keyId: string, audit: AuditEntry): PendingRevocation {
    return this.#revocations.add(keyId, audit);
  }

  writeRevocations(): Promise<readonly string[]> {
    return this.#revocations.writeAll('urgent');
  }

  async writeUsage(): Promise<void> {
    await this.#flushing;
    await this.#flush('urgent');
  }

  exportUncounted(): readonly UsedTokens[] {
    return this.#batches.exportUncounted();
  }

  countUsed(used: UsedTokens): void {
    this.#batches.countUsed(used);
  }

  async recount(): Promise<void> {
    // A running count may have read the store before that.
    await this.#counting;
    await this.#countSoon();
  }

  set onUsed(used: ((tokens: UsedTokens) => void) | undefined) {
    this.#batches.onUsed = used;
  }

  exportRevocations(): readonly AuditEntry[] {
    return this.#revocations.entries();
  }

  get keepsRevocations(): boolean {
    return this.#journal?.isOnDisk ?? false;
  }

  get unwrittenRevocations(): ReadonlyMap<string, string> {
    return this.#revocations.problems;
  }

  get reading(): StoreReading {
    const { maxAgeMs = null, name } = this.#options;
    const { atMs = null, monotonicMs = this.#clock.monotonicMs() } = this.#readAt ?? {};
    return {
      database: name,
      readAtMs: atMs,
      ageMs: this.#clock.monotonicMs() - monotonicMs,
      maxAgeMs,
      isExpired: this.#isExpired,
      usageWaitsSinceMs: this.#usageWaitsSinceMs,
    };
  }

  get sharedFiles(): SharedFiles | undefined {
    return this.#options.sharedFiles;
  }

  publish(node: () => NodeReport): void {
    this.#node = node;
    this.#beat();
  }

  async redeemShare(order: RedemptionOrder): Promise<RedemptionResult> {
    if (this.#closed !== undefined) throw this.#closedError();
    const { answer } = await this.#connection.ask({ do: 'redeem', order }, 'patient');
    assert(answer.say === 'redeemed', 'the thread answers a redemption');
    // The key exists now. If it cannot be read, this proxy has it a moment later.
    if (answer.result.outcome === 'made') await this.refresh().catch(() => {});
    return answer.result;
  }

  async auditHeads(): Promise<readonly AuditHead[] | undefined> {
    if (this.#closed !== undefined) return undefined;
    try {
      const { answer } = await this.#connection.ask({ do: 'heads' }, 'patient');
      return answer.say === 'heads' ? answer.heads : undefined;
    } catch {
      // The next look reports the problem.
      return undefined;
    }
  }

  async saveHandle(handle: ProxyHandle): Promise<void> {
    if (this.#closed !== undefined) throw this.#closedError();
    await this.#connection.ask({ do: 'saveHandle', handle }, 'urgent');
  }

  async deleteHandle(id: string, nonce: string): Promise<void> {
    if (this.#closed !== undefined) throw this.#closedError();
    await this.#connection.ask({ do: 'deleteHandle', id, nonce }, 'urgent');
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    for (const off of this.#offs.splice(0)) off();
    // A thread that hangs must not hang the stop.
    const cancel = this.#clock.after(closeMs, () => this.#connection.stop());
    await Promise.allSettled([
      this.#reading,
      this.#lookAgain,
      this.#flushing,
      this.#beating,
      this.#journal?.idle,
    ]);
    // First the batch that is being sent, then the entries since.
    await this.#flush('urgent');
    await this.#flush('urgent');
    await this.writeRevocations();
    const unwritten = this.#batches.unwritten().length > 0;
    if (unwritten || this.#revocations.size > 0) await this.#journal?.save(true);
    // The number of the last batch must stay while another process asks for it, or while a batch may be written again.
    const keep = this.#batches.onUsed !== undefined || unwritten;
    // If there is no answer, the connection is ended; the entry of this writer expires later.
    if (this.#connection.alive)
      await this.#connection.ask({ do: 'close', writer: this.#writer, keep }, 'patient').catch(() => {});
    this.#connection.stop();
    await this.#connection.gone();
    cancel();
  }

  #poll(): void {
    this.#connection.endIfHung();
    // Problems are reported where they occur; no caller waits for this promise.
    if (this.#reading === undefined) this.#read('patient').catch(() => {});
    this.#checkAge();
  }

  #read(urgency: Urgency): Promise<void> {
    assert(this.#reading === undefined, 'one look at a time: slices of two would mix');
    const look = this.#lookOnce(urgency).finally(() => {
      if (this.#reading === look) this.#reading = undefined;
    });
    this.#reading = look;
    return look;
  }

  async #lookOnce(urgency: Urgency): Promise<void> {
    const [atMs, monotonicMs] = [this.#clock.nowMs(), this.#clock.monotonicMs()];
    try {
      const { answer, keys } = await this.#connection.ask({ do: 'look', seen: this.#seen }, urgency);
      if (answer.say === 'state' && answer.delta !== undefined) {
        const { delta } = answer;
        const change = {
          ...delta.rest,
          ...(delta.keys === undefined ? {} : { keys: { ...delta.keys, upserted: keys } }),
        };
        // A change of rows that proxies do not read.
        if (Object.keys(change).length > 0) this.#listener?.changed(change);
        this.#seen = delta.seen;
        // Others see at once that this node has the change.
        this.#beat();
      }
      this.#readAt = { atMs, monotonicMs };
      this.#checkAge();
      this.#problems.set('state', undefined);
    } catch (error) {
      // State that was read from a damaged file must not be reused.
      if (error instanceof StoreError && error.code === 'STORE_CORRUPT') this.#seen = undefined;
      this.#problems.set('state', error);
      throw error;
    }
  }

  /** The next look reports a database that cannot be reached. */
  #beat(): void {
    if (this.#node === undefined || this.#beating !== undefined || this.#closed !== undefined) return;
    const revision = this.#seen?.revisions.api_key ?? 0;
    this.#beating = (this.#connection.heartbeat?.(this.#node(), revision) ?? Promise.resolve())
      .catch(() => {})
      .finally(() => {
        this.#beating = undefined;
      });
  }

  /** Reports once that the state has expired, and once that it is current again. */
  #checkAge(): void {
    const { maxAgeMs } = this.#options;
    if (maxAgeMs === undefined || this.#readAt === undefined) return;
    const isExpired = this.#clock.monotonicMs() - this.#readAt.monotonicMs > maxAgeMs;
    if (isExpired === this.#isExpired || this.#closed !== undefined) return;
    this.#isExpired = isExpired;
    this.#listener?.expired(isExpired);
  }

  #countSoon(): Promise<void> {
    this.#counting ??= this.#count().finally(() => {
      this.#counting = undefined;
    });
    return this.#counting;
  }

  /** Never rejects. The known totals stay until the totals can be read again. */
  async #count(): Promise<void> {
    try {
      const day = dayNumber(this.#clock.nowMs());
      const { answer } = await this.#connection.ask(
        { do: 'count', day, writer: this.#writer, others: this.#batches.otherWriters() },
        'patient',
      );
      if (answer.say === 'counted' && answer.totals !== undefined) this.#batches.count(answer.totals);
      this.#problems.set('totals', undefined);
    } catch (error) {
      this.#problems.set('totals', error);
    }
  }

  #flushSoon(): void {
    this.#familyUsage.clear();
    this.#flushing ??= this.#flushAll().finally(() => {
      this.#flushing = undefined;
    });
  }

  async #flushAll(): Promise<void> {
    if (this.#revocations.size > 0) await this.#revocations.writeAll('patient');
    await this.#flush('patient');
  }

  /** Never rejects. A batch that could not be written is tried again under the same number. */
  async #flush(urgency: Urgency): Promise<void> {
    const batch = this.#batches.next();
    if (batch === undefined) return;
    try {
      await this.#connection.ask({ do: 'write', batch }, urgency);
      this.#batches.acknowledge(batch);
      this.#usageWaitsSinceMs = null;
      this.#problems.set('usage', undefined);
      await this.#journal?.clear();
    } catch (error) {
      this.#usageWaitsSinceMs ??= this.#clock.nowMs();
      this.#problems.set('usage', error);
      await this.#journal?.saveIfDue();
    }
  }

  #closedError(): StoreError {
    return new StoreError('STORE_UNUSABLE', {
      params: { file: this.#options.name, reason: 'the proxy is ending' },
    });
  }
}
