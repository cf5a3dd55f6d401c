/**
 * Finds the side effects of a request to Ollama from its body (ollama server/routes.go, api/types.go):
 *
 * - no prompt, no messages: nothing is generated; `keep_alive: 0` unloads the model, without it the model is loaded
 * - `keep_alive` of 0 or nearly 0 unloads the model after the answer, a negative or very long one pins it
 * - runner options that differ from those of the loaded model: Ollama reloads it while others use it
 * - a cloud model: the prompt goes to ollama.com
 * - a `web_search` tool on /v1/messages: Ollama runs the search itself, at ollama.com
 * - MCP tools: shared-hazards.ts
 *
 * A value that cannot be read with certainty counts as a hazard.
 */
import type { Hazard, HazardModel } from '../engine-kind.ts';
import type { RouteId } from '../routes.ts';
import { type McpField, mcpHazard } from '../shared-hazards.ts';
import { firstValueOf, isGiven, valuesOf, type WatchedFacts } from '../watched-fields.ts';

/** The options that start a runner in Ollama (ollama api/types.go, Runner). */
const runnerOptions = ['num_ctx', 'num_batch', 'num_gpu', 'main_gpu', 'num_thread', 'use_mmap'] as const;

/** Fields that matter on Ollama's own routes, and on endpoints that only one engine has. */
export const ollamaFields = [
  'keep_alive',
  'prompt',
  'messages',
  'input',
  'options',
  ...runnerOptions.map((option) => `options.${option}` as const),
] as const;

type Facts = WatchedFacts<(typeof ollamaFields)[number] | McpField>;

/** A shorter time unloads the model, a longer one pins it. Ollama's own default is 5 minutes. */
const shortestKeepMs = 10_000;
const longestKeepMs = 60 * 60_000;

export function ollamaHazard(
  route: RouteId,
  facts: Facts,
  model: HazardModel | undefined,
): Hazard | undefined {
  // Showing a cloud model or its licence sends no prompt.
  if (route === 'ollama.show' || route.startsWith('models.')) return undefined;
  // The id in Ollama's own list decides. The client's spelling is used only if the model is not known.
  const name = model?.id ?? facts.model;
  if (model?.remote === true || (name !== undefined && readsAsRemote(name))) {
    return { does: 'send the prompt to ollama.com' };
  }
  if (route === 'messages' && valuesOf(facts, 'tools[].type').some((type) => type.startsWith('"web_search')))
    return { does: 'send searches to ollama.com' };
  const mcp = mcpHazard(facts);
  if (mcp !== undefined) return mcp;
  // /v1 has neither keep_alive nor options.
  if (!route.startsWith('ollama.') && route !== 'engine.native') return undefined;
  const keep = firstValueOf(facts, 'keep_alive');
  const kept = keep === undefined ? 'as-is' : judgeKeepAlive(keep);
  if (isEmpty(route, facts)) {
    return { does: kept === 'unloads' ? 'unload the model' : 'load the model without a question' };
  }
  if (kept === 'unloads') return { does: 'unload the model after the answer' };
  if (kept === 'pins') return { does: 'keep the model in memory for longer than an hour' };
  return reload(route, facts, model);
}

/** Matches `name:cloud` and `name:20b-cloud`: Ollama's names for models that run at ollama.com. */
export function readsAsRemote(name: string): boolean {
  return /[:-]cloud$/i.test(name);
}

/** Whether the request contains no prompt. On an unknown endpoint: whether it would be empty on any of them. */
function isEmpty(route: RouteId, facts: Facts): boolean {
  switch (route) {
    case 'ollama.generate':
      return !isGiven(facts, 'prompt');
    case 'ollama.chat':
      return !isGiven(facts, 'messages');
    case 'engine.native':
      return !isGiven(facts, 'prompt') && !isGiven(facts, 'messages') && !isGiven(facts, 'input');
    default:
      return false;
  }
}

function reload(route: RouteId, facts: Facts, model: HazardModel | undefined): Hazard | undefined {
  const does = 'reload the model with other options';
  // A null keeps the default.
  const changed = runnerOptions.filter((o) => firstValueOf(facts, `options.${o}`) !== undefined);
  for (const option of changed) {
    const runsSo =
      option === 'num_ctx' &&
      model?.contextLength !== undefined &&
      Number(firstValueOf(facts, 'options.num_ctx')) === model.contextLength;
    if (!runsSo) return { does: `${does} (${option})` };
  }
  // The endpoint decides which options were collected. On an unknown endpoint none were.
  if (route === 'engine.native' && firstValueOf(facts, 'options') === '{...}') return { does };
  return undefined;
}

/** Numbers are seconds, strings are Go durations (`5m`, `1h30m`, `-1s`) or numbers of seconds. */
export function judgeKeepAlive(json: string): 'as-is' | 'unloads' | 'pins' {
  const ms = json.startsWith('"') ? goDurationMs(json.slice(1, -1)) : Number(json) * 1000;
  // Ollama may read a value that flm cannot read.
  if (ms === undefined || Number.isNaN(ms)) return 'pins';
  if (ms < 0 || ms > longestKeepMs) return 'pins';
  return ms < shortestKeepMs ? 'unloads' : 'as-is';
}

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Parses a duration like Go's time.ParseDuration; undefined if that would fail. */
function goDurationMs(text: string): number | undefined {
  const sign = text.startsWith('-') ? -1 : 1;
  const rest = text.replace(/^[+-]/, '');
  if (/^\d+(\.\d+)?$/.test(rest)) return sign * Number(rest) * 1000;
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(rest)) return undefined;
  let ms = 0;
  for (const [, number, unit] of rest.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    ms += Number(number) * (unitMs[unit as string] as number);
  }
  return sign * ms;
}
