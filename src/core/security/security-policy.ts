/**
 * The policy for all proxies: who may connect, from where, and how often. A profile may override parts of it. The
 * schema gives type, defaults, validation and JSON Schema. Validation reports all faults and has no side effect.
 */
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { type Fault, PolicyError } from '../errors.ts';
import { faultsOf } from '../faults.ts';
import { isIpv6 } from './address-rules.ts';
import { isOriginRule } from './origin-rules.ts';

const cidr = z.string().max(96).refine(isAddressRule, {
  error:
    'an address, a range in CIDR form or a span, such as 192.168.1.7, 10.0.0.0/8, fd00::/8 or 10.0.0.5-10.0.0.9',
});

const origin = z.string().max(256).refine(isOriginRule, {
  error:
    'an origin without a path, such as https://app.example.org, http://localhost:3000 or app://obsidian.md; https://*.example.org for any first label',
});

const rate = z.int().min(1).max(1_000_000).nullable();

const fields = {
  allowIps: z.array(cidr).max(10_000).describe('Addresses that may connect; empty: all that are not denied.'),
  denyIps: z.array(cidr).max(10_000).describe('Addresses that may not connect; checked before allowIps.'),
  trustedProxies: z
    .array(cidr)
    .max(1000)
    .describe('Peers whose X-Forwarded-For field is trusted, or otherwise their Forwarded field.'),
  allowOrigins: z
    .array(origin)
    .max(1000)
    .describe('Browser origins that may send requests; none by default.'),
  requestsPerMinute: rate.describe('For all keys together; requests without a key do not count.'),
  requestsPerMinutePerKey: rate.describe('For each key without its own rate.'),
  requestsPerMinutePerAddress: rate.describe('For each client address, requests without a key included.'),
};

export const securityPolicySchema = z.strictObject({
  allowIps: fields.allowIps.default([]),
  denyIps: fields.denyIps.default([]),
  trustedProxies: fields.trustedProxies.default([]),
  allowOrigins: fields.allowOrigins.default([]),
  requestsPerMinute: fields.requestsPerMinute.default(null),
  requestsPerMinutePerKey: fields.requestsPerMinutePerKey.default(null),
  requestsPerMinutePerAddress: fields.requestsPerMinutePerAddress.default(null),
});

/** Has no defaults: a default would silently override the rules of the policy. */
export const securityPolicyOverrideSchema = z.strictObject(fields).partial();

/** The policy with all defaults filled in. */
export type SecurityPolicy = Readonly<z.output<typeof securityPolicySchema>>;
/** Parts of a policy, as a profile overrides them. */
export type SecurityPolicyOverride = z.input<typeof securityPolicyOverrideSchema>;

export const defaultPolicy: SecurityPolicy = securityPolicySchema.parse({});

/** Throws a `PolicyError` POLICY_INVALID with every fault. */
export function parsePolicy(input: unknown): SecurityPolicy {
  const parsed = securityPolicySchema.safeParse(input);
  if (parsed.success) return parsed.data;
  const faults: Fault[] = faultsOf(parsed.error, input);
  throw new PolicyError('POLICY_INVALID', { faults });
}

/**
 * Whether the text is an address, a range in CIDR form, or a first and a last address of one family. IPv4 must have
 * four decimal parts, so that 127.1 is not interpreted.
 */
export function isAddressRule(text: string): boolean {
  const [first = '', last, ...others] = text.split('-');
  if (last !== undefined) return others.length === 0 && isSpan(first, last);
  const [address = '', bits, more] = text.split('/');
  if (more !== undefined || !isAddress(address)) return false;
  if (bits === undefined) return true;
  const max = address.includes(':') ? 128 : 32;
  return /^\d{1,3}$/.test(bits) && Number(bits) <= max;
}

function isSpan(first: string, last: string): boolean {
  if (!isAddress(first) || !isAddress(last) || first.includes(':') !== last.includes(':')) return false;
  return compareBytes(ipaddr.parse(first).toByteArray(), ipaddr.parse(last).toByteArray()) <= 0;
}

function compareBytes(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at < 0 ? 0 : (a[at] as number) - (b[at] as number);
}

function isAddress(text: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(text) || (text.includes(':') && isIpv6(text));
}

/** A policy as a file that a team keeps in git: its fields, and the location of its JSON Schema for editors. */
const policyFileSchema = securityPolicySchema.extend({
  $schema: z.string().max(2048).optional().describe('Location of the schema of this file, for editors.'),
});

/** Throws a `PolicyError` POLICY_INVALID with every fault. */
export function parsePolicyFile(input: unknown): SecurityPolicy {
  const parsed = policyFileSchema.safeParse(input);
  if (!parsed.success) throw new PolicyError('POLICY_INVALID', { faults: faultsOf(parsed.error, input) });
  const { $schema: _, ...policy } = parsed.data;
  return policy;
}

/** The JSON Schema (draft 2020-12) of such a file. */
export function policyJsonSchema(): object {
  const { $schema, ...rest } = z.toJSONSchema(policyFileSchema, { io: 'input' });
  return { $schema, title: 'The policy of flm', ...rest };
}
