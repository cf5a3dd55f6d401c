/** Shares as both databases store them, and the key and audit entries of a redemption. */
import { PolicyError } from '../core/errors.ts';
import type { ApiKey } from '../core/security/api-key.ts';
import { recordOf, requestedKey } from '../core/security/key-record.ts';
import type { KeyRequest } from '../core/security/key-request.ts';
import type { AuditEntry } from '../core/security/ports.ts';
import type { Redemption, RedemptionOrder, RedemptionResult, Share } from '../core/security/share.ts';
import { integer, json, type Row, text, textOrNull } from './rows.ts';

/** Ended shares are listed for this long. */
export const keptShareMs = 90 * 86_400_000;

export const shareColumns =
  'id, request, digest, created_at, created_by, expires_at, revoked_at, redeemed_at, redeemed_from, key_id';

export function shareOf(row: Row): Share {
  return {
    id: text(row, 'id'),
    request: json<KeyRequest>(row, 'request'),
    digest: text(row, 'digest'),
    createdAtMs: integer(row, 'created_at'),
    createdBy: text(row, 'created_by'),
    expiresAtMs: integer(row, 'expires_at'),
    revokedAtMs: row.revoked_at === null ? null : integer(row, 'revoked_at'),
    redemption: redemptionOfRow(row),
  };
}

function redemptionOfRow(row: Row): Redemption | null {
  const keyId = textOrNull(row, 'key_id');
  if (keyId === null) return null;
  return { atMs: integer(row, 'redeemed_at'), address: text(row, 'redeemed_from'), keyId };
}

/** In the order of `shareColumns`. */
export function shareValues(share: Share): (string | number | null)[] {
  return [
    share.id,
    JSON.stringify(share.request),
    share.digest,
    share.createdAtMs,
    share.createdBy,
    share.expiresAtMs,
    share.revokedAtMs,
    share.redemption?.atMs ?? null,
    share.redemption?.address ?? null,
    share.redemption?.keyId ?? null,
  ];
}

export function takenShareLabel(label: string, holder: string): PolicyError {
  const allowed = `a label that no other open share has; ${holder} has it`;
  return new PolicyError('KEY_INVALID', { faults: [{ field: 'label', value: label, allowed }] });
}

/** The `n`th label to try for a key whose label is taken. */
export function nextLabel(base: string, n: number): string {
  return `${base.slice(0, 90)} ${n}`;
}

/**
 * The request was checked when the share was made: the store thread runs this, without the library of the schemas. A field that
 * requests get later must be filled in by a migration.
 */
export function redeemedKey(share: Share, { fresh, atMs }: RedemptionOrder, label: string): ApiKey {
  const request = { ...share.request, label };
  return recordOf(fresh, { ...requestedKey(request, atMs), familyId: fresh.id });
}

export function redemptionAudit(share: Share, key: ApiKey, order: RedemptionOrder): readonly AuditEntry[] {
  const { atMs, address, proxyId } = order;
  const actor = `share:${share.id}`;
  const after = JSON.stringify({ keyId: key.id, address, proxy: proxyId });
  return [
    { atMs, actor, action: 'share.redeem', subject: share.id, after },
    { atMs, actor, action: 'key.create', subject: key.id, after: JSON.stringify(key) },
  ];
}

export function redemptionOf(share: Share, { id: keyId, label, expiresAtMs }: ApiKey): RedemptionResult {
  return { outcome: 'made', shareId: share.id, keyId, label, expiresAtMs };
}
