/**
 * The settings of a profile that only the owner of the data folder may change, on the machine of flm: those that name a
 * program, a file, an environment variable or an ACME directory, and those that decide where a proxy listens. With them
 * a key of the admin API could run code, read files, or open a proxy to the network.
 *
 * Every setting is local unless it is listed here as open. A new setting is therefore local until somebody decides
 * otherwise.
 */
import type { EngineConfig, ProxyConfig } from './proxy-config.ts';

/** Settings that the admin API may change. `engines` is open except for the files and variables of an engine. */
const open = {
  publicHosts: true,
  sans: true,
  hstsSeconds: true,
  forwardHeaders: true,
  engines: true,
  demo: true,
  graceMs: true,
  heartbeatMs: true,
  keyMetrics: true,
  policy: true,
  limits: true,
} as const satisfies Partial<Record<keyof ProxyConfig, true>>;

/** Settings of an engine that name a file or a variable, and the address, which receives the key. */
const referencesOf = ({ url, apiKey, caFile }: EngineConfig): string =>
  JSON.stringify([url, apiKey ?? null, caFile ?? null]);
const hasReferences = ({ apiKey, caFile }: EngineConfig): boolean =>
  apiKey !== undefined || caFile !== undefined;

/** Returns the paths of the local settings that differ. */
export function localChanges(before: ProxyConfig, after: ProxyConfig): readonly string[] {
  const names = Object.keys({ ...before, ...after }) as (keyof ProxyConfig)[];
  const fields = names.filter((name) => !isOpen(name) && !isSame(before[name], after[name]));
  const known = new Set(before.engines.map(referencesOf));
  const bound = new Set(before.engines.filter(hasReferences).map(({ url }) => url));
  const engines = after.engines.flatMap((engine, index) => {
    if (known.has(referencesOf(engine))) return [];
    // An engine that loses its CA or its key would be reached in another way than its owner decided.
    return hasReferences(engine) || bound.has(engine.url) ? [`engines.${index}`] : [];
  });
  return [...fields, ...engines];
}

export function isOpen(name: keyof ProxyConfig): boolean {
  return Object.hasOwn(open, name);
}

/** Both come from one schema, so equal values have the same order of fields. */
function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
