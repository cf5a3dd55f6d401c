/**
 * `GET /v1/models` and `/v1/models/{id}`: the catalogue as this key may see it, in OpenAI's shape, or in Anthropic's
 * for a client that says so by `anthropic-version`. `{id}` may be every name that a chat may name; the answer has the id
 * of the list.
 */
import type { CatalogEntry, EngineDirectory } from '../../core/engine/directory.ts';
import { denyRoute } from '../../core/security/access.ts';
import type { Exchange } from '../exchange.ts';
import type { Handler } from '../line.ts';
import { commonFields, refuse } from '../refuse.ts';
import { unknownModel } from './inference.ts';

export function makeModels(directory: EngineDirectory): Handler {
  return (x) => {
    const { route, key } = x;
    if (route === undefined || key === undefined) return;
    const denial = denyRoute(key, route.id, route.scope);
    if (denial !== undefined) return refuse(x, denial);
    const anthropic = x.head.fields.get('anthropic-version') !== undefined;
    if (anthropic) x.dialect = 'anthropic';
    if (route.id === 'models.list')
      return answer(x, (anthropic ? anthropicList : openaiList)(directory.visible(key)));
    const wanted = x.params[0] ?? '';
    const entry = directory.entry(wanted, key);
    if (entry === undefined) return refuse(x, unknownModel(wanted, [], 'the catalogue'));
    answer(x, anthropic ? anthropicModel(entry) : openaiModel(entry));
  };
}

/** Answers with JSON of flm's own. */
export function answer(x: Exchange, body: unknown): void {
  x.outcome.status = 200;
  x.reply.whole(200, ['content-type', 'application/json', ...commonFields(x)], JSON.stringify(body), false);
}

function openaiList(entries: readonly CatalogEntry[]): unknown {
  return { object: 'list', data: entries.map(openaiModel) };
}

/** `context_length` is an addition that OpenAI's clients ignore and others look for. */
function openaiModel(entry: CatalogEntry): unknown {
  const model = { id: entry.id, object: 'model', created: entry.created, owned_by: entry.owner };
  return entry.contextLength === undefined ? model : { ...model, context_length: entry.contextLength };
}

function anthropicList(entries: readonly CatalogEntry[]): unknown {
  return {
    data: entries.map(anthropicModel),
    has_more: false,
    first_id: entries[0]?.id ?? null,
    last_id: entries.at(-1)?.id ?? null,
  };
}

function anthropicModel(entry: CatalogEntry): unknown {
  return {
    type: 'model',
    id: entry.id,
    display_name: entry.id,
    created_at: new Date(entry.created * 1000).toISOString(),
  };
}
