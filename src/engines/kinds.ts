/**
 * All kinds of engines by name, and making an engine of a reference.
 */
import type { Engine, EngineKindName, EngineRef } from '../core/engine/engine.ts';
import { demo } from './demo.ts';
import { llamacpp } from './llamacpp.ts';
import { lmstudio } from './lmstudio.ts';
import { ollama } from './ollama.ts';
import { openaiCompatible } from './openai-compatible.ts';
import { askingOf, type IdentifiedKind } from './probe.ts';
import type { ProbeLine } from './probe-request.ts';
import { vllm } from './vllm.ts';

const kinds: Readonly<Record<EngineKindName, IdentifiedKind>> = {
  ollama,
  lmstudio,
  vllm,
  llamacpp,
  'openai-compatible': openaiCompatible,
  demo,
};

export function engineKind(name: EngineKindName) {
  return kinds[name].kind;
}

/** The engine behind a reference. */
export function createEngine(ref: EngineRef, line: ProbeLine): Engine {
  const { kind, probe } = kinds[ref.kind];
  return { ref, kind, probe: (signal) => probe(askingOf(ref, kind, line, signal)) };
}
