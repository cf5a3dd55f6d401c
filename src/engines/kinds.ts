/**
 * All kinds of engines by name, what bodies must be scanned for on their behalf, and making an engine of a reference.
 */
import type { Engine, EngineKindName, EngineRef } from '../core/engine/engine.ts';
import type { Dialect } from '../core/engine/routes.ts';
import { demo } from './demo.ts';
import { llamacpp } from './llamacpp.ts';
import { lmstudio, lmstudioScan } from './lmstudio.ts';
import { ollama } from './ollama.ts';
import { ollamaScan } from './ollama-hazards.ts';
import { openaiCompatible } from './openai-compatible.ts';
import { askingOf, type KindOfEngine } from './probe.ts';
import type { ProbeLine } from './probe-request.ts';
import { vllm, vllmScan } from './vllm.ts';

const kinds: Readonly<Record<EngineKindName, KindOfEngine>> = {
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

/**
 * What hazards look at, by the dialect of a route: dotted paths beside `model` and `stream`. A value is its JSON text;
 * containers and long strings are `[]` `{}` `""` where they are empty, else `[...]` `{...}` `"..."`.
 */
const openaiPaths = [...new Set([...lmstudioScan, ...vllmScan])];
export const scannedPaths: Readonly<Record<Dialect, readonly string[]>> = {
  openai: openaiPaths,
  responses: openaiPaths,
  anthropic: openaiPaths,
  ollama: ollamaScan,
};

/** The engine behind a reference. */
export function createEngine(ref: EngineRef, line: ProbeLine): Engine {
  const { kind, probe } = kinds[ref.kind];
  return { ref, kind, probe: (signal) => probe(askingOf(ref, kind, line, signal)) };
}
