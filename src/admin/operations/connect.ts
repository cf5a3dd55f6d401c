/** Connecting clients: the supported clients, the settings of one, and a check that a proxy answers at an address. */
import { z } from 'zod';
import { clients } from '../../clients/clients.ts';
import { routeIds } from '../../core/engine/routes.ts';
import type { ErrorCode } from '../../core/errors.ts';
import { connectCheckSchema, connectSchema } from '../../core/proxy/connect-document.ts';
import { type Operation, operation } from '../operation.ts';

const ids = clients.map(({ id }) => id) as [string, ...string[]];
const place = {
  proxy: z
    .string()
    .max(200)
    .optional()
    .describe('The id or profile of a proxy. By default the first that runs.'),
  host: z
    .string()
    .max(255)
    .optional()
    .describe(
      'A host name or address by which the client reaches this machine. By default that of the proxy.',
    ),
};
const errors: readonly ErrorCode[] = [
  'PROXY_NOT_RUNNING',
  'PROXY_STARTING',
  'PROXY_AMBIGUOUS',
  'PROXY_CONTROL_UNREACHABLE',
];

export const connectOperations: readonly Operation[] = [
  operation({
    id: 'listClients',
    method: 'GET',
    path: '/connect/clients',
    tag: 'connect',
    summary: 'List the clients that flm has settings for.',
    scope: 'admin:read',
    status: 200,
    response: z.strictObject({
      items: z.array(z.strictObject({ id: z.string(), name: z.string(), route: z.enum(routeIds) })),
    }),
    run: async () => ({ items: clients.map(({ id, name, route }) => ({ id, name, route })) }),
  }),
  operation({
    id: 'getConnectSettings',
    method: 'GET',
    path: '/connect',
    tag: 'connect',
    summary: 'Show the settings that connect a client, as `flm connect` prints them. They hold no secret.',
    scope: 'admin:read',
    query: z.strictObject({
      ...place,
      client: z.enum(ids).describe('The id of a client.'),
      model: z.string().max(256).optional().describe('By default the first model.'),
    }),
    status: 200,
    response: connectSchema,
    errors,
    run: ({ services }, { query }) => services.connect.settings(query),
  }),
  operation({
    id: 'checkConnection',
    method: 'POST',
    path: '/connect/check',
    tag: 'connect',
    summary: 'List the models through a proxy, from this machine and with a key that lasts a minute.',
    scope: 'admin',
    body: z.strictObject(place),
    status: 200,
    response: connectCheckSchema,
    errors,
    run: ({ services }, { body }) => services.connect.check(body),
  }),
];
