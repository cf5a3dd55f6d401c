/**
 * The store thread of a proxy. Only this thread calls SQLite, so a locked database stops this thread and never the data
 * plane. The thread has no timer. It handles the requests of its proxy one after another, and ends on request.
 */
import assert from 'node:assert/strict';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { AuditHead } from '../../core/audit/audit-chain.ts';
import { systemClock } from '../../core/clock.ts';
import { FlmError } from '../../core/errors.ts';
import { integer } from '../rows.ts';
import type { Seen, StoreRequest } from '../store-requests.ts';
import type { UsageBatch, UsageTotals } from '../usage-batches.ts';
import { dayMs } from '../usage-columns.ts';
import { dayName } from '../usage-row.ts';
import { changesPlace, headOf, refusalsPlace } from './audit-chain.ts';
import { deleteOldAudit, recordRefusals } from './audit-repository.ts';
import { Database } from './database.ts';
import { deleteHandle, saveHandle } from './proxy-repository.ts';
import { flmSchema, usageSchema } from './schema.ts';
import { revokeKey } from './security-repository.ts';
import { redeemShare } from './share-repository.ts';
import { type KeyRange, keySlice, manyKeys, readChanges } from './state-reader.ts';
import type { FromThread, ThreadStart, ToThread } from './thread-messages.ts';
import {
  addHours,
  addUsage,
  applyRetention,
  retentionOf,
  tokensByFamily,
  touchKey,
  usageOfFamily,
} from './usage-repository.ts';

/** Keys in one message. Revocations and usage wait while this thread reads them, some milliseconds. */
const sliceKeys = 2_000;
const usageBusyMs = 250;
/** Entries of writers that ended without a `close` message are removed after this time. */
const writerKeptMs = 7 * dayMs;
const retentionEveryMs = 3_600_000;

class StoreWorker {
  readonly #port: MessagePort;
  readonly #flm: Database;
  readonly #usage: Database;
  /** A `look` whose slices are not all sent. */
  #load: { readonly n: number; readonly seen: Seen | undefined; readonly range: KeyRange } | undefined;
  /** Tokens by family of keys that were last sent to the proxy. */
  #counted:
    | {
        readonly day: number;
        /** The other writers. */
        readonly asked: string;
        readonly tokens: ReadonlyMap<string, number>;
        readonly sequence: number;
      }
    | undefined;
  /**
   * `PRAGMA data_version` at the last count, and whether this thread has written since: the number ignores own writes.
   */
  #countedVersion = -1;
  #wrote = true;
  #retentionDueMs = 0;

  constructor(port: MessagePort, { home, busyTimeoutMs }: ThreadStart) {
    this.#port = port;
    this.#flm = new Database({ home, busyTimeoutMs, clock: systemClock, schema: flmSchema });
    // Usage is retried every second, and a revocation must not wait for it.
    const briefMs = Math.min(busyTimeoutMs, usageBusyMs);
    this.#usage = new Database({ home, busyTimeoutMs: briefMs, clock: systemClock, schema: usageSchema });
    port.on('message', (message: ToThread) => this.#onMessage(message));
  }

  #onMessage({ n, request }: ToThread): void {
    try {
      if (request.do === 'next') return this.#sendSlice();
      const answer = this.#execute(n, request);
      if (answer !== undefined) this.#say({ n, answer });
    } catch (error) {
      this.#disconnect();
      if (!(error instanceof FlmError)) throw error;
      this.#say({ n, answer: { say: 'failed', code: error.code, params: error.params } });
    }
    if (request.do === 'close') this.#port.close();
  }

