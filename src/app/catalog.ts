/**
 * The catalogue of models as clients see it, made outside a proxy from what is known of its engines: the same code
 * answers as in the proxy, under a key that may see everything.
 */
import { Breaker } from '../core/engine/breaker.ts';
import type { CatalogEntry, EngineStatus } from '../core/engine/directory.ts';
import type { ModelAlias } from '../core/engine/engine.ts';
import { EngineRank } from '../core/engine/engine-rank.ts';
import { engineKind } from '../core/engine/kinds.ts';
import { ModelCatalog } from '../core/engine/model-catalog.ts';
import { unrestricted } from '../core/security/api-key.ts';
import { compileKey } from '../core/security/key-view.ts';

const everything = compileKey({
  ...unrestricted,
  id: '',
  familyId: '',
  label: '',
  digest: '',
  prefix: '',
  scopes: ['inference', 'engine:admin'],
  createdAtMs: 0,
});

/** Models of engines that are up, and the aliases that lead to them, by name. */
export function catalogOf(
  engines: readonly EngineStatus[],
  aliases: readonly ModelAlias[],
): readonly CatalogEntry[] {
  return catalogueOf(engines, aliases).visible(everything);
}

/** The model or alias that a client means by this name, in any spelling that an engine accepts. */
export function modelNamed(
  name: string,
  engines: readonly EngineStatus[],
  aliases: readonly ModelAlias[],
): CatalogEntry | undefined {
  return catalogueOf(engines, aliases).entry(name, everything);
}

function catalogueOf(engines: readonly EngineStatus[], aliases: readonly ModelAlias[]): ModelCatalog {
  const listed = engines.map(({ ref, state, models }) => ({
    engine: {
      ref,
      kind: engineKind(ref.kind),
      probe: () => Promise.reject(new Error('a catalogue asks nobody')),
    },
    state,
    models,
    load: { inFlight: 0, breaker: new Breaker(() => 0), rank: new EngineRank(() => 0), nextProbeAtMs: 0 },
  }));
  return new ModelCatalog(listed, aliases, () => 0);
}
