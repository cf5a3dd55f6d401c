/**
 * Returns the current state of engines. Running proxies already monitor them and report it; if no proxy runs, the
 * engines are probed.
 */
import { EngineError } from '../errors.ts';
import type { ProxyService } from '../proxy/proxy-service.ts';
import type { QueueReading } from '../security/fair-admission.ts';
import type { EngineStatus } from './directory.ts';
import type { EngineRecord } from './engine.ts';
import type { EngineDiscovery } from './engine-discovery.ts';
import { engineDocument, type SeenEngineDocument, statusOf } from './engine-document.ts';
import type { EngineRegistry } from './engine-registry.ts';

export interface SeenEngine {
  readonly status: EngineStatus;
  /** Id of the proxy that reported the state; null if flm probed the engine itself. */
  readonly proxy: string | null;
  /** Requests that wait in this proxy for a slot of the engine. */
  readonly queued?: number;
}

export interface SeenEnginesDeps {
  readonly proxies: Pick<ProxyService, 'find' | 'status'>;
  readonly engines: Pick<EngineRegistry, 'list'>;
  readonly discovery: EngineDiscovery;
}

/** Returns each engine of the running proxies (or of the named one) once. Throws PROXY_NOT_RUNNING. */
export async function enginesOfProxies(
  { proxies }: Pick<SeenEnginesDeps, 'proxies'>,
  which?: string,
): Promise<readonly SeenEngine[] | undefined> {
  const named = which === undefined ? undefined : (await proxies.find(which)).id;
  const seen = new Map<string, SeenEngine>();
  let running = 0;
  for (const view of await proxies.status()) {
    if (!('status' in view) || view.state !== 'running') continue;
    if (named !== undefined && view.handle.id !== named) continue;
    running += 1;
    for (const status of view.status.engines) {
      const name = `${status.ref.id} ${status.ref.url}`;
      if (seen.has(name)) continue;
      const queued = queuedFor(status.ref.id, view.status.queues);
      seen.set(name, { status, proxy: view.handle.id, ...(queued === undefined ? {} : { queued }) });
    }
  }
  return running === 0 ? undefined : [...seen.values()];
}

/** Probes each engine. An engine that cannot be probed counts as down, with the reason. */
export async function askEngines(
  { discovery }: Pick<SeenEnginesDeps, 'discovery'>,
  records: readonly EngineRecord[],
  signal: AbortSignal,
): Promise<readonly SeenEngine[]> {
  return Promise.all(
    records.map(async (record) => {
      try {
        return { status: statusOf(await discovery.examine(record, signal)), proxy: null };
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        return { status: downWith(record, error.message), proxy: null };
      }
    }),
  );
}

/** Returns the engines that a proxy would serve if started now: the saved ones and those found on this machine. */
export async function enginesWithoutProxy(
  deps: Pick<SeenEnginesDeps, 'engines' | 'discovery'>,
  signal: AbortSignal,
): Promise<readonly SeenEngine[]> {
  const saved = await deps.engines.list();
  const look = await deps.discovery.detect(saved, signal);
  const [known, detected] = await Promise.all([
    askEngines(deps, saved, signal),
    askEngines(
      deps,
      look.engines.map(({ ref }) => recordOf(ref)),
      signal,
    ),
  ]);
  return [
    ...known,
    ...detected.map(({ status, proxy }) => ({
      status: { ...status, ref: { ...status.ref, origin: 'detected' as const } },
      proxy,
    })),
  ];
}

/** Returns the engines that clients reach now, or would reach if a proxy started. Throws PROXY_NOT_RUNNING. */
export async function enginesOfClients(
  deps: SeenEnginesDeps,
  signal: AbortSignal,
  which?: string,
): Promise<readonly EngineStatus[]> {
  const seen = (await enginesOfProxies(deps, which)) ?? (await enginesWithoutProxy(deps, signal));
  return seen.map(({ status }) => status);
}

/** Returns the saved engines and those of running proxies. Saved engines that no proxy watches are probed. */
export async function listedEngines(
  deps: SeenEnginesDeps,
  signal: AbortSignal,
): Promise<readonly SeenEngineDocument[]> {
  const [saved, watched = []] = await Promise.all([deps.engines.list(), enginesOfProxies(deps)]);
  const others = saved.filter((record) => !watched.some(({ status }) => status.ref.id === record.id));
  const seen = [...(await askEngines(deps, others, signal)), ...watched];
  return seen.map(({ status, proxy, queued }) => ({ ...engineDocument(status, queued), proxy }));
}

/** Returns a detected engine in the form of a saved one. */
export function recordOf(ref: Pick<EngineStatus['ref'], 'id' | 'url' | 'kind'>): EngineRecord {
  return { id: ref.id, url: ref.url, kind: ref.kind, createdAtMs: 0 };
}

/** The number of requests that wait for an engine, if it has slots. */
export function queuedFor(engineId: string, queues: readonly QueueReading[]): number | undefined {
  const reading = queues.find((q) => q.engine === engineId);
  return reading?.slots === undefined ? undefined : reading.queued;
}

function downWith(record: EngineRecord, note: string): EngineStatus {
  const { id, url, kind = 'openai-compatible' } = record;
  const address = { tls: false, host: '', port: 0, path: '' };
  return {
    ref: { id, url, kind, address, origin: 'saved' },
    state: 'down',
    inFlight: 0,
    models: [],
    note,
    breakerOpen: false,
  };
}
