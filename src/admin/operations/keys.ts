/** API keys: list, create, change, pause, rotate, revoke, delete, and the use of their limits. */
import { z } from 'zod';
import { scopes } from '../../core/engine/routes.ts';
import type { ErrorCode } from '../../core/errors.ts';
import { type ApiKey, keyStates } from '../../core/security/api-key.ts';
import { keyDocument, keyDocumentSchema } from '../../core/security/key-document.ts';
import { filterKeys, keyOrders, sortKeys } from '../../core/security/key-filter.ts';
import type { KeyRequestInput } from '../../core/security/key-request.ts';
import { importColumns, keysCsv, maxImportedKeys } from '../../core/security/key-table.ts';
import { keyUseSchema } from '../../core/security/key-use.ts';
import type { ListedKey } from '../../core/security/security-service.ts';
import { type Operation, type OperationContext, operation } from '../operation.ts';
import { type Page, pageOf, pageQuery, pageSchema } from '../paging.ts';

const path = z.strictObject({ key: z.string().max(200).describe('The id of the key, or its label.') });
const findErrors: readonly ErrorCode[] = ['KEY_NOT_FOUND', 'KEY_AMBIGUOUS'];
const changeErrors: readonly ErrorCode[] = [...findErrors, 'KEY_INVALID'];

const names = z.array(z.string());
const limit = z.int().min(1).nullable();

/** `KeyRequest` checks the values; this schema fixes the fields and their types. */
export const keyFields = z.strictObject({
  label: z.string().describe('The person or program that uses the key.'),
  owner: z.string().nullable().optional().describe('The person who answers for the key.'),
  note: z.string().nullable().optional().describe('For administrators; may have several lines.'),
  scopes: z.array(z.enum(scopes)).optional(),
  models: names.optional(),
  engines: names.optional(),
  endpoints: names.optional(),
  addresses: names.optional(),
  limits: z
    .strictObject({
      requestsPerMinute: limit,
      burst: limit,
      tokensPerMinute: limit,
      tokensPerDay: limit,
      concurrency: limit,
    })
    .partial()
    .optional(),
  expiresAt: z.iso.datetime({ offset: true }).nullable().optional(),
});

const createdSchema = keyDocumentSchema
  .extend({ key: z.string().describe('The secret. It is shown once, here.') })
  .meta({ id: 'CreatedKey' });

const filterQuery = {
  search: z.string().max(200).optional().describe('Part of a label, owner, id or prefix; case is ignored.'),
  state: z.enum(keyStates).optional(),
  owner: z
    .string()
    .max(200)
    .optional()
    .describe('The whole owner; case is ignored. Empty: keys without an owner.'),
  sort: z.enum(keyOrders).default('created'),
  order: z.enum(['asc', 'desc']).default('asc').describe('Keys without a value come last in both.'),
};

const tableBody = z.strictObject({
  csv: z
    .string()
    .max(1_000_000)
    .describe(
      `A table with one key on each line, ${maxImportedKeys} at most, and a first line with names of columns: ${importColumns.join(', ')}. Lists are separated by semicolons. \`expires\` is a span, such as 90d, or a time.`,
    ),
});

