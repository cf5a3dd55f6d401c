/** Requests: those that run now, what changes about them as an event stream, the last ones, and the end of one. */
import { z } from 'zod';
import { AdminError } from '../../core/errors.ts';
import {
  endedRequestDocument,
  endedRequestSchema,
  requestChangesDocument,
  requestChangesSchema,
  runningRequestDocument,
  runningRequestSchema,
} from '../../core/proxy/request-document.ts';
import { eventOperation, type Operation, operation } from '../operation.ts';

export const requestOperations: readonly Operation[] = [
  operation({
    id: 'listRequests',
    method: 'GET',
    path: '/requests',
    tag: 'requests',
    summary: 'List the requests that run now, oldest first.',
    scope: 'admin:read',
    status: 200,
    response: z.strictObject({ items: z.array(runningRequestSchema) }),
    run: async ({ services }) => ({ items: (await services.requests.list()).map(runningRequestDocument) }),
  }),
  operation({
    id: 'listRecentRequests',
    method: 'GET',
    path: '/requests/recent',
    tag: 'requests',
    summary: 'List the last 200 requests that ended, newest first. Proxies keep them in memory only.',
    scope: 'admin:read',
    query: z.strictObject({
      key: z.string().max(200).optional().describe('Only the last 200 requests of the key with this id.'),
    }),
    status: 200,
    response: z.strictObject({ items: z.array(endedRequestSchema) }),
    async run({ services }, { query }) {
      return { items: (await services.requests.recent(query.key)).map(endedRequestDocument) };
    },
  }),
  eventOperation({
    id: 'watchRequests',
    method: 'GET',
    path: '/requests/events',
    tag: 'requests',
    summary:
      'Watch requests. The first event has all that run now, in `running`; each further one, at most four a second of each proxy, has new or changed requests in `running`, ids that no longer run in `gone`, and requests that ended in `ended`.',
    scope: 'admin:read',
    status: 200,
    events: { changes: requestChangesSchema },
    async *watch({ services }, _input, signal) {
      for await (const changes of services.requests.watch(signal))
        yield { event: 'changes', data: requestChangesDocument(changes) };
    },
  }),
  operation({
    id: 'cancelRequest',
    method: 'POST',
    path: '/requests/{request}/cancel',
    tag: 'requests',
    summary: 'End a running request. Its client gets the error `REQUEST_CANCELLED`.',
    scope: 'admin',
    params: z.strictObject({ request: z.string().max(200).describe('The id of the request.') }),
    status: 200,
    response: runningRequestSchema,
    errors: ['REQUEST_NOT_RUNNING'],
    async run({ services, caller }, { path: { request: id } }) {
      const request = await services.requests.cancel(id, caller.actor);
      if (request === undefined) throw new AdminError('REQUEST_NOT_RUNNING', { params: { id } });
      return runningRequestDocument(request);
    },
  }),
];
