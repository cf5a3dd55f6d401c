/**
 * All kinds of engines. To add one: write a file under `kinds/` and add one line to this list.
 *
 * The order affects only help and docs: if two kinds recognise one server, `imitates` decides.
 */
import type { EngineKind, NativeRule } from './engine-kind.ts';
import { demo } from './kinds/demo.ts';
import { dockerModelRunner } from './kinds/docker-model-runner.ts';
import { fastflowlm } from './kinds/fastflowlm.ts';
import { jan } from './kinds/jan.ts';
import { koboldcpp } from './kinds/koboldcpp.ts';
import { lemonade } from './kinds/lemonade.ts';
import { llamaSwap } from './kinds/llama-swap.ts';
import { llamacpp } from './kinds/llamacpp.ts';
import { lmstudio } from './kinds/lmstudio.ts';
import { localai } from './kinds/localai.ts';
import { mlxLm } from './kinds/mlx-lm.ts';
import { ollama } from './kinds/ollama.ts';
import { openaiCompatible } from './kinds/openai-compatible.ts';
import { sglang } from './kinds/sglang.ts';
import { tabbyapi } from './kinds/tabbyapi.ts';
import { vllm } from './kinds/vllm.ts';
import type { RouteId } from './routes.ts';

const declared = [
  ollama,
  lmstudio,
  vllm,
  llamacpp,
  sglang,
  dockerModelRunner,
  lemonade,
  localai,
  koboldcpp,
  tabbyapi,
  fastflowlm,
  mlxLm,
  jan,
  llamaSwap,
  openaiCompatible,
  demo,
] as const;

export type EngineKindName = (typeof declared)[number]['name'];

/** A list of kinds. Tests use lists of their own. */
export type EngineKinds<Name extends string = string> = readonly EngineKind<Name>[];

export const engineKinds: EngineKinds<EngineKindName> = declared;

export const engineKindNames: readonly EngineKindName[] = declared.map((kind) => kind.name);

const byName = new Map(engineKinds.map((kind) => [kind.name, kind]));

export function engineKind(name: EngineKindName): EngineKind<EngineKindName> {
  const kind = byName.get(name);
  if (kind === undefined) throw new Error(`no kind of engine is called ${name}`);
  return kind;
}

/** Body fields that engine rules read on a route. The scanner collects them. */
export function watchedFields(route: RouteId, kinds: EngineKinds = engineKinds): readonly string[] {
  return [
    ...new Set(
      kinds.flatMap((kind) => [
        ...kind.watches.filter(({ on }) => on?.includes(route) !== false).flatMap(({ fields }) => fields),
        ...(kind.furtherModels ?? []),
      ]),
    ),
  ];
}

/** The ports that detection probes. */
export function usualPorts(kinds: EngineKinds = engineKinds): readonly number[] {
  return [...new Set(kinds.flatMap((kind) => kind.detection?.ports ?? []))];
}

/** For each port, a path that detection probes besides the root. */
export function usualPrefixes(kinds: EngineKinds = engineKinds): ReadonlyMap<number, string> {
  return new Map(
    kinds.flatMap(({ detection }) =>
      detection?.prefix === undefined
        ? []
        : detection.ports.map((port) => [port, detection.prefix ?? ''] as const),
    ),
  );
}

/** The rules for a kind's own API by scope, in the order of the file. */
export function nativeByScope(kind: EngineKind): ReadonlyMap<string, readonly NativeRule[]> {
  return Map.groupBy(kind.native, (rule) => rule.scope);
}
