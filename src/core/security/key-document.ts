/**
 * A key as the command line (`--json`) and the admin API show it. Never the digest, never the secret.
 * Times are ISO 8601 in UTC.
 */
import { z } from 'zod';
import { scopes } from '../engine/routes.ts';
import type { ListedKey } from './security-service.ts';

const time = z.iso.datetime();
const names = z.array(z.string()).readonly();
const limit = z.int().min(1).nullable();

export const keyDocumentSchema = z
  .strictObject({
    id: z.string().describe('`key_` and 12 characters. Not secret; appears in logs.'),
    familyId: z
      .string()
      .describe('The id of the first key before rotations. Limits and usage follow the family.'),
    label: z.string(),
    owner: z.string().nullable().describe('The person who answers for the key.'),
    note: z.string().nullable().describe('For administrators; may have several lines.'),
    prefix: z.string().describe('The first characters of the secret, to tell keys apart.'),
    scopes: z.array(z.enum(scopes)).readonly(),
    models: names.describe('Patterns of model names; empty: every model.'),
    engines: names.describe('Engine ids; empty: every engine.'),
    endpoints: names.describe('Route names; empty: every route.'),
    addresses: names.describe('Addresses and ranges the key may come from; empty: every address.'),
    limits: z.strictObject({
      requestsPerMinute: limit,
      burst: limit,
      tokensPerMinute: limit,
      tokensPerDay: limit,
      concurrency: limit,
    }),
    createdAt: time,
    expiresAt: time.nullable(),
    revokedAt: time.nullable(),
    pausedAt: time.nullable(),
    lastUsedAt: time.nullable(),
    lastUsedFrom: z.string().nullable(),
  })
  .meta({ id: 'Key' });

export type KeyDocument = z.input<typeof keyDocumentSchema>;

export function keyDocument({ record, lastUse }: ListedKey): KeyDocument {
  const { digest: _, createdAtMs, expiresAtMs, revokedAtMs, pausedAtMs, ...rest } = record;
  return {
    ...rest,
    createdAt: isoTime(createdAtMs),
    expiresAt: isoTimeOrNull(expiresAtMs),
    revokedAt: isoTimeOrNull(revokedAtMs),
    pausedAt: isoTimeOrNull(pausedAtMs),
    lastUsedAt: isoTimeOrNull(lastUse?.atMs ?? null),
    lastUsedFrom: lastUse?.address ?? null,
  };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

function isoTimeOrNull(ms: number | null): string | null {
  return ms === null ? null : isoTime(ms);
}
