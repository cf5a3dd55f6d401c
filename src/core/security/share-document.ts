/**
 * A share as the command line (`--json`) and the admin API show it: never the token, never its digest. Times are ISO 8601
 * in UTC.
 */
import { z } from 'zod';
import { scopes } from '../engine/routes.ts';
import { type Share, shareState, shareStates } from './share.ts';

const time = z.iso.datetime();
const names = z.array(z.string()).readonly();
const limit = z.int().min(1).nullable();

export const shareDocumentSchema = z
  .strictObject({
    id: z.string().describe('`sh_` and 12 characters. Not secret.'),
    label: z.string().describe('The label of the key that a redemption makes.'),
    state: z.enum(shareStates),
    scopes: z.array(z.enum(scopes)).readonly(),
    models: names,
    engines: names,
    endpoints: names,
    addresses: names,
    limits: z.strictObject({
      requestsPerMinute: limit,
      burst: limit,
      tokensPerMinute: limit,
      tokensPerDay: limit,
      concurrency: limit,
    }),
    keyExpiresAt: time.nullable(),
    createdAt: time,
    createdBy: z.string(),
    expiresAt: time.describe('When the link ends.'),
    revokedAt: time.nullable(),
    redeemedAt: time.nullable(),
    redeemedFrom: z.string().nullable().describe('The address from which it was redeemed.'),
    keyId: z.string().nullable().describe('The key that the redemption made.'),
  })
  .meta({ id: 'Share' });

export type ShareDocument = z.input<typeof shareDocumentSchema>;

export function shareDocument(share: Share, nowMs: number): ShareDocument {
  const { request, redemption } = share;
  const { requestsPerMinute, burst, tokensPerMinute, tokensPerDay, concurrency } = request;
  return {
    id: share.id,
    label: request.label,
    state: shareState(share, nowMs),
    scopes: request.scopes,
    models: request.models,
    engines: request.engines,
    endpoints: request.endpoints,
    addresses: request.addresses,
    limits: { requestsPerMinute, burst, tokensPerMinute, tokensPerDay, concurrency },
    keyExpiresAt: isoOrNull(request.expiresAtMs),
    createdAt: new Date(share.createdAtMs).toISOString(),
    createdBy: share.createdBy,
    expiresAt: new Date(share.expiresAtMs).toISOString(),
    revokedAt: isoOrNull(share.revokedAtMs),
    redeemedAt: isoOrNull(redemption?.atMs ?? null),
    redeemedFrom: redemption?.address ?? null,
    keyId: redemption?.keyId ?? null,
  };
}

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
