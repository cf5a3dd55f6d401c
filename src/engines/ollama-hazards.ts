/**
 * What a request to Ollama does beyond answering, judged from the body alone (ollama server/routes.go, api/types.go):
 *
 * - no prompt, no messages: nothing is generated; `keep_alive: 0` unloads the model, without it it is loaded
 * - `keep_alive` of 0 or nearly so unloads the model after the answer, a negative or very long one pins it
 * - runner options differ from those that the model runs with: it is loaded anew, under everybody's requests
 * - a cloud model: the prompt goes to ollama.com
 * - a `web_search` tool on /v1/messages: Ollama runs it itself, at ollama.com
 * - MCP tools: mcp-tools.ts
 *
 * What cannot be read with certainty counts as a hazard.
 */
import type { EngineModel, Hazard } from '../core/engine/engine.ts';
import type { BodyFacts, RouteId } from '../core/engine/routes.ts';
import { firstValueOf, isGiven, runnerOptions, valuesOf } from '../core/engine/watched-fields.ts';
import { mcpHazard } from './mcp-tools.ts';

/** Shorter is unloading, longer is pinning. Ollama's own default is 5 minutes. */
const shortestKeepMs = 10_000;
const longestKeepMs = 60 * 60_000;

export function ollamaHazard(
  route: RouteId,
  facts: BodyFacts,
  model: EngineModel | undefined,
): Hazard | undefined {
  // Showing a cloud model or its licence sends nothing of anybody's.
  if (route === 'ollama.show' || route.startsWith('models.')) return undefined;
  // The id that Ollama itself gives the model decides; the client's word only where the model is not known.
  const name = model?.id ?? facts.model;
  if (model?.remote === true || (name !== undefined && readsAsRemote(name))) {
    return { does: 'send the prompt to ollama.com' };
  }
  if (route === 'messages' && valuesOf(facts, 'tools[].type').some((type) => type.startsWith('"web_search')))
    return { does: 'send searches to ollama.com' };
  const mcp = mcpHazard(facts);
  if (mcp !== undefined) return mcp;
  // /v1 knows neither keep_alive nor options.
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

/** `name:cloud`, `name:20b-cloud`: names under which Ollama offers what runs at ollama.com. */
export function readsAsRemote(name: string): boolean {
  return /[:-]cloud$/i.test(name);
}

/** Nothing to generate from. On an endpoint that is not known, what would be empty on any of them. */
function isEmpty(route: RouteId, facts: BodyFacts): boolean {
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

function reload(route: RouteId, facts: BodyFacts, model: EngineModel | undefined): Hazard | undefined {
  const does = 'load the model anew with other options';
  // A null leaves the default in force.
  const changed = runnerOptions.filter((o) => firstValueOf(facts, `options.${o}`) !== undefined);
  for (const option of changed) {
    const runsSo =
      option === 'num_ctx' &&
      model?.contextLength !== undefined &&
      Number(firstValueOf(facts, 'options.num_ctx')) === model.contextLength;
    if (!runsSo) return { does: `${does} (${option})` };
  }
  // Which endpoint it is decides which options were looked for.
  if (route === 'engine.native' && firstValueOf(facts, 'options') === '{...}') return { does };
  return undefined;
}

/** Numbers are seconds, strings are Go durations (`5m`, `1h30m`, `-1s`) or numbers of seconds. */
export function judgeKeepAlive(json: string): 'as-is' | 'unloads' | 'pins' {
  const ms = json.startsWith('"') ? goDurationMs(json.slice(1, -1)) : Number(json) * 1000;
  // What cannot be read, Ollama may read otherwise.
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

/** time.ParseDuration; undefined for what it would refuse. */
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
