/**
 * Reads OpenAI's list of models, which most servers have, and probes a server with it.
 */
import { countOf, type JsonObject, modelIdOf, objectOf, objectsIn, textOf } from './json-reading.ts';
import { type EngineModel, notAList, type ProbeClient, type ProbeResult, running } from './probe.ts';

/** Requests only the list. `more` adds facts from a kind's own list to a model. */
export async function probeOpenaiList(
  client: ProbeClient,
  expected: string,
  more?: (item: JsonObject) => Partial<EngineModel>,
): Promise<ProbeResult> {
  const list = await client.get('/v1/models');
  const models = list.answered ? readOpenaiList(list.json, more) : undefined;
  if (!list.answered || models === undefined) return notAList(list, expected);
  return running(list, models);
}

/**
 * The models of an OpenAI list; undefined if `json` is not such a list. `created` is ignored: in many lists it is the
 * current time.
 */
export function readOpenaiList(
  json: unknown,
  more: (item: JsonObject) => Partial<EngineModel> = () => ({}),
): readonly EngineModel[] | undefined {
  return objectsIn(json, 'data')?.flatMap((item): EngineModel[] => {
    const id = modelIdOf(item.id);
    if (id === undefined) return [];
    const contextLength = contextOf(item);
    const ownedBy = textOf(item.owned_by);
    return [
      {
        id,
        ...(contextLength === undefined ? {} : { contextLength }),
        ...(ownedBy === undefined ? {} : { ownedBy }),
        ...more(item),
      },
    ];
  });
}

/** The names under which servers give the context length. */
function contextOf(item: JsonObject): number | undefined {
  return (
    countOf(item.max_model_len) ??
    countOf(item.context_length) ??
    countOf(item.context_window) ??
    countOf(objectOf(item.meta)?.n_ctx)
  );
}
