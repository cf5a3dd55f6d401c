/**
 * Reads OpenAI's list of models, which most servers have, and probes a server by it.
 */
import { countOf, type JsonObject, modelIdOf, objectOf, objectsIn, textOf } from './json-reading.ts';
import { type EngineModel, notAList, type ProbeClient, type ProbeResult, running } from './probe.ts';

/** Asks for the list alone. `more` adds what a kind's own list says about a model. */
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

/** The models of an OpenAI list; undefined where `json` is none. `created` is the current time in many lists: not used. */
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
