/** The current use of a key's limits over all running proxies, as `flm key show --json` and the admin API show it. */
import { z } from 'zod';

export const keyUseSchema = z
  .strictObject({
    tokensToday: z
      .number()
      .nullable()
      .describe(
        'Tokens of today (UTC), over all proxies. Null: neither a proxy nor `usage.db` has the number.',
      ),
    proxies: z
      .array(
        z.strictObject({
          id: z.string(),
          requests: z
            .strictObject({
              perMinute: z.number(),
              burst: z.number(),
              remaining: z.number(),
              resetMs: z.number(),
            })
            .nullable(),
          tokens: z
            .strictObject({ limit: z.number(), remaining: z.number(), resetMs: z.number() })
            .nullable(),
          tokensToday: z.number(),
          inProgress: z.number(),
        }),
      )
      .readonly()
      .describe('Running proxies that have seen the key.'),
  })
  .meta({ id: 'KeyUse' });

export type KeyUseDocument = z.output<typeof keyUseSchema>;
