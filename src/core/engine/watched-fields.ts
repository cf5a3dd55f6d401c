/**
 * The fields of a request body that rules about engines read, by dotted path, and how to read them.
 *
 * The route table takes its scan lists from here, and the functions here take no other path: a hazard cannot read a
 * field that the scanner does not collect.
 */
import type { BodyFacts } from './routes.ts';

/** Collected on every route: an engine of any kind may act on them. */
export const commonFields = [
  'tools[].type',
  'integrations',
  'mcp_servers',
  'metadata.mcp_servers',
  'ttl',
  'draft_model',
  'models',
  'fallbacks',
] as const;

/** Options that Ollama starts a runner with (ollama api/types.go, Runner). */
export const runnerOptions = [
  'num_ctx',
  'num_batch',
  'num_gpu',
  'main_gpu',
  'num_thread',
  'use_mmap',
] as const;

/** Collected on Ollama's own routes, and on endpoints that only one engine has. */
export const ollamaFields = [
  'keep_alive',
  'prompt',
  'messages',
  'input',
  'options',
  ...runnerOptions.map((option) => `options.${option}` as const),
] as const;

export type WatchedField = (typeof commonFields)[number] | (typeof ollamaFields)[number];

/** Every value of a field, as JSON text; below an array there may be several. */
export function valuesOf(facts: BodyFacts, field: WatchedField): readonly string[] {
  return facts.values.get(field) ?? [];
}

/** The value of a field as JSON text; undefined where the body has none, or null. */
export function firstValueOf(facts: BodyFacts, field: WatchedField): string | undefined {
  const value = facts.values.get(field)?.[0];
  return value === 'null' ? undefined : value;
}

/** Whether a field holds anything: not null, and no empty text, list or object. */
export function isGiven(facts: BodyFacts, field: WatchedField): boolean {
  const value = firstValueOf(facts, field);
  return value !== undefined && value !== '""' && value !== '[]' && value !== '{}';
}
