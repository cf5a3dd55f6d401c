/**
 * The demo engine of flm. Its server is engines/demo-server.ts. flm connects to it like to any other engine, through a
 * private Unix socket.
 */
import { defineKind } from '../engine-kind.ts';
import { probeOpenaiList } from '../openai-list.ts';

export const demo = defineKind({
  name: 'demo',
  title: 'flm demo',
  tried: true,
  serves: new Set(['models.list', 'models.get', 'chat.completions', 'completions', 'embeddings']),
  native: [],
  keyField: 'authorization',
  usageOnRequest: new Set(),
  watches: [],
  hazard: () => undefined,
  probe: (client) => probeOpenaiList(client, 'the demo engine of flm'),
  advice: {
    exposure: 'nothing to do',
    context: () =>
      'Raise the context length where you start the engine, or choose another model with --model.',
  },
});
