/** The audit: who changed what, refused logins, and whether anybody edited it. */
import { z } from 'zod';
import { auditChains, parseHead } from '../../core/audit/audit-chain.ts';
import { auditCheckDocument, auditEntryDocument } from '../../core/audit/audit-document.ts';
import { withLabels } from '../../core/audit/audit-labels.ts';
import { auditSources } from '../../core/audit/audit-query.ts';
import { chainFaultKinds } from '../../core/audit/chain-check.ts';
import { AdminError } from '../../core/errors.ts';
import { type Operation, operation } from '../operation.ts';
import { countInQuery, listInQuery } from '../paging.ts';

const entrySchema = z
  .strictObject({
    at: z.iso.datetime(),
    actor: z.string().describe('`cli:USER`, `ui:USER`, `key:ID` or `proxy:ID`.'),
    action: z.string(),
    subject: z.string(),
    subjectLabel: z
      .string()
      .nullable()
      .describe('The label of the key or share that `subject` names; null for others and for deleted ones.'),
    before: z.unknown().describe('Without secrets; null where there was nothing before.'),
    after: z.unknown(),
    source: z
      .enum(auditSources)
      .describe(
        'From where: the command line, `flm apply`, the dashboard, this API, a control socket, a proxy.',
      ),
    chain: z.enum(auditChains).describe('The chain of hashes that the entry belongs to.'),
    seq: z.int().nullable().describe('The number in the chain; null for an entry without a hash.'),
    hash: z.string().nullable().describe('The hash of this entry and of all entries before it.'),
  })
  .meta({ id: 'AuditEntry' });

const maxEntries = 1_000;

const checkSchema = z
  .strictObject({
    ok: z.boolean().describe('False if an entry of any chain does not fit.'),
    chains: z
      .array(
        z.strictObject({
          chain: z.enum(auditChains),
          ok: z.boolean(),
          entries: z.int().describe('Entries that fit, from the oldest on.'),
          deletedThrough: z
            .int()
            .describe('The number of the newest entry that was deleted after its retention; 0 for none.'),
          head: z
            .string()
            .nullable()
            .describe('Keep a copy on another machine, and pass the copy as `head`.'),
          withoutHash: z
            .int()
            .describe('Entries that an older flm has written and that are not in the chain yet.'),
          tooOldHeads: z
            .array(z.string())
            .readonly()
            .describe('Heads of deleted entries, which cannot be compared.'),
          fault: z
            .strictObject({
              kind: z.enum(chainFaultKinds),
              seq: z.int(),
              entry: z
                .strictObject({
                  at: z.string(),
                  actor: z.string(),
                  action: z.string(),
                  subject: z.string(),
                })
                .nullable(),
            })
            .nullable()
            .describe('The first entry that does not fit.'),
        }),
      )
      .readonly(),
  })
  .meta({ id: 'AuditCheck' });

const maxHeads = 100;

export const auditOperations: readonly Operation[] = [
  operation({
    id: 'listAudit',
    method: 'GET',
    path: '/audit',
    tag: 'audit',
    summary: 'List changes and refused logins, newest first.',
    scope: 'admin:read',
    query: z.strictObject({
      limit: countInQuery(maxEntries, 100),
      since: z.iso.datetime({ offset: true }).optional().describe('Only entries from this time on.'),
      before: z.iso.datetime({ offset: true }).optional().describe('Only older entries.'),
      action: z
        .string()
        .max(100)
        .optional()
        .describe('Only this action, or actions that begin with it and a dot.'),
      subject: z.string().max(200).optional().describe('An id or name, or the label of a key.'),
      actor: z.string().max(200).optional().describe('`cli:ann`, or one side of the colon.'),
    }),
    status: 200,
    response: z.strictObject({ items: z.array(entrySchema) }),
    async run({ services, caller }, { query }) {
      const { limit, since, before, action, subject, actor } = query;
      const entries = await services.audit.find({
        limit,
        action,
        subject,
        actor,
        ...(since === undefined ? {} : { sinceMs: Date.parse(since) }),
        ...(before === undefined ? {} : { untilMs: Date.parse(before) }),
      });
      const items = await withLabels(entries.map(auditEntryDocument), {
        keys: (ids) => services.security(caller).keyLabels(ids),
        shares: () => services.shares(caller).list(),
      });
      return { items };
    },
  }),
  operation({
    id: 'verifyAudit',
    method: 'GET',
    path: '/audit/check',
    tag: 'audit',
    summary:
      'Check the hashes of the audit, and name the first entry that somebody changed, deleted or inserted.',
    scope: 'admin:read',
    query: z.strictObject({
      head: listInQuery(z.string().max(200))
        .optional()
        .describe(`Heads from logs of proxies or from backups, ${maxHeads} at most.`),
    }),
    status: 200,
    response: checkSchema,
    async run({ services }, { query }) {
      const texts = query.head ?? [];
      if (texts.length > maxHeads) throw invalidHead(`${texts.length} heads`, `at most ${maxHeads}`);
      const heads = texts.map((text) => {
        const head = parseHead(text);
        if (head === undefined) throw invalidHead(text, 'a head of the audit, such as changes_12_v1_9f86...');
        return head;
      });
      return auditCheckDocument(await services.audit.verify(heads));
    },
  }),
];

function invalidHead(value: string, allowed: string): AdminError {
  return new AdminError('ADMIN_INPUT_INVALID', { faults: [{ field: 'head', value, allowed }] });
}
