/**
 * Connects a running proxy to PostgreSQL. Each request ends within the time limits of the database. After a failed
 * connection, patient requests fail immediately during a pause that doubles up to two seconds. An outage therefore costs
 * little, and the proxy notices its end soon.
 *
 * Handles of processes belong to this machine: a thread keeps them in the SQLite file of the data folder.
 */
import type { Clock } from '../../core/clock.ts';
import { StoreError } from '../../core/errors.ts';
import type { NodeReport } from '../store.ts';
import type { StoreAnswer, StoreConnection, StoreReply, StoreRequest, Urgency } from '../store-requests.ts';
import { readHeads } from './audit-repository.ts';
import { ChangeListener } from './change-listener.ts';
import type { PostgresDatabase } from './database.ts';
import { deleteHeartbeat, writeHeartbeat } from './node-registry.ts';
import { revokeKey } from './security-repository.ts';
import { redeemShare } from './share-repository.ts';
import { readState } from './state-reader.ts';
import type { StoreKey } from './store-key.ts';
import { TodayTokens } from './today-tokens.ts';
import { writeBatch } from './usage-batch.ts';
import { applyRetention, usageOfFamily } from './usage-repository.ts';

export interface PostgresConnectionOptions {
  readonly database: PostgresDatabase;
  /** Decrypts the keys of engines. */
  readonly key: StoreKey;
  readonly clock: Clock;
  /** Keeps the handles of processes. */
  readonly local: StoreConnection;
}

const firstPauseMs = 250;
const longestPauseMs = 2_000;
const retentionEveryMs = 3_600_000;

const done: StoreReply = { answer: { say: 'done' }, keys: [] };

export class PostgresConnection implements StoreConnection {
  readonly #options: PostgresConnectionOptions;
  readonly #today = new TodayTokens();
  #listener: ChangeListener | undefined;
  #nodeId: string | undefined;
  #pauseMs = firstPauseMs;
  #lastFailure: { readonly error: StoreError; readonly untilMs: number } | undefined;
  #isUsed = false;
  #isStopped = false;
  #ended: Promise<void> | undefined;
  #retentionDueMs = 0;

  constructor(options: PostgresConnectionOptions) {
    this.#options = options;
  }

  get alive(): boolean {
    return this.#isUsed && !this.#isStopped;
  }

  async ask(request: StoreRequest, urgency: Urgency): Promise<StoreReply> {
    if (request.do === 'saveHandle' || request.do === 'deleteHandle')
      return this.#options.local.ask(request, urgency);
    return this.#limited(urgency, () => this.#answer(request));
  }

  watch(changed: () => void): void {
    const { database, clock } = this.#options;
    this.#listener ??= new ChangeListener(database, clock, changed);
  }

  async heartbeat(node: NodeReport, revision: number): Promise<void> {
    this.#nodeId = node.id;
    await this.#limited('patient', () => writeHeartbeat(this.#options.database, node, revision));
  }

  /** Every statement has a time limit. */
  endIfHung(): void {
    this.#options.local.endIfHung();
  }

  stop(): void {
    this.#isStopped = true;
    this.#options.local.stop();
    this.#ended ??= this.#end();
  }

  async gone(): Promise<void> {
    await this.#ended;
    await this.#options.local.gone();
  }

  async #answer(request: Exclude<StoreRequest, { do: 'saveHandle' | 'deleteHandle' }>): Promise<StoreReply> {
    const { database, key } = this.#options;
    switch (request.do) {
      case 'look':
        return readState(database, key, request.seen);
      case 'count': {
        const { day, writer, others } = request;
        return reply({ say: 'counted', totals: await this.#today.read(database, day, writer, others) });
      }
      case 'usage':
        return reply({ say: 'usage', rows: await usageOfFamily(database, request.familyId, request.days) });
      case 'write':
        await writeBatch(database, request.batch);
        await this.#retain();
        return done;
      case 'revoke':
        await revokeKey(database, request.keyId, request.audit);
        return done;
      case 'redeem':
        return reply({ say: 'redeemed', result: await redeemShare(database, request.order) });
      case 'heads':
        return reply({ say: 'heads', heads: await database.read(readHeads) });
      case 'close':
        await this.#leave(request.writer, request.keep);
        return done;
      default:
        return request satisfies never;
    }
  }

  /** Runs `work`, but fails patient requests immediately during the pause after a failed connection. */
  async #limited<T>(urgency: Urgency, work: () => Promise<T>): Promise<T> {
    const { clock, database } = this.#options;
    if (this.#isStopped)
      throw new StoreError('STORE_UNUSABLE', {
        params: { file: database.shown, reason: 'the proxy is ending' },
      });
    this.#isUsed = true;
    if (
      urgency === 'patient' &&
      this.#lastFailure !== undefined &&
      clock.monotonicMs() < this.#lastFailure.untilMs
    )
      throw this.#lastFailure.error;
    try {
      const result = await work();
      this.#lastFailure = undefined;
      this.#pauseMs = firstPauseMs;
      return result;
    } catch (error) {
      if (error instanceof StoreError && error.code === 'STORE_UNREACHABLE') {
        this.#lastFailure = { error, untilMs: clock.monotonicMs() + this.#pauseMs };
        this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
      }
      throw error;
    }
  }

  /** Applies the retention once an hour. After a failure usage is still written, and the next hour tries again. */
  async #retain(): Promise<void> {
    const { database, clock } = this.#options;
    if (clock.monotonicMs() < this.#retentionDueMs) return;
    this.#retentionDueMs = clock.monotonicMs() + retentionEveryMs;
    await applyRetention(database, clock.nowMs()).catch((error: unknown) => {
      if (!(error instanceof StoreError)) throw error;
    });
  }

  async #leave(writer: string, keep: boolean): Promise<void> {
    const { database, local } = this.#options;
    await local.ask({ do: 'close', writer, keep }, 'patient').catch(() => {});
    if (this.#nodeId !== undefined) await deleteHeartbeat(database, this.#nodeId);
    if (!keep) await database.run('DELETE FROM flm.flush WHERE writer = $1', writer);
  }

  async #end(): Promise<void> {
    await this.#listener?.close();
    await this.#options.database.close();
  }
}

function reply(answer: StoreAnswer): StoreReply {
  return { answer, keys: [] };
}
