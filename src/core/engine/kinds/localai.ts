/**
 * LocalAI. Sources: https://github.com/mudler/LocalAI core/http/routes/openai.go, localai.go, ollama.go, anthropic.go,
 * openresponses.go. Not tried on a running engine.
 *
 * Not on the list: /models/apply, /models/delete, /backends/**, /backend/shutdown and /backend/monitor, /stores/**,
 * /api/p2p/token, /api/agents and jobs, fine-tuning, the user interface's /api/**, /system, and its imitation of
 * Ollama's API. Hazards inside harmless routes: MCP servers named in `metadata.mcp_servers` and its own MCP tools.
 */
import { computes, defineKind, infers, infersOpenai, reads } from '../engine-kind.ts';
import { textOf } from '../json-reading.ts';
import { probeOpenaiList } from '../openai-list.ts';
import { mcpFields, mcpHazard } from '../shared-hazards.ts';

export const localai = defineKind({
  name: 'localai',
  title: 'LocalAI',
  tried: false,
  detection: {
    ports: [8080],
    variables: { address: 'LOCALAI_ADDRESS' },
    program: { name: 'local-ai', startWith: 'local-ai run --address 127.0.0.1:8080' },
    asks: [{ path: '/.well-known/localai.json' }],
    imitates: ['ollama'],
    recognise({ json }) {
      const own = json('/.well-known/localai.json');
      return own === undefined || 'error' in own ? undefined : { version: textOf(own.version) };
    },
  },
  serves: new Set([
    'models.list',
    'models.get',
    'chat.completions',
    'completions',
    'embeddings',
    'responses.create',
    'responses.get',
    'responses.cancel',
    'messages',
    'rerank',
    'audio.speech',
    'audio.transcriptions',
    'images.generations',
  ]),
  native: [
    ...reads(
      '/healthz',
      '/readyz',
      '/version',
      '/metrics',
      '/models',
      '/v1/models',
      '/v1/models/capabilities',
    ),
    ...infersOpenai('chat.completions', 'completions', 'embeddings', 'responses.create', 'messages'),
    ...infers('chat.completions', '/chat/completions'),
    ...infers('completions', '/completions'),
    ...infers('embeddings', '/embeddings'),
    ...infers('rerank', '/v1/rerank'),
    ...computes('/v1/tokenize'),
  ],
  keyField: 'authorization',
  usageOnRequest: new Set(),
  watches: [{ fields: mcpFields }],
  hazard: (_route, facts) => mcpHazard(facts),
  probe: (client) => probeOpenaiList(client, 'LocalAI'),
  advice: {
    exposure: 'set LOCALAI_ADDRESS=127.0.0.1:8080 for LocalAI and restart it',
    context: (_model, tokens) => `Set context_size: ${tokens} in the model's YAML file of LocalAI.`,
    mcp: '`tools` of type `mcp`, `mcp_servers`, `metadata.mcp_servers`',
  },
});