  #execute(n: number, request: StoreRequest): FromThread['answer'] | undefined {
    switch (request.do) {
      case 'look': {
        const { seen } = request;
        const range = manyKeys(this.#flm, seen, sliceKeys);
        if (range === undefined)
          return { say: 'state', ...(readChanges(this.#flm, seen) ?? { delta: undefined }) };
        this.#load = { n, seen, range };
        this.#sendSlice();
        return undefined;
      }
      case 'count':
        return { say: 'counted', totals: this.#count(request.day, request.writer, request.others) };
      case 'usage':
        this.#usage.followFile();
        return { say: 'usage', rows: usageOfFamily(this.#usage, request.familyId, request.days) };
      case 'write':
        this.#write(request.batch);
        return { say: 'done' };
      case 'saveHandle':
        saveHandle(this.#flm, request.handle);
        return { say: 'done' };
      case 'deleteHandle':
        deleteHandle(this.#flm, request.id, request.nonce);
        return { say: 'done' };
      case 'revoke':
        this.#flm.followFile();
        revokeKey(this.#flm, request.keyId, request.audit);
        return { say: 'done' };
      case 'redeem':
        this.#flm.followFile();
        return { say: 'redeemed', result: redeemShare(this.#flm, request.order) };
      case 'heads':
        return { say: 'heads', heads: this.#heads() };
      case 'close':
        if (!request.keep) this.#forgetWriter(request.writer);
        this.#disconnect();
        return { say: 'done' };
      default:
        return request satisfies never;
    }
  }

  /**
   * Sends the next slice of the load, or its end. The proxy requests each slice, so that it can do other work in
   * between.
   */
  #sendSlice(): void {
    const load = this.#load;
    if (load === undefined) return;
    const { n, seen, range } = load;
    const keys = keySlice(this.#flm, range, sliceKeys);
    if (keys.count > 0) return this.#say({ n, answer: { say: 'slice', keys } });
    this.#load = undefined;
    const reading = readChanges(this.#flm, seen, range);
    assert(reading !== undefined, 'where there is a range, there are changes');
    this.#say({ n, answer: { say: 'state', ...reading } });
  }

  #write(batch: UsageBatch): void {
    const db = this.#usage;
    db.followFile();
    db.write(() => {
      // A retry of a stored batch, because the response was lost.
      if (this.#sequenceOf(batch.writer) >= batch.sequence) return;
      addUsage(db, batch.rows);
      addHours(db, batch.hours);
      for (const [keyId, use] of batch.uses) touchKey(db, keyId, use);
      recordRefusals(db, batch.audit);
      const nowMs = systemClock.nowMs();
      db.run(
        'INSERT OR REPLACE INTO flush (writer, sequence, at) VALUES (?, ?, ?)',
        batch.writer,
        batch.sequence,
        nowMs,
      );
      db.run('DELETE FROM flush WHERE at < ?', nowMs - writerKeptMs);
    });
    this.#wrote = true;
    this.#retain(systemClock.nowMs());
  }

  /** Applies the retention once an hour. After a failure usage is still written, and the next hour tries again. */
  #retain(nowMs: number): void {
    if (nowMs < this.#retentionDueMs) return;
    this.#retentionDueMs = nowMs + retentionEveryMs;
    try {
      this.#usage.write(() => applyRetention(this.#usage, nowMs));
      deleteOldAudit(this.#flm, nowMs - retentionOf(this.#usage).auditDays * dayMs, nowMs);
    } catch (error) {
      this.#disconnect();
      if (!(error instanceof FlmError)) throw error;
    }
  }

  /** Returns the totals that changed since the last count. Reads the store only after a write. */
  #count(day: number, writer: string, others: readonly string[]): UsageTotals | undefined {
    const db = this.#usage;
    db.followFile();
    const version = db.find((row) => integer(row, 'data_version'), 'PRAGMA data_version') ?? -1;
    const asked = others.join();
    const isSame = this.#counted?.day === day && this.#counted.asked === asked;
    if (!this.#wrote && version === this.#countedVersion && isSame) return undefined;
    const now = db.read(() => ({
      tokens: tokensByFamily(db, dayName(day)),
      sequence: this.#sequenceOf(writer),
      others: new Map(others.map((other) => [other, this.#sequenceOf(other)])),
    }));
    const before = this.#counted?.day === day ? this.#counted : undefined;
    const changed = new Map<string, number>();
    for (const [familyId, tokens] of now.tokens)
      if (before?.tokens.get(familyId) !== tokens) changed.set(familyId, tokens);
    for (const familyId of before?.tokens.keys() ?? [])
      if (!now.tokens.has(familyId)) changed.set(familyId, 0);
    this.#counted = { day, asked, ...now };
    this.#countedVersion = version;
    this.#wrote = false;
    const { sequence } = now;
    const isKnown = before?.sequence === sequence && others.length === 0;
    if (changed.size === 0 && isKnown) return undefined;
    return { day, replaceAll: before === undefined, tokens: changed, sequence, others: now.others };
  }

  /** A usage file that cannot be read hides only its own head. */
  #heads(): readonly AuditHead[] {
    this.#flm.followFile();
    const changes = headOf(this.#flm, changesPlace);
    try {
      this.#usage.followFile();
      return [...changes, ...headOf(this.#usage, refusalsPlace)];
    } catch (error) {
      this.#disconnect();
      if (!(error instanceof FlmError)) throw error;
      return changes;
    }
  }

  #sequenceOf(writer: string): number {
    const sql = 'SELECT sequence FROM flush WHERE writer = ?';
    return this.#usage.find((row) => integer(row, 'sequence'), sql, writer) ?? 0;
  }

  #forgetWriter(writer: string): void {
    if (this.#sequenceOf(writer) === 0) return;
    this.#usage.write(() => this.#usage.run('DELETE FROM flush WHERE writer = ?', writer));
  }

  /** Closes the connections, so that the next try opens new ones. */
  #disconnect(): void {
    this.#flm.close();
    this.#usage.close();
    // Data versions of different connections cannot be compared.
    this.#wrote = true;
  }

  #say(message: FromThread): void {
    this.#port.postMessage(message);
  }
}

assert(parentPort !== null, 'the store thread is started by a proxy');
// Set by `spawnStoreWorker`, the only code that starts this file.
new StoreWorker(parentPort, workerData as ThreadStart);
