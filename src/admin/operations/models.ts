/** Models as clients see them, and aliases: further names of models. */
import { z } from 'zod';
import type { ModelAlias } from '../../core/engine/engine.ts';
import { modelDocumentSchema, modelDocuments } from '../../core/engine/model-document.ts';
import { similarNames } from '../../core/engine/name-suggestions.ts';
import { enginesOfClients } from '../../core/engine/seen-engines.ts';
import { EngineError } from '../../core/errors.ts';
import { type Operation, type OperationContext, operation } from '../operation.ts';
import { pageOf, pageQuery, pageSchema } from '../paging.ts';

const path = z.strictObject({ alias: z.string().max(256).describe('The name that clients use.') });
const aliasSchema = z.strictObject({ name: z.string(), target: z.string() }).meta({ id: 'Alias' });

export const modelOperations: readonly Operation[] = [
  operation({
    id: 'listModels',
    method: 'GET',
    path: '/models',
    tag: 'models',
    summary:
      'List models and aliases as clients see them. If no proxy runs, the engines that a proxy would use are probed.',
    scope: 'admin:read',
    query: z.strictObject({
      ...pageQuery,
      search: z.string().max(256).optional().describe('A part of the name.'),
      proxy: z.string().max(64).optional().describe('Only models of this proxy (id or profile).'),
    }),
    status: 200,
    response: pageSchema(modelDocumentSchema),
    errors: ['PROXY_NOT_RUNNING', 'PROXY_AMBIGUOUS'],
    async run({ services, caller }, { query }) {
      const engines = services.engines(caller);
      const deps = { proxies: services.proxies(caller), engines, discovery: services.discovery };
      const aliases = await engines.aliases();
      const seen = await enginesOfClients(deps, services.signal, query.proxy);
      const models = modelDocuments(services.catalogOf(seen, aliases), aliases);
      const text = query.search?.toLowerCase() ?? '';
      const wanted = models.filter(({ id }) => id.toLowerCase().includes(text));
      return pageOf(wanted, ({ id }) => id, query);
    },
  }),
  operation({
    id: 'listAliases',
    method: 'GET',
    path: '/aliases',
    tag: 'models',
    summary: 'List aliases.',
    scope: 'admin:read',
    query: z.strictObject(pageQuery),
    status: 200,
    response: pageSchema(aliasSchema),
    run: async ({ services, caller }, { query }) =>
      pageOf(await services.engines(caller).aliases(), ({ name }) => name, query),
  }),
  operation({
    id: 'getAlias',
    method: 'GET',
    path: '/aliases/{alias}',
    tag: 'models',
    summary: 'Show an alias.',
    scope: 'admin:read',
    params: path,
    status: 200,
    response: aliasSchema,
    errors: ['ALIAS_NOT_FOUND'],
    current: savedAlias,
    run: (context, input) => savedAlias(context, input.path),
  }),
  operation({
    id: 'setAlias',
    method: 'PUT',
    path: '/aliases/{alias}',
    tag: 'models',
    summary: 'Give clients another name for a model, or change what an alias means.',
    scope: 'admin',
    params: path,
    body: z.strictObject({
      target: z.string().min(1).max(256).describe('A model, or `engine/model`. It need not exist yet.'),
    }),
    status: 200,
    response: aliasSchema,
    errors: ['ALIAS_INVALID', 'ALIAS_NOT_FOUND'],
    current: savedAlias,
    run: ({ services, caller }, { path: { alias }, body }) =>
      services.engines(caller).alias(alias, body.target),
  }),
  operation({
    id: 'deleteAlias',
    method: 'DELETE',
    path: '/aliases/{alias}',
    tag: 'models',
    summary: 'Remove an alias.',
    scope: 'admin',
    params: path,
    status: 204,
    errors: ['ALIAS_NOT_FOUND'],
    current: savedAlias,
    async run({ services, caller }, { path: { alias } }) {
      await services.engines(caller).unalias(alias);
      return undefined;
    },
  }),
];

/** Throws ALIAS_NOT_FOUND. */
async function savedAlias(
  { services, caller }: OperationContext,
  { alias: name }: { readonly alias: string },
): Promise<ModelAlias> {
  const aliases = await services.engines(caller).aliases();
  const found = aliases.find((alias) => alias.name === name);
  if (found !== undefined) return found;
  const near = similarNames(
    name,
    aliases.map((alias) => alias.name),
  );
  throw new EngineError('ALIAS_NOT_FOUND', { params: { alias: name, near } });
}