export const keyOperations: readonly Operation[] = [
  operation({
    id: 'listKeys',
    method: 'GET',
    path: '/keys',
    tag: 'keys',
    summary: 'List keys.',
    scope: 'admin:read',
    query: z.strictObject({ ...pageQuery, ...filterQuery }),
    status: 200,
    response: pageSchema(keyDocumentSchema),
    async run(context, { query }) {
      const page = canPageInStore(query)
        ? await storedPage(context, query)
        : pageOf(await selected(context, query), ({ record }) => record.id, query);
      return { ...page, items: page.items.map(keyDocument) };
    },
  }),
  operation({
    id: 'exportKeys',
    method: 'GET',
    path: '/keys/export',
    tag: 'keys',
    summary: 'List keys as CSV, without secrets. The table can be imported again.',
    scope: 'admin:read',
    query: z.strictObject(filterQuery),
    status: 200,
    media: 'text/csv',
    response: z.string(),
    run: async (context, { query }) => keysCsv(await selected(context, query), context.services.nowMs()),
  }),
  operation({
    id: 'listTokensToday',
    method: 'GET',
    path: '/keys/today',
    tag: 'keys',
    summary: 'List the tokens of today (UTC) by key, over all proxies, at most two seconds late.',
    scope: 'admin:read',
    status: 200,
    response: z.strictObject({
      items: z.array(
        z.strictObject({
          familyId: z.string().describe('Limits are counted for all secrets of a family together.'),
          tokens: z.int().min(0),
        }),
      ),
    }),
    async run({ services }) {
      const today = new Date(services.nowMs()).toISOString().slice(0, 10);
      const tokens = new Map<string, number>();
      for (const { familyId, inputTokens, outputTokens } of await services.usage.listUsage(today))
        tokens.set(familyId, (tokens.get(familyId) ?? 0) + inputTokens + outputTokens);
      return { items: [...tokens].map(([familyId, sum]) => ({ familyId, tokens: sum })) };
    },
  }),
  operation({
    id: 'checkKeyTable',
    method: 'POST',
    path: '/keys/import/check',
    tag: 'keys',
    summary: 'Check a table of new keys, and show what an import would create.',
    scope: 'admin:read',
    body: tableBody,
    status: 200,
    response: z.strictObject({
      keys: z.array(
        z.strictObject({
          line: z.int(),
          label: z.string(),
          owner: z.string().nullable(),
          note: z.string().nullable(),
          models: z.array(z.string()).readonly(),
          limits: keyDocumentSchema.shape.limits,
          expiresAt: z.iso.datetime().nullable(),
        }),
      ),
    }),
    errors: ['KEY_TABLE_INVALID'],
    async run({ services, caller }, { body }) {
      const rows = await services.security(caller).checkTable(body.csv);
      return {
        keys: rows.map(({ line, request }) => {
          const { label, owner, note, models, expiresAtMs } = request;
          const { requestsPerMinute, burst, tokensPerMinute, tokensPerDay, concurrency } = request;
          const limits = { requestsPerMinute, burst, tokensPerMinute, tokensPerDay, concurrency };
          const expiresAt = expiresAtMs === null ? null : new Date(expiresAtMs).toISOString();
          return { line, label, owner, note, models, limits, expiresAt };
        }),
      };
    },
  }),
  operation({
    id: 'importKeys',
    method: 'POST',
    path: '/keys/import',
    tag: 'keys',
    summary: 'Create a key for each line of a table, all or none. The response holds the secrets, once.',
    scope: 'admin',
    body: tableBody,
    status: 201,
    response: z.strictObject({ keys: z.array(createdSchema).readonly() }),
    errors: ['KEY_TABLE_INVALID', 'KEY_INVALID'],
    idempotent: true,
    async run({ services, caller }, { body }) {
      const created = await services.security(caller).createKeys(body.csv);
      return {
        keys: created.map(({ record, key }) => ({ ...keyDocument({ record, lastUse: undefined }), key })),
      };
    },
  }),
  operation({
    id: 'createKey',
    method: 'POST',
    path: '/keys',
    tag: 'keys',
    summary: 'Create a key. The response holds its secret, once.',
    scope: 'admin',
    body: keyFields,
    status: 201,
    response: createdSchema,
    errors: ['KEY_INVALID'],
    idempotent: true,
    async run({ services, caller }, { body }) {
      const made = await services.security(caller).createKey({ ...requestOf(body), label: body.label });
      return { ...keyDocument({ record: made.record, lastUse: undefined }), key: made.key };
    },
  }),
  operation({
    id: 'getKey',
    method: 'GET',
    path: '/keys/{key}',
    tag: 'keys',
    summary: 'Show a key.',
    scope: 'admin:read',
    params: path,
    status: 200,
    response: keyDocumentSchema,
    errors: findErrors,
    current: currentKey,
    run: async (context, input) => keyDocument(await found(context, input.path.key)),
  }),
  operation({
    id: 'changeKey',
    method: 'PATCH',
    path: '/keys/{key}',
    tag: 'keys',
    summary: 'Change the given fields of a key; a list replaces the list before.',
    scope: 'admin',
    params: path,
    body: keyFields.partial(),
    status: 200,
    response: keyDocumentSchema,
    errors: changeErrors,
    current: currentKey,
    async run(context, { path: { key }, body }) {
      const label = body.label === undefined ? {} : { label: body.label };
      const check = (record: ApiKey): void =>
        context.checkIfMatch(keyDocument({ record, lastUse: undefined }));
      await context.services.security(context.caller).setKey(key, { ...requestOf(body), ...label }, check);
      return keyDocument(await found(context, key));
    },
  }),
  operation({
    id: 'deleteKey',
    method: 'DELETE',
    path: '/keys/{key}',
    tag: 'keys',
    summary: 'Forget a key. Its usage stays.',
    scope: 'admin',
    params: path,
    status: 204,
    errors: findErrors,
    current: currentKey,
    async run({ services, caller }, { path: { key } }) {
      await services.security(caller).deleteKey(key);
      return undefined;
    },
  }),
  change(
    'pauseKey',
    'pause',
    'Refuse new requests of a key until it is resumed. Running responses finish.',
    (service, key) => service.pauseKey(key),
  ),
  change('resumeKey', 'resume', 'Accept a paused key again.', (service, key) => service.resumeKey(key)),
  operation({
    id: 'rotateKey',
    method: 'POST',
    path: '/keys/{key}/rotate',
    tag: 'keys',
    summary: 'Make a new secret with the same rules. The response holds it, once.',
    scope: 'admin',
    params: path,
    body: z.strictObject({
      overlapSeconds: z
        .int()
        .min(0)
        .max(365 * 86_400)
        .default(0)
        .describe('How long the old secret still works.'),
    }),
    status: 201,
    response: createdSchema,
    errors: changeErrors,
    idempotent: true,
    async run({ services, caller }, { path: { key }, body }) {
      const made = await services.security(caller).rotateKey(key, body.overlapSeconds * 1_000);
      return { ...keyDocument({ record: made.record, lastUse: undefined }), key: made.key };
    },
  }),
  operation({
    id: 'revokeKey',
    method: 'POST',
    path: '/keys/{key}/revoke',
    tag: 'keys',
    summary: 'End a key for good, with its running responses.',
    scope: 'admin',
    params: path,
    status: 200,
    response: z.strictObject({
      key: keyDocumentSchema
        .nullable()
        .describe('The key; null if the store cannot be read, so that only the proxies know it.'),
      id: z.string(),
      label: z.string(),
      inMemoryOf: z
        .array(z.string())
        .readonly()
        .describe(
          'Proxies that hold the revocation in memory, because the store cannot be written. Empty: it is stored.',
        ),
      unreached: z.array(z.string()).readonly().describe('Proxies that did not confirm the revocation.'),
      stillActive: z
        .array(z.string())
        .readonly()
        .describe('Ids of other secrets of this key that still work.'),
    }),
    errors: findErrors,
    async run({ services, caller }, { path: { key } }) {
      const revoked = await services.security(caller).revokeKey(key);
      const { record, unwritten, unreached, stillActive } = revoked;
      return {
        key: record === undefined ? null : keyDocument({ record, lastUse: undefined }),
        id: revoked.key.id,
        label: revoked.key.label,
        inMemoryOf: unwritten?.inMemoryOf ?? [],
        unreached,
        stillActive: stillActive.map(({ id }) => id),
      };
    },
  }),
  operation({
    id: 'getKeyUse',
    method: 'GET',
    path: '/keys/{key}/use',
    tag: 'keys',
    summary: 'How much of its limits a key uses now, in each running proxy.',
    scope: 'admin:read',
    params: path,
    status: 200,
    response: keyUseSchema,
    errors: findErrors,
    async run(context, { path: { key } }) {
      const { record } = await found(context, key);
      return context.services.keyUse(record);
    },
  }),
];

