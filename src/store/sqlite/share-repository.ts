/**
 * Shares in `flm.db`. A redemption reads the share, makes the key and marks the share in one transaction that no other
 * writer can enter, so two proxies that receive one token at the same moment make one key.
 */
import { takenLabelFault } from '../../core/security/api-key.ts';
import type { AuditEntry } from '../../core/security/ports.ts';
import {
  type RedemptionOrder,
  type RedemptionResult,
  type Share,
  type ShareRepository,
  shareState,
} from '../../core/security/share.ts';
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
import type { Database } from './database.ts';
import { insertKeyRow, labelHolder } from './security-repository.ts';

export class SqliteShareRepository implements ShareRepository {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async insertShare(share: Share, audit: AuditEntry): Promise<void> {
    const db = this.#db;
    const { createdAtMs } = share;
    db.write(() => {
      const { label } = share.request;
      const holder = labelHolder(db, label, '', createdAtMs);
      if (holder !== undefined) throw takenLabelFault(label, holder);
      const other = openShareNamed(db, label, createdAtMs);
      if (other !== undefined) throw takenShareLabel(label, other);
      db.run('DELETE FROM share WHERE expires_at < ?', createdAtMs - keptShareMs);
      db.run(
        `INSERT INTO share (${shareColumns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        ...shareValues(share),
      );
      recordAudit(db, [audit]);
    });
  }

  async listShares(): Promise<readonly Share[]> {
    return this.#db.list(shareOf, `SELECT ${shareColumns} FROM share ORDER BY created_at, id`);
  }

  async revokeShare(id: string, audit: AuditEntry): Promise<boolean> {
    const sql = `UPDATE share SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL AND redeemed_at IS NULL
      AND expires_at > ?`;
    return writeChange(this.#db, audit, () => this.#db.run(sql, audit.atMs, id, audit.atMs)) > 0;
  }

  async redeemShare(order: RedemptionOrder): Promise<RedemptionResult> {
    return redeemShare(this.#db, order);
  }
}

export function redeemShare(db: Database, order: RedemptionOrder): RedemptionResult {
  const { digest, atMs, address } = order;
  const find = (): Share | undefined =>
    db.find(shareOf, `SELECT ${shareColumns} FROM share WHERE digest = ?`, digest);
  // A guess needs no lock.
  if (find() === undefined) return { outcome: 'unknown' };
  return db.write(() => {
    const share = find();
    if (share === undefined) return { outcome: 'unknown' };
    const state = shareState(share, atMs);
    if (state !== 'open') return { outcome: state };
    const key = redeemedKey(share, order, freeLabel(db, share.request.label, atMs));
    insertKeyRow(db, key);
    db.run(
      'UPDATE share SET redeemed_at = ?, redeemed_from = ?, key_id = ? WHERE id = ?',
      atMs,
      address,
      key.id,
      share.id,
    );
    recordAudit(db, redemptionAudit(share, key, order));
    return redemptionOf(share, key);
  });
}

/** Somebody may have given the label to another key since. The person with the link cannot solve that. */
function freeLabel(db: Database, base: string, atMs: number): string {
  let label = base;
  for (let n = 2; labelHolder(db, label, '', atMs) !== undefined; n++) label = nextLabel(base, n);
  return label;
}

function openShareNamed(db: Database, label: string, atMs: number): string | undefined {
  const sql = `SELECT ${shareColumns} FROM share WHERE redeemed_at IS NULL AND revoked_at IS NULL AND expires_at > ?`;
  return db.list(shareOf, sql, atMs).find((share) => share.request.label === label)?.id;
}
