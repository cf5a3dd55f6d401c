/**
 * Jan's local API server. Sources: https://github.com/janhq/jan src-tauri/src/core/server/proxy.rs, web_search.rs. Not
 * tried on a running engine.
 *
 * It serves OpenAI's API below /v1 and documents itself at the root, which needs no key. Other owners than `user` in its
 * list are providers to which it hands the request. Hazards inside harmless routes: web searches that Jan runs itself.
 */
import { defineKind, infersOpenai, reads } from '../engine-kind.ts';
import { probeOpenaiList } from '../openai-list.ts';
import { mcpFields, mcpHazard, remoteHazard } from '../shared-hazards.ts';
import { valuesOf } from '../watched-fields.ts';

export const jan = defineKind({
  name: 'jan',
  title: 'Jan',
  tried: false,
  detection: {
    ports: [1337],
    asks: [{ path: '/' }],
    recognise({ answer, models }) {
      const [root, list] = [answer('/'), answer('/v1/models')];
      const documents =
        root.answered &&
        root.text.includes('<title>API Docs</title>') &&
        root.text.includes("'/openapi.json'");
      const refuses = list.answered && list.status === 401 && /authorization (header|token)/.test(list.text);
      return documents && (models !== undefined || refuses) ? {} : undefined;
    },
  },
  serves: new Set([
    'models.list',
    'models.get',
    'chat.completions',
    'completions',
    'embeddings',
    'responses.create',
    'messages',
  ]),
  native: [
    ...reads('/v1/models', '/openapi.json'),
    ...infersOpenai('chat.completions', 'completions', 'embeddings', 'responses.create', 'messages'),
  ],
  keyField: 'authorization',
  usageOnRequest: new Set(),
  watches: [{ fields: mcpFields }],
  hazard(_route, facts, model) {
    const searches = valuesOf(facts, 'tools[].type').some((type) => type.startsWith('"web_search'));
    if (searches) return { does: 'send searches to a search engine' };
    return remoteHazard(model, 'a remote provider') ?? mcpHazard(facts);
  },
  probe: (client) =>
    probeOpenaiList(client, 'Jan', (item) =>
      item.owned_by === undefined || item.owned_by === 'user' ? {} : { remote: true },
    ),
  advice: {
    exposure: 'set the Server Host of Jan to 127.0.0.1',
    context: (_model, tokens) => `Set the Context Size to ${tokens} in the settings of the model in Jan.`,
    mcp: '`tools` of type `mcp`, where its llama.cpp runs them',
  },
});
