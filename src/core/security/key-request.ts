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

const keyRequestSchema = z
  .strictObject({
    label,
    owner: owner.nullable().default(null),
    note: note.nullable().default(null),
    scopes: z.array(z.enum(scopes)).min(1).max(scopes.length).default(['inference']),
    models: z.array(z.string().min(1).max(256)).max(100).default([]),
    engines: z
      .array(z.string().regex(engineIdPattern, { error: 'the id of an engine; see `flm engine list`' }))
      .max(64)
      .default([]),
    endpoints: z.array(z.enum(routeIds)).max(routeIds.length).default([]),
    addresses: z.array(addressRule).max(1000).default([]),
    requestsPerMinute: z.int().min(1).max(1_000_000).nullable().default(null),
    burst: z.int().min(1).max(1_000_000).nullable().default(null),
    tokensPerMinute: z.int().min(1).max(1_000_000_000).nullable().default(null),
    tokensPerDay: z.int().min(1).max(1_000_000_000_000).nullable().default(null),
    concurrency: z.int().min(1).max(100_000).nullable().default(null),
    /** Milliseconds since 1970. */
    expiresAtMs: z.int().nullable().default(null),
  })
  .refine((r) => r.burst === null || r.requestsPerMinute !== null, {
    path: ['burst'],
    error: 'only together with requestsPerMinute',
  });

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
