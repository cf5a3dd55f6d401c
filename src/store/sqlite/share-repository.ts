/**
 * Shares in `flm.db`. A redemption reads the share, makes the key and marks the share in one transaction that no other
 * writer can enter, so two proxies that receive one token at the same moment make one key.
 */
import { PolicyError } from '../../core/errors.ts';
import { takenLabelFault } from '../../core/security/api-key.ts';
import { type KeyRequest, parseKeyRequest } from '../../core/security/key-request.ts';
import type { AuditEntry } from '../../core/security/ports.ts';
import { recordOf, requestedKey } from '../../core/security/security-service.ts';
import {
  type Redemption,
  type RedemptionOrder,
  type RedemptionResult,
  type Share,
  type ShareRepository,
  shareState,
} from '../../core/security/share.ts';
import { integer, json, type Row, text, textOrNull } from '../rows.ts';
import { recordAudit, writeChange } from './audit-repository.ts';
import type { Database } from './database.ts';
import { insertKeyRow, labelHolder } from './security-repository.ts';

/** Ended shares are listed for this long. */
const keptMs = 90 * 86_400_000;

const columns =
  'id, request, digest, created_at, created_by, expires_at, revoked_at, redeemed_at, redeemed_from, key_id';

export class SqliteShareRepository implements ShareRepository {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async insertShare(share: Share, audit: AuditEntry): Promise<void> {
    const db = this.#db;
    const { request, createdAtMs } = share;
    db.write(() => {
      const { label } = request;
      const holder = labelHolder(db, label, '', createdAtMs);
      if (holder !== undefined) throw takenLabelFault(label, holder);
      const other = openShareNamed(db, label, createdAtMs);
      if (other !== undefined) {
        const allowed = `a label that no other open share has; ${other} has it`;
        throw new PolicyError('KEY_INVALID', { faults: [{ field: 'label', value: label, allowed }] });
      }
      db.run('DELETE FROM share WHERE expires_at < ?', createdAtMs - keptMs);
      db.run(
        `INSERT INTO share (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        share.id,
        JSON.stringify(request),
        share.digest,
        createdAtMs,
        share.createdBy,
        share.expiresAtMs,
        share.revokedAtMs,
        share.redemption?.atMs ?? null,
        share.redemption?.address ?? null,
        share.redemption?.keyId ?? null,
      );
      recordAudit(db, [audit]);
    });
  }

  async listShares(): Promise<readonly Share[]> {
    return this.#db.list(shareOf, `SELECT ${columns} FROM share ORDER BY created_at, id`);
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
  const { digest, fresh, atMs, address, proxyId } = order;
  const find = (): Share | undefined =>
    db.find(shareOf, `SELECT ${columns} FROM share WHERE digest = ?`, digest);
  // A guess needs no lock.
  if (find() === undefined) return { outcome: 'unknown' };
  return db.write(() => {
    const share = find();
    if (share === undefined) return { outcome: 'unknown' };
    const state = shareState(share, atMs);
    if (state !== 'open') return { outcome: state };
    const request = parseKeyRequest(
      { ...share.request, label: freeLabel(db, share.request.label, atMs) },
      atMs,
    );
    const key = recordOf(fresh, { ...requestedKey(request, atMs), familyId: fresh.id });
    insertKeyRow(db, key);
    db.run(
      'UPDATE share SET redeemed_at = ?, redeemed_from = ?, key_id = ? WHERE id = ?',
      atMs,
      address,
      key.id,
      share.id,
    );
    const actor = `share:${share.id}`;
    const after = JSON.stringify({ keyId: key.id, address, proxy: proxyId });
    recordAudit(db, [
      { atMs, actor, action: 'share.redeem', subject: share.id, after },
      { atMs, actor, action: 'key.create', subject: key.id, after: JSON.stringify(key) },
    ]);
    const { id: keyId, label, expiresAtMs } = key;
    return { outcome: 'made', shareId: share.id, keyId, label, expiresAtMs };
  });
}

/** Somebody may have given the label to another key since. The person with the link cannot solve that. */
function freeLabel(db: Database, base: string, atMs: number): string {
  let label = base;
  for (let n = 2; labelHolder(db, label, '', atMs) !== undefined; n++) label = `${base.slice(0, 90)} ${n}`;
  return label;
}

function openShareNamed(db: Database, label: string, atMs: number): string | undefined {
  const sql = `SELECT ${columns} FROM share WHERE redeemed_at IS NULL AND revoked_at IS NULL AND expires_at > ?`;
  return db.list(shareOf, sql, atMs).find((share) => share.request.label === label)?.id;
}

function shareOf(row: Row): Share {
  return {
    id: text(row, 'id'),
    request: json<KeyRequest>(row, 'request'),
    digest: text(row, 'digest'),
    createdAtMs: integer(row, 'created_at'),
    createdBy: text(row, 'created_by'),
    expiresAtMs: integer(row, 'expires_at'),
    revokedAtMs: row.revoked_at === null ? null : integer(row, 'revoked_at'),
    redemption: redemptionOf(row),
  };
}

function redemptionOf(row: Row): Redemption | null {
  const keyId = textOrNull(row, 'key_id');
  if (keyId === null) return null;
  return { atMs: integer(row, 'redeemed_at'), address: text(row, 'redeemed_from'), keyId };
}
