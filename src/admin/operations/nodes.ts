/** The nodes of a fleet: the running proxies of all machines that share a database. */
import { z } from 'zod';
import { fleetNodeSchema } from '../../core/proxy/fleet-node.ts';
import { type Operation, operation } from '../operation.ts';
import { pageOf, pageQuery, pageSchema } from '../paging.ts';

export const nodeOperations: readonly Operation[] = [
  operation({
    id: 'listNodes',
    method: 'GET',
    path: '/nodes',
    tag: 'proxies',
    summary:
      'List the running proxies of all machines that share a database, as their heartbeats describe them. Without a shared database the list is empty.',
    scope: 'admin:read',
    query: z.strictObject(pageQuery),
    status: 200,
    response: pageSchema(fleetNodeSchema).extend({
      shared: z.boolean().describe('Whether this flm shares a database with other machines.'),
      revision: z.int().nullable().describe('The number of the last change; null without a shared database.'),
    }),
    async run({ services }, { query }) {
      const fleet = await services.fleet();
      return {
        ...pageOf(fleet?.nodes ?? [], ({ id }) => id, query),
        shared: fleet !== undefined,
        revision: fleet?.revision ?? null,
      };
    },
  }),
];
