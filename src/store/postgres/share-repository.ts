/**
 * Shares. A redemption reads the share, makes the key and marks the share in one change, which no other change enters,
 * so two proxies that receive one token at the same moment make one key.
 */
import { StoreError } from '../../core/errors.ts';
import { takenLabelFault } from '../../core/security/api-key.ts';
import type { AuditEntry } from '../../core/security/ports.ts';
import {
  type RedemptionOrder,
  type RedemptionResult,
  type Share,
  type ShareRepository,
  shareState,
} from '../../core/security/share.ts';
import { integer, text } from '../rows.ts';
import {
  keptShareMs,
  nextLabel,
  redeemedKey,
  redemptionAudit,
  redemptionOf,
  shareColumns,
  shareOf,
  shareValues,
  takenShareLabel,
} from '../share-rows.ts';
import { recordAudit, writeChange } from './audit-repository.ts';
import type { PostgresDatabase } from './database.ts';
import { leaveIds } from './deleted-rows.ts';
import { insertKeyRow, labelHolder } from './security-repository.ts';
import type { SqlSession } from './sql-session.ts';

export class PostgresShareRepository implements ShareRepository {
  readonly #db: PostgresDatabase;

  constructor(db: PostgresDatabase) {
    this.#db = db;
  }

  async insertShare(share: Share, audit: AuditEntry): Promise<void> {
    const { createdAtMs } = share;
    await this.#db.change(async (session, revision) => {
      const { label } = share.request;
      const holder = await labelHolder(session, label, '', createdAtMs);
      if (holder !== undefined) throw takenLabelFault(label, holder);
      const other = await openShareNamed(session, label, createdAtMs);
      if (other !== undefined) throw takenShareLabel(label, other);
      await deleteEnded(session, createdAtMs - keptShareMs, revision);
      await insertShareRow(session, share, revision);
      await recordAudit(session, [audit]);
      return true;
    });
  }

  async listShares(): Promise<readonly Share[]> {
    return this.#db.list(shareOf, `SELECT ${shareColumns} FROM flm.share ORDER BY created_at, id`);
  }

  async revokeShare(id: string, audit: AuditEntry): Promise<boolean> {
    const sql = `UPDATE flm.share SET revoked_at = $1, revision = $3 WHERE id = $2 AND revoked_at IS NULL
      AND redeemed_at IS NULL AND expires_at > $1`;
    const revoked = await writeChange(this.#db, audit, (session, revision) =>
      session.run(sql, audit.atMs, id, revision),
    );
    return revoked > 0;
  }

  async redeemShare(order: RedemptionOrder): Promise<RedemptionResult> {
    return redeemShare(this.#db, order);
  }
}

/** If the answer to the commit was lost, the share itself tells whether this order made its key. */
export async function redeemShare(db: PostgresDatabase, order: RedemptionOrder): Promise<RedemptionResult> {
  try {
    return await redeemOnce(db, order);
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'STORE_OUTCOME_UNKNOWN') throw error;
    return (await madeBy(db, order)) ?? redeemOnce(db, order);
  }
}

async function redeemOnce(db: PostgresDatabase, order: RedemptionOrder): Promise<RedemptionResult> {
  const { digest, atMs, address } = order;
  const find = (session: SqlSession): Promise<Share | undefined> =>
    session.find(shareOf, `SELECT ${shareColumns} FROM flm.share WHERE digest = $1`, digest);
  // A guess needs no lock.
  if ((await find(db)) === undefined) return { outcome: 'unknown' };
  let refused: RedemptionResult = { outcome: 'unknown' };
  const made = await db.change(async (session, revision) => {
    const share = await find(session);
    if (share === undefined) return undefined;
    const state = shareState(share, atMs);
    if (state !== 'open') {
      refused = { outcome: state };
      return undefined;
    }
    const key = redeemedKey(share, order, await freeLabel(session, share.request.label, atMs));
    await insertKeyRow(session, key, revision);
    await session.run(
      'UPDATE flm.share SET redeemed_at = $1, redeemed_from = $2, key_id = $3, revision = $5 WHERE id = $4',
      atMs,
      address,
      key.id,
      share.id,
      revision,
    );
    await recordAudit(session, redemptionAudit(share, key, order));
    return redemptionOf(share, key);
  });
  return made ?? refused;
}

function madeBy(db: PostgresDatabase, order: RedemptionOrder): Promise<RedemptionResult | undefined> {
  return db.find(
    (row) => ({
      outcome: 'made',
      shareId: text(row, 'share_id'),
      keyId: order.fresh.id,
      label: text(row, 'label'),
      expiresAtMs: row.expires_at === null ? null : integer(row, 'expires_at'),
    }),
    `SELECT share.id AS share_id, made.label, made.expires_at FROM flm.share
     JOIN flm.api_key AS made ON made.id = share.key_id WHERE share.digest = $1 AND share.key_id = $2`,
    order.digest,
    order.fresh.id,
  );
}

/** Call it inside a change. */
async function insertShareRow(session: SqlSession, share: Share, revision: number): Promise<void> {
  await session.run(
    `INSERT INTO flm.share (${shareColumns}, revision) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    ...shareValues(share),
    revision,
  );
}

async function deleteEnded(session: SqlSession, beforeMs: number, revision: number): Promise<void> {
  const sql = 'DELETE FROM flm.share WHERE expires_at < $1 RETURNING id';
  const ids = await session.list((row) => text(row, 'id'), sql, beforeMs);
  if (ids.length > 0) await leaveIds(session, 'share', ids, revision);
}

/** Somebody may have given the label to another key since. The person with the link cannot solve that. */
async function freeLabel(session: SqlSession, base: string, atMs: number): Promise<string> {
  let label = base;
  for (let n = 2; (await labelHolder(session, label, '', atMs)) !== undefined; n++)
    label = nextLabel(base, n);
  return label;
}

async function openShareNamed(session: SqlSession, label: string, atMs: number): Promise<string | undefined> {
  const sql = `SELECT ${shareColumns} FROM flm.share
    WHERE redeemed_at IS NULL AND revoked_at IS NULL AND expires_at > $1`;
  return (await session.list(shareOf, sql, atMs)).find((share) => share.request.label === label)?.id;
}
