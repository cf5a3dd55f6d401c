/**
 * Builds the model catalogue as clients see it, outside a proxy, from the known state of its engines. It uses the same
 * code as the proxy, with a key that may see every model.
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
  scopes: ['inference', 'engine:admin'],
});

/** Returns the models of engines that are up and the aliases of these models, sorted by name. */
export function catalogOf(
  engines: readonly EngineStatus[],
  aliases: readonly ModelAlias[],
): readonly CatalogEntry[] {
  return catalogueOf(engines, aliases).visible(everything);
}

/** Finds the model or alias for a name from a client, in any spelling that an engine accepts. */
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
      probe: () => Promise.reject(new Error('a catalogue sends no probes')),
    },
    state,
    models,
    load: { inFlight: 0, breaker: new Breaker(() => 0), rank: new EngineRank(() => 0), nextProbeAtMs: 0 },
  }));
  return new ModelCatalog(listed, aliases, () => 0);
}
