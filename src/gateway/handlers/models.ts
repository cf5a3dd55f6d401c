/**
 * `GET /v1/models` and `/v1/models/{id}`: the models that this key may use, in OpenAI's shape, or in Anthropic's for a
 * client that sends `anthropic-version`. `{id}` may be any name that a chat request may use; the response has the id of
 * the list.
 */

import assert from 'node:assert/strict';
import type { CatalogEntry, EngineDirectory } from '../../core/engine/directory.ts';
import { rule } from '../../core/rules.ts';
import { jsonResponse, type RouteHandler } from '../route-handler.ts';
import { unknownModel } from './inference.ts';

export function makeModels(directory: EngineDirectory): RouteHandler {
  return {
    resolve: (x) => {
      const { route, key } = x;
      assert(route !== undefined && key !== undefined, 'the route needs a key');
      const anthropic = x.head.fields.get('anthropic-version') !== undefined;
      if (anthropic) x.dialect = 'anthropic';
      if (route.id === 'models.list')
        return jsonResponse((anthropic ? anthropicList : openaiList)(directory.visible(key)));
      const wanted = x.params[0] ?? '';
      const entry = directory.entry(wanted, key);
      if (entry === undefined) return unknownModel(wanted, [], rule('catalog'));
      return jsonResponse(anthropic ? anthropicModel(entry) : openaiModel(entry));
    },
  };
}

function openaiList(entries: readonly CatalogEntry[]): unknown {
  return { object: 'list', data: entries.map(openaiModel) };
}

/** `context_length` is an addition. OpenAI's clients ignore it, and other clients read it. */
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
