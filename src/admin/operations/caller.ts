/** Who calls: its name in the audit, and its scopes. A page shows only what these allow. */
import { z } from 'zod';
import { adminScopes } from '../../core/engine/routes.ts';
import { type Operation, operation } from '../operation.ts';

export const callerOperations: readonly Operation[] = [
  operation({
    id: 'getCaller',
    method: 'GET',
    path: '/caller',
    tag: 'caller',
    summary: 'Show who you are for the audit, and which scopes of this API you have.',
    scope: 'admin:read',
    status: 200,
    response: z
      .strictObject({
        actor: z.string().describe('`key:ID`, or `ui:USER` in the dashboard of `flm ui`.'),
        scopes: z.array(z.enum(adminScopes)).describe('`admin` allows every operation.'),
      })
      .meta({ id: 'Caller' }),
    run: async ({ caller: { actor, scopes } }) => ({ actor, scopes: [...scopes] }),
  }),
];
