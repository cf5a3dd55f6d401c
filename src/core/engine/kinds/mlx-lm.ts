/**
 * mlx-lm's server. Source: https://github.com/ml-explore/mlx-lm mlx_lm/server.py (do_GET, do_POST, main). Not tried on
 * a running engine.
 *
 * It has five endpoints and no administration. Hazards inside harmless routes: `adapters` and `draft_model` name files
 * or repositories that it loads. Naming any model downloads it; flm refuses names that the list does not have.
 */
import { defineKind, infers, infersOpenai, reads } from '../engine-kind.ts';
import { probeOpenaiList } from '../openai-list.ts';
import { mcpFields, mcpHazard } from '../shared-hazards.ts';
import { isGiven } from '../watched-fields.ts';

export const mlxLm = defineKind({
  name: 'mlx-lm',
  title: 'mlx-lm',
  tried: false,
  detection: {
    ports: [8080],
    program: { name: 'mlx_lm.server', startWith: 'mlx_lm.server --model MODEL' },
    asks: [{ path: '/' }],
    // It does not name itself. These identify it: Python's server header, its health and 404 bodies, and a list without owners.
    recognise({ answer, json, models }) {
      const [health, root] = [answer('/health'), answer('/')];
      const python = health.answered && health.field('server')?.startsWith('BaseHTTP/') === true;
      const missing = root.answered && root.status === 404 && root.text === 'Not Found';
      const plain = models?.every((item) => item.object === 'model' && !('owned_by' in item)) === true;
      return python && missing && plain && json('/health')?.status === 'ok' ? {} : undefined;
    },
  },
  serves: new Set(['models.list', 'models.get', 'chat.completions', 'completions']),
  native: [
    ...reads('/health', '/v1/models'),
    ...infersOpenai('chat.completions', 'completions'),
    ...infers('chat.completions', '/chat/completions'),
  ],
  keyField: 'authorization',
  usageOnRequest: new Set(['chat.completions', 'completions']),
  furtherModels: ['draft_model', 'adapters'],
  watches: [{ fields: [...mcpFields, 'draft_model', 'adapters'] }],
  hazard(_route, facts) {
    if (isGiven(facts, 'adapters')) return { does: 'load an adapter from a path or a repository' };
    if (isGiven(facts, 'draft_model')) return { does: 'load a second model' };
    return mcpHazard(facts);
  },
  probe: (client) => probeOpenaiList(client, 'mlx-lm'),
  advice: {
    exposure: 'start mlx_lm.server with `--host 127.0.0.1`',
    context: () => 'mlx-lm uses the context of the model itself: choose another model with --model.',
  },
});
