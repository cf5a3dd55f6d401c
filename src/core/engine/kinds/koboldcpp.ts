/**
 * KoboldCpp. Source: https://github.com/LostRuins/koboldcpp koboldcpp.py (do_GET and do_POST). Not tried on a running
 * engine.
 *
 * It imitates Ollama and llama.cpp. Not on the list: /api/admin/** (reloads another configuration), abort and
 * generate/check (text of another client), saved data, web search, /mcp, and the imitations. It answers for its one
 * model whatever `model` says.
 */
import { computes, defineKind, infers, infersOpenai, reads } from '../engine-kind.ts';
import { countOf, objectOf, textOf } from '../json-reading.ts';
import { readOpenaiList } from '../openai-list.ts';
import { notAList, type ProbeClient, type ProbeResult, running } from '../probe.ts';
import { mcpFields, mcpHazard } from '../shared-hazards.ts';

export const koboldcpp = defineKind({
  name: 'koboldcpp',
  title: 'KoboldCpp',
  tried: false,
  detection: {
    ports: [5001],
    program: { name: 'koboldcpp', startWith: 'koboldcpp --model MODEL.gguf --host 127.0.0.1' },
    asks: [{ path: '/api/extra/version' }],
    imitates: ['ollama', 'llamacpp'],
    recognise({ json }) {
      const own = json('/api/extra/version');
      return own?.result === 'KoboldCpp' ? { version: textOf(own.version) } : undefined;
    },
  },
  serves: new Set([
    'models.list',
    'models.get',
    'chat.completions',
    'completions',
    'embeddings',
    'audio.speech',
    'audio.transcriptions',
  ]),
  native: [
    ...reads('/v1/models', '/api/v1/model', '/api/v1/info/version', '/api/extra/version', '/api/extra/perf'),
    ...reads('/api/v1/config/max_context_length', '/api/extra/true_max_context_length'),
    ...infersOpenai('chat.completions', 'completions', 'embeddings'),
    ...infers(undefined, '/api/v1/generate', '/api/extra/generate/stream'),
    ...computes('/api/extra/tokencount', '/api/extra/detokenize'),
  ],
  keyField: 'authorization',
  usageOnRequest: new Set(),
  watches: [{ fields: mcpFields }],
  hazard: (_route, facts) => mcpHazard(facts),
  probe,
  advice: {
    exposure: 'start KoboldCpp with `--host 127.0.0.1`: without it, it listens on all addresses',
    context: (_model, tokens) => `Start KoboldCpp with --contextsize ${tokens}.`,
  },
});

async function probe(client: ProbeClient): Promise<ProbeResult> {
  const [own, list, context] = await Promise.all([
    client.get('/api/extra/version'),
    client.get('/v1/models'),
    client.get('/api/extra/true_max_context_length'),
  ]);
  const says = own.answered ? objectOf(own.json) : undefined;
  if (says?.result !== 'KoboldCpp') return notAList(own, 'KoboldCpp');
  const contextLength = context.answered ? countOf(objectOf(context.json)?.value) : undefined;
  const more = contextLength === undefined ? {} : { contextLength };
  const models = list.answered ? readOpenaiList(list.json, () => more) : undefined;
  if (!list.answered || models === undefined) return notAList(list, 'KoboldCpp');
  const version = textOf(says.version);
  return { ...running(list, models), ...(version === undefined ? {} : { version }) };
}
