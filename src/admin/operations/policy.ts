/** The policy for all proxies: read, replace, and check what it means for a request. */
import { z } from 'zod';
import { securityPolicySchema } from '../../core/security/security-policy.ts';
import { type Operation, type OperationContext, operation } from '../operation.ts';

const current = ({ services, caller }: OperationContext): Promise<unknown> =>
  services.security(caller).policy();

export const policyOperations: readonly Operation[] = [
  operation({
    id: 'getPolicy',
    method: 'GET',
    path: '/policy',
    tag: 'policy',
    summary: 'Show the policy for all proxies.',
    scope: 'admin:read',
    status: 200,
    response: securityPolicySchema,
    current,
    run: ({ services, caller }) => services.security(caller).policy(),
  }),
  operation({
    id: 'replacePolicy',
    method: 'PUT',
    path: '/policy',
    tag: 'policy',
    summary: 'Replace the policy. A policy that would block you or every key needs `confirm=true`.',
    scope: 'admin',
    query: z.strictObject({ confirm: z.enum(['true', 'false']).default('false') }),
    body: securityPolicySchema,
    status: 200,
    response: securityPolicySchema,
    errors: ['POLICY_INVALID', 'POLICY_NEEDS_CONFIRMATION'],
    current,
    run: ({ services, caller }, { body, query }) =>
      services.security(caller).setPolicy(body, query.confirm === 'true'),
  }),
];
