/**
 * llama-swap. Sources: https://github.com/mostlygeek/llama-swap internal/server/server.go (routes), api.go (list of
 * models), apigroup.go. Not tried on a running engine: the Go proxy does not offer the module.
 *
 * Not on the list: GET /unload, /api/models/unload, /upstream/** (every path of every model's server), /running (shows
 * commands), /logs, /api/captures (requests of others), /api/events, cancelling requests. Naming a model starts it and
 * may stop another: that is how llama-swap is used. Models of its peers leave the machine.
 */
import { defineKind, infers, infersOpenai, reads } from '../engine-kind.ts';
import { objectOf, textOf } from '../json-reading.ts';
import { probeOpenaiList } from '../openai-list.ts';
import { mcpFields, mcpHazard, remoteHazard } from '../shared-hazards.ts';

export const llamaSwap = defineKind({
  name: 'llama-swap',
  title: 'llama-swap',
  tried: false,
  detection: {
    ports: [8080],
    program: { name: 'llama-swap', startWith: 'llama-swap --config config.yaml --listen 127.0.0.1:8080' },
    asks: [{ path: '/api/version' }],
    imitates: ['llamacpp'],
    recognise({ json, models }) {
      const own = json('/api/version');
      const builds = textOf(own?.build_date) !== undefined && textOf(own?.commit) !== undefined;
      const owns = models?.some((item) => item.owned_by === 'llama-swap') === true;
      return builds || owns ? { version: textOf(own?.version) } : undefined;
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
    'messages.count-tokens',
    'rerank',
    'audio.speech',
    'audio.transcriptions',
    'images.generations',
    'images.edits',
  ]),
  native: [
    ...reads('/health', '/v1/models', '/metrics', '/api/version', '/api/performance'),
    ...infersOpenai('chat.completions', 'completions', 'embeddings', 'responses.create', 'messages'),
    ...infersOpenai('messages.count-tokens'),
    ...infers('rerank', '/rerank', '/reranking', '/v1/rerank', '/v1/reranking'),
    ...infers(undefined, '/completion', '/infill'),
  ],
  keyField: 'authorization',
  // The servers behind it differ.
  usageOnRequest: new Set(),
  watches: [{ fields: mcpFields }],
  hazard: (_route, facts, model) => remoteHazard(model, 'a peer of llama-swap') ?? mcpHazard(facts),
  probe: (client) =>
    probeOpenaiList(client, 'llama-swap', (item) =>
      objectOf(objectOf(item.meta)?.llamaswap)?.peerID === undefined ? {} : { remote: true },
    ),
  advice: {
    exposure: 'start llama-swap with `--listen 127.0.0.1:8080`',
    context: (_model, tokens) =>
      `Raise it in the \`cmd\` of the model in llama-swap's config.yaml (for llama-server: -c ${tokens}).`,
    mcp: '`tools` of type `mcp`, where a server behind it runs them',
  },
});
