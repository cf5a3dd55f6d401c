/**
 * The settings that an administrator can give a new key. One schema gives the type, the defaults and the validation.
 * All faults are reported at once.
 */
import { z } from 'zod';
import { routeIds, scopes } from '../engine/routes.ts';
import { type Fault, PolicyError } from '../errors.ts';
import { faultsOf } from '../faults.ts';
import { engineIdPattern } from '../proxy/proxy-config.ts';
import { isAddressRule } from './security-policy.ts';

/** Labels appear in terminals and logs: one line, no control characters. */
const label = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .refine((text) => !/[\p{C}\p{Zl}\p{Zp}]/u.test(text), { error: 'one line of printable characters' });

const owner = z
  .string()
  .trim()
  .max(200)
  .refine((text) => !/[\p{C}\p{Zl}\p{Zp}]/u.test(text), { error: 'one line of printable characters' })
  .transform(orNull);

const note = z
  .string()
  .trim()
  .max(2_000)
  .transform((text) => text.replaceAll(/\r\n?/g, '\n'))
  .refine((text) => !/[\p{C}\p{Zl}\p{Zp}]/u.test(text.replaceAll('\n', '')), {
    error: 'lines of printable characters',
  })
  .transform(orNull);

function orNull(text: string): string | null {
  return text === '' ? null : text;
}

const addressRule = z
  .string()
  .max(64)
  .refine(isAddressRule, { error: 'an address or a range in CIDR form, such as 192.168.1.7 or 10.0.0.0/8' });

/** The fields of a request, without the time at which the key expires. */
export const keyFields = {
  label: label.describe('Its name for people; no two active keys have the same.'),
  owner: owner.nullable().default(null).describe('The person who answers for the key.'),
  note: note.nullable().default(null).describe('For administrators; may have several lines.'),
  scopes: z
    .array(z.enum(scopes))
    .min(1)
    .max(scopes.length)
    .default(['inference'])
    .describe('What the key is for.'),
  models: z
    .array(z.string().min(1).max(256))
    .max(100)
    .default([])
    .describe('Patterns of model names; empty: every model.'),
  engines: z
    .array(z.string().regex(engineIdPattern, { error: 'the id of an engine; see `flm engine list`' }))
    .max(64)
    .default([])
    .describe('Engine ids; empty: every engine.'),
  endpoints: z
    .array(z.enum(routeIds))
    .max(routeIds.length)
    .default([])
    .describe('Route names; empty: every route.'),
  addresses: z
    .array(addressRule)
    .max(1000)
    .default([])
    .describe('Addresses and ranges the key may come from; empty: every address.'),
  requestsPerMinute: z.int().min(1).max(1_000_000).nullable().default(null).describe('Null: no limit.'),
  burst: z
    .int()
    .min(1)
    .max(1_000_000)
    .nullable()
    .default(null)
    .describe('How many requests may come at once; only with requestsPerMinute.'),
  tokensPerMinute: z.int().min(1).max(1_000_000_000).nullable().default(null).describe('Null: no limit.'),
  tokensPerDay: z.int().min(1).max(1_000_000_000_000).nullable().default(null).describe('Null: no limit.'),
  concurrency: z
    .int()
    .min(1)
    .max(100_000)
    .nullable()
    .default(null)
    .describe('How many requests may run at the same time; null: no limit.'),
};

export const burstRule = {
  holds: (rules: { readonly burst: number | null; readonly requestsPerMinute: number | null }): boolean =>
    rules.burst === null || rules.requestsPerMinute !== null,
  fault: { path: ['burst'], error: 'only together with requestsPerMinute' },
};

const keyRequestSchema = z
  .strictObject({
    ...keyFields,
    /** Milliseconds since 1970. */
    expiresAtMs: z.int().nullable().default(null),
  })
  .refine(burstRule.holds, burstRule.fault);

/** A request, complete. */
export type KeyRequest = Readonly<z.output<typeof keyRequestSchema>>;
/** A request as a user writes it: only the label is required. */
export type KeyRequestInput = z.input<typeof keyRequestSchema>;

/** Throws a `PolicyError` KEY_INVALID with every fault. */
export function parseKeyRequest(input: unknown, nowMs: number): KeyRequest {
  const parsed = keyRequestSchema.safeParse(input);
  const faults: Fault[] = parsed.success ? [] : faultsOf(parsed.error, input);
  if (parsed.success && parsed.data.expiresAtMs !== null && parsed.data.expiresAtMs <= nowMs) {
    faults.push({ field: 'expires', value: 'in the past', allowed: 'a time in the future' });
  }
  if (parsed.success && faults.length === 0) return parsed.data;
  throw new PolicyError('KEY_INVALID', { faults });
}
