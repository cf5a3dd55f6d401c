/**
 * Finds models under other spellings than their ids, by the rule of the engine that lists them (`EngineKind.nameKey`).
 * Engines that find a model only by its exact id are not included.
 */
import type { EngineKind } from './engine-kind.ts';
import type { EngineModel } from './probe.ts';

type NameKey = NonNullable<EngineKind['nameKey']>;

export class ModelSpellings {
  /** For each engine id: the function that makes its keys, and its keys with their ids. */
  readonly #byEngine = new Map<
    string,
    { readonly nameKey: NameKey; readonly ids: ReadonlyMap<string, string> }
  >();
  /** For each key function, its keys with their ids. Usually one id, unless engines write it differently. */
  readonly #everywhere = new Map<NameKey, Map<string, Set<string>>>();

  add(engineId: string, nameKey: NameKey, ids: Iterable<string>): void {
    const own = new Map<string, string>();
    const shared = this.#everywhere.get(nameKey) ?? new Map<string, Set<string>>();
    for (const id of ids) {
      const key = nameKey(id);
      if (key === undefined) continue;
      if (!own.has(key)) own.set(key, id);
      const alike = shared.get(key);
      if (alike === undefined) shared.set(key, new Set([id]));
      else alike.add(id);
    }
    this.#byEngine.set(engineId, { nameKey, ids: own });
    this.#everywhere.set(nameKey, shared);
  }

  /** The id of the model that this engine finds under `name`. */
  idOn(engineId: string, name: string): string | undefined {
    const engine = this.#byEngine.get(engineId);
    const key = engine?.nameKey(name);
    return key === undefined ? undefined : engine?.ids.get(key);
  }

  /** The ids that any engine finds under `name`. */
  ids(name: string): readonly string[] {
    const found: string[] = [];
    for (const [nameKey, idsByKey] of this.#everywhere) {
      const key = nameKey(name);
      if (key !== undefined) found.push(...(idsByKey.get(key) ?? []));
    }
    return found;
  }
}

/**
 * The models of an engine. A model whose name differs from that of a remote model only in spelling counts as remote
 * too, because the engine decides which of the two it uses.
 */
export function withTwinsOfRemote(kind: EngineKind, models: readonly EngineModel[]): readonly EngineModel[] {
  const { nameKey } = kind;
  if (nameKey === undefined) return models;
  const remote = new Set(models.flatMap((m) => (m.remote === true ? [nameKey(m.id)] : [])));
  remote.delete(undefined);
  if (remote.size === 0) return models;
  return models.map((m) => (m.remote !== true && remote.has(nameKey(m.id)) ? { ...m, remote: true } : m));
}
