/** The policy for all proxies: read, replace, and check what it means for a request. */
import { z } from 'zod';
import { routeIds } from '../../core/engine/routes.ts';
import { parseAddress } from '../../core/security/address-rules.ts';
import { policyAnswerDocument, policyAnswerSchema } from '../../core/security/policy-check.ts';
import { parsePolicy, securityPolicySchema } from '../../core/security/security-policy.ts';
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
  operation({
    id: 'checkPolicy',
    method: 'POST',
    path: '/policy/check',
    tag: 'policy',
    summary: 'Predict what would happen to a request, and which rule decides. Nothing is sent.',
    scope: 'admin:read',
    body: z.strictObject({
      ip: z
        .string()
        .max(64)
        .refine((text) => parseAddress(text) !== undefined, { error: 'one IPv4 or IPv6 address' })
        .default('127.0.0.1')
        .describe('Address of the client.'),
      key: z
        .string()
        .max(200)
        .optional()
        .describe('Id or label of the key; without it, only the rules for all keys are checked.'),
      origin: z.string().max(512).optional().describe('Origin of the web page.'),
      model: z.string().max(256).optional(),
      endpoint: z.enum(routeIds).default('chat.completions'),
      profile: z.string().max(64).optional().describe('Include the overrides of this profile.'),
    }),
    status: 200,
    response: policyAnswerSchema,
    errors: ['KEY_NOT_FOUND', 'KEY_AMBIGUOUS', 'PROFILE_NOT_FOUND', 'POLICY_INVALID'],
    run: async ({ services, caller }, { body }) =>
      policyAnswerDocument(await services.policyAnswer(caller, body)),
  }),
  operation({
    id: 'checkLockOut',
    method: 'POST',
    path: '/policy/lock-out',
    tag: 'policy',
    summary: 'Check whether a policy would block you or every key. Nothing is saved.',
    scope: 'admin:read',
    body: securityPolicySchema,
    status: 200,
    response: z.strictObject({
      blocks: z.string().nullable().describe('Who would be blocked and by which rule; null: nobody.'),
    }),
    errors: ['POLICY_INVALID'],
    run: async ({ services, caller }, { body }) => ({
      blocks: (await services.security(caller).lockOut(parsePolicy(body))) ?? null,
    }),
  }),
];
