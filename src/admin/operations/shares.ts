/** Shares: links that become a key when somebody opens them, once. */
import { z } from 'zod';
import { shareDocument, shareDocumentSchema } from '../../core/security/share-document.ts';
import { shareLink } from '../../core/security/share-links.ts';
import { type Operation, operation } from '../operation.ts';
import { pageOf, pageQuery, pageSchema } from '../paging.ts';
import { keyFields, requestOf } from './keys.ts';

const path = z.strictObject({
  share: z.string().max(200).describe('The id of the share, or the label of its key.'),
});

const createdSchema = shareDocumentSchema
  .extend({
    token: z.string().describe('The secret of the link. It is shown once, here.'),
    links: z
      .array(z.string())
      .readonly()
      .describe('The link under each address of a running proxy, best first; empty if none runs.'),
  })
  .meta({ id: 'CreatedShare' });

export const shareOperations: readonly Operation[] = [
  operation({
    id: 'listShares',
    method: 'GET',
    path: '/shares',
    tag: 'shares',
    summary: 'List shares. Ended ones stay for 90 days.',
    scope: 'admin:read',
    query: z.strictObject({
      ...pageQuery,
      order: z.enum(['asc', 'desc']).default('asc').describe('`asc`: oldest first.'),
    }),
    status: 200,
    response: pageSchema(shareDocumentSchema),
    async run({ services, caller }, { query }) {
      const nowMs = services.nowMs();
      const shares = await services.shares(caller).list();
      const sorted = query.order === 'asc' ? shares : shares.toReversed();
      const page = pageOf(sorted, ({ id }) => id, query);
      return { ...page, items: page.items.map((share) => shareDocument(share, nowMs)) };
    },
  }),
  operation({
    id: 'createShare',
    method: 'POST',
    path: '/shares',
    tag: 'shares',
    summary: 'Make a link that becomes a key with these settings. The response holds the link, once.',
    scope: 'admin',
    body: keyFields.extend({
      validSeconds: z
        .int()
        .min(1)
        .max(30 * 86_400)
        .default(86_400)
        .describe('How long the link works.'),
    }),
    status: 201,
    response: createdSchema,
    errors: ['KEY_INVALID', 'SHARE_CLEAR_TEXT'],
    idempotent: true,
    async run({ services, caller }, { body: { validSeconds, ...fields } }) {
      const origins = await services.shareOrigins();
      const { share, token } = await services
        .shares(caller)
        .create({ ...requestOf(fields), label: fields.label }, validSeconds * 1_000);
      const links = origins.map((origin) => shareLink(origin, token));
      return { ...shareDocument(share, services.nowMs()), token, links };
    },
  }),
  operation({
    id: 'getShare',
    method: 'GET',
    path: '/shares/{share}',
    tag: 'shares',
    summary: 'Show a share, never its link.',
    scope: 'admin:read',
    params: path,
    status: 200,
    response: shareDocumentSchema,
    errors: ['SHARE_NOT_FOUND'],
    async run({ services, caller }, { path: { share } }) {
      return shareDocument(await services.shares(caller).show(share), services.nowMs());
    },
  }),
  operation({
    id: 'revokeShare',
    method: 'DELETE',
    path: '/shares/{share}',
    tag: 'shares',
    summary: 'Withdraw a link that was not used yet. A share whose key exists is refused: revoke the key.',
    scope: 'admin',
    params: path,
    status: 204,
    errors: ['SHARE_NOT_FOUND', 'SHARE_HAS_KEY'],
    async run({ services, caller }, { path: { share } }) {
      await services.shares(caller).revoke(share);
      return undefined;
    },
  }),
];
