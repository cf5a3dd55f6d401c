/** The audit: who changed what, and refused logins. */
import { z } from 'zod';
import type { AuditEntry } from '../../core/security/ports.ts';
import { type Operation, operation } from '../operation.ts';
import { countInQuery } from '../paging.ts';

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
  })
  .meta({ id: 'AuditEntry' });

const maxEntries = 1_000;
/** The filter looks at the newest entries only. */
const searchedEntries = 20_000;

export const auditOperations: readonly Operation[] = [
  operation({
    id: 'listAudit',
    method: 'GET',
    path: '/audit',
    tag: 'audit',
    summary: `List changes and refused logins, newest first. Filters search the newest ${searchedEntries} entries.`,
    scope: 'admin:read',
    query: z.strictObject({
      limit: countInQuery(maxEntries, 100),
      before: z.iso.datetime({ offset: true }).optional().describe('Only older entries.'),
      action: z
        .string()
        .max(100)
        .optional()
        .describe('Only this action, or actions that begin with it and a dot.'),
      subject: z.string().max(200).optional(),
      actor: z.string().max(200).optional(),
    }),
    status: 200,
    response: z.strictObject({ items: z.array(entrySchema) }),
    async run({ services, caller }, { query }) {
      const { limit, before, action, subject, actor } = query;
      const beforeMs = before === undefined ? Number.POSITIVE_INFINITY : Date.parse(before);
      const isPlain = [before, action, subject, actor].every((filter) => filter === undefined);
      const entries = await services.audit.list(isPlain ? limit : searchedEntries);
      const wanted = entries.filter(
        (entry) =>
          entry.atMs < beforeMs &&
          (action === undefined || entry.action === action || entry.action.startsWith(`${action}.`)) &&
          (subject === undefined || entry.subject === subject) &&
          (actor === undefined || entry.actor === actor),
      );
      const items = wanted.slice(0, limit).map(entryDocument);
      const nameless = items.filter((item) => item.subjectLabel === null);
      const keyIds = nameless.flatMap(({ subject: id }) => (id.startsWith('key_') ? [id] : []));
      const labels = new Map(await services.security(caller).keyLabels([...new Set(keyIds)]));
      if (nameless.some((item) => item.action.startsWith('share.')))
        for (const { id, request } of await services.shares(caller).list()) labels.set(id, request.label);
      return {
        items: items.map((item) => ({
          ...item,
          subjectLabel: item.subjectLabel ?? labels.get(item.subject) ?? null,
        })),
      };
    },
  }),
];

function entryDocument({ atMs, actor, action, subject, before, after }: AuditEntry) {
  const at = new Date(atMs).toISOString();
  const [old, fresh] = [parsed(before), parsed(after)];
  // The label at that time. An entry about a request has the label of its key.
  const subjectLabel = action.startsWith('key.') ? (labelIn(fresh) ?? labelIn(old)) : null;
  return { at, actor, action, subject, subjectLabel, before: old, after: fresh };
}

function labelIn(state: unknown): string | null {
  const label = typeof state === 'object' && state !== null ? Reflect.get(state, 'label') : undefined;
  return typeof label === 'string' ? label : null;
}

function parsed(state: string | undefined): unknown {
  if (state === undefined) return null;
  try {
    return JSON.parse(state);
  } catch {
    return state;
  }
}
