/**
 * A policy as a file that a team keeps in git: its fields, and where its JSON Schema is, for editors. The same schema
 * judges what is read and makes that JSON Schema.
 */
import { z } from 'zod';
import { PolicyError } from '../errors.ts';
import { faultsOf } from '../faults.ts';
import { type SecurityPolicy, securityPolicySchema } from './security-policy.ts';

const policyFileSchema = securityPolicySchema.extend({
  $schema: z.string().max(2048).optional().describe('Where the schema of this file is, for editors.'),
});

/** Throws a `PolicyError` POLICY_INVALID that carries every fault. */
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
