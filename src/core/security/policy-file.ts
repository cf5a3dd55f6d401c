/**
 * A policy as a file that a team keeps in git: its fields, and the location of its JSON Schema for editors. The same
 * schema validates the file and generates that JSON Schema.
 */
import { z } from 'zod';
import { PolicyError } from '../errors.ts';
import { faultsOf } from '../faults.ts';
import { type SecurityPolicy, securityPolicySchema } from './security-policy.ts';

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