type Change = (service: ReturnType<OperationContext['services']['security']>, key: string) => Promise<ApiKey>;

function change(id: string, verb: string, summary: string, apply: Change): Operation {
  return operation({
    id,
    method: 'POST',
    path: `/keys/{key}/${verb}`,
    tag: 'keys',
    summary,
    scope: 'admin',
    params: path,
    status: 200,
    response: keyDocumentSchema,
    errors: changeErrors,
    async run({ services, caller }, { path: { key } }) {
      const record = await apply(services.security(caller), key);
      return keyDocument({ record, lastUse: undefined });
    },
  });
}

type Selection = z.output<z.ZodObject<typeof filterQuery>>;

type PagedSelection = Selection & { readonly limit: number; readonly cursor?: string | undefined };

/** A search ignores case, and other orders compare as people do, in any language: SQLite can do neither. */
function canPageInStore({ search = '', owner, sort }: Selection): boolean {
  return search === '' && owner === undefined && sort === 'created';
}

async function storedPage(
  { services, caller }: OperationContext,
  { state, order, cursor, limit }: PagedSelection,
): Promise<Page<ListedKey>> {
  const { keys, hasMore, total } = await services
    .security(caller)
    .pageKeys({ state, cursor, limit, descending: order === 'desc' });
  return { items: keys, nextCursor: hasMore ? (keys.at(-1)?.record.id ?? null) : null, total };
}

async function selected(
  { services, caller }: OperationContext,
  query: Selection,
): Promise<readonly ListedKey[]> {
  const { keys } = await services.security(caller).listKeys();
  const nowMs = services.nowMs();
  return sortKeys(filterKeys(keys, query, nowMs), query.sort, query.order === 'desc', nowMs);
}

async function found({ services, caller }: OperationContext, key: string): Promise<ListedKey> {
  const { keys } = await services.security(caller).showKey(key);
  // `showKey` throws if there is none.
  return keys[0] as ListedKey;
}

/** Without the last use, which changes with each request. */
async function currentKey(context: OperationContext, { key }: { readonly key: string }): Promise<unknown> {
  return keyDocument({ record: (await found(context, key)).record, lastUse: undefined });
}

type KeyFields = {
  readonly [F in keyof z.output<typeof keyFields>]?: z.output<typeof keyFields>[F] | undefined;
};

export function requestOf(body: KeyFields): Omit<Partial<KeyRequestInput>, 'label'> {
  const { label: _, limits = {}, expiresAt, ...lists } = body;
  const times =
    expiresAt === undefined ? {} : { expiresAtMs: expiresAt === null ? null : Date.parse(expiresAt) };
  // An absent field is not a change. The service checks names and values.
  return Object.fromEntries(
    Object.entries({ ...lists, ...limits, ...times }).filter(([, value]) => value !== undefined),
  ) as Omit<Partial<KeyRequestInput>, 'label'>;
}
