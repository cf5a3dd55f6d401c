/**
 * A key as its holder sees it (`GET /flm/api/v1/me`): rules, limits in force and their use, and the usage of the last
 * days. Nothing about other keys, engines or the policy. Times are ISO 8601 in UTC, and days are UTC days.
 */
import { z } from 'zod';
import { scopes } from '../engine/routes.ts';
import type { KeyUse } from '../proxy/ports.ts';
import type { KeyView } from './api-key.ts';
import type { FamilyUsage } from './ports.ts';

const count = z.int().min(0);
const limit = z.int().min(1).nullable();

export const ownKeyDocumentSchema = z
  .strictObject({
    id: z.string().describe('`key_` and 12 characters. Not secret; appears in logs.'),
    label: z.string(),
    scopes: z.array(z.enum(scopes)).readonly(),
    expiresAt: z.iso.datetime().nullable(),
    limits: z
      .strictObject({
        requestsPerMinute: limit,
        burst: limit,
        tokensPerMinute: limit,
        tokensPerDay: limit,
        concurrency: limit,
      })
      .describe('The limits in force: those of the key, and the rate that the policy gives each key.'),
    use: z
      .strictObject({
        requests: z
          .strictObject({ remaining: z.number(), resetMs: z.number() })
          .nullable()
          .describe('Requests that may come at once now. Null without such a limit.'),
        tokens: z
          .strictObject({ remaining: z.number(), resetMs: z.number() })
          .nullable()
          .describe('Tokens left in this minute. Null without such a limit.'),
        tokensToday: count.describe('Over all proxies of this data folder.'),
        inProgress: count.describe('Requests in progress in this proxy.'),
      })
      .describe('How much of the limits is used now.'),
    models: z.array(z.string()).readonly().describe('Names of models that the key may use now.'),
    usage: z
      .array(
        z.strictObject({
          day: z.string(),
          model: z.string(),
          requests: count,
          inputTokens: count,
          outputTokens: count,
          estimatedRequests: count.describe('Requests whose tokens are estimates.'),
        }),
      )
      .readonly()
      .nullable()
      .describe('The last 30 days by day and model, oldest first. Null while it cannot be read.'),
  })
  .meta({ id: 'OwnKey' });

export type OwnKeyDocument = z.input<typeof ownKeyDocumentSchema>;

export interface OwnKeyFacts {
  readonly key: Pick<KeyView, 'id' | 'label' | 'scopes' | 'expiresAtMs' | 'limits'>;
  readonly use: KeyUse;
  /** Undefined while it cannot be read. */
  readonly usage: readonly FamilyUsage[] | undefined;
  readonly models: readonly string[];
}

export function ownKeyDocument({ key, use, usage, models }: OwnKeyFacts): OwnKeyDocument {
  const { requests, tokens, tokensToday, inProgress } = use;
  return {
    id: key.id,
    label: key.label,
    scopes: [...key.scopes],
    expiresAt: Number.isFinite(key.expiresAtMs) ? new Date(key.expiresAtMs).toISOString() : null,
    limits: {
      ...key.limits,
      requestsPerMinute: requests?.perMinute ?? null,
      burst: requests?.burst ?? null,
    },
    use: {
      requests: requests && { remaining: requests.remaining, resetMs: requests.resetMs },
      tokens: tokens && { remaining: tokens.remaining, resetMs: tokens.resetMs },
      tokensToday,
      inProgress,
    },
    models,
    usage: usage ?? null,
  };
}
