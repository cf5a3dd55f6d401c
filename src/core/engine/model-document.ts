/**
 * A model of the catalogue as the command line (`--json`) and the admin API show it.
 */
import { z } from 'zod';
import type { CatalogEntry } from './directory.ts';
import type { ModelAlias } from './engine.ts';

export const modelDocumentSchema = z
  .strictObject({
    id: z.string(),
    owner: z.string().nullable().describe('The engine that is tried first.'),
    engines: z.array(z.string()).readonly(),
    contextLength: z.number().nullable(),
    loaded: z.boolean().nullable().describe('Null if no engine reports it.'),
    aliasOf: z.string().nullable(),
    remote: z.boolean().describe('Requests for this model leave this machine.'),
    available: z.boolean().describe('False for an alias whose model no engine has now.'),
  })
  .meta({ id: 'Model' });
export type ModelDocument = Readonly<z.input<typeof modelDocumentSchema>>;

/** `entries` with the aliases that no engine can answer now, at the end. */
export function modelDocuments(
  entries: readonly CatalogEntry[],
  aliases: readonly ModelAlias[],
): readonly ModelDocument[] {
  const models = entries.map((entry): ModelDocument => {
    const loaded = entry.engines.flatMap((c) => c.model?.loaded ?? []);
    return {
      id: entry.id,
      owner: entry.owner,
      engines: entry.engines.map((c) => c.engine.ref.id),
      contextLength: entry.contextLength ?? null,
      loaded: loaded.length === 0 ? null : loaded.includes(true),
      aliasOf: entry.aliasOf ?? null,
      remote: entry.engines.some((c) => c.model?.remote === true),
      available: true,
    };
  });
  const dead = aliases
    .filter((a) => !entries.some((e) => e.id === a.name))
    .map(({ name, target }) => ({
      id: name,
      owner: null,
      engines: [],
      contextLength: null,
      loaded: null,
      aliasOf: target,
      remote: false,
      available: false,
    }));
  return [...models, ...dead];
}
