/**
 * The demo engine as a kind: what it serves and how it is asked. The server itself is demo-server.ts; it is dialled
 * like any other engine, on a private Unix socket.
 */
import type { EngineKind, ProbeResult } from '../core/engine/engine.ts';
import { readOpenaiList } from './openai-compatible.ts';
import { type Asking, type IdentifiedKind, notAList, running } from './probe.ts';

const kind: EngineKind = {
  name: 'demo',
  title: 'flm demo',
  serves: new Set(['models.list', 'models.get', 'chat.completions', 'completions', 'embeddings'] as const),
  native: [],
  keyField: 'authorization',
  usageOnRequest: new Set(),
  hazard: () => undefined,
};

async function probe(asking: Asking): Promise<ProbeResult> {
  const list = await asking.get('/v1/models');
  const models = list.answered ? readOpenaiList(list.json) : undefined;
  if (!list.answered || models === undefined) return notAList(list, 'the demo engine of flm');
  return running(list, models);
}

export const demo: IdentifiedKind = { kind, probe };
