/**
 * Returns the current state of engines. Running proxies already monitor them and report it; if no proxy runs, flm probes
 * the engines itself.
 */
import type { EngineExamination } from '../app/engine-discovery.ts';
import type { EngineStatus } from '../core/engine/directory.ts';
import type { EngineRecord } from '../core/engine/engine.ts';
import { EngineError } from '../core/errors.ts';
import type { Session } from './command.ts';
import { queuedFor } from './views/proxy-view.ts';

export interface SeenEngine {
  readonly status: EngineStatus;
  /** Id of the proxy that reported the state; null if flm probed the engine itself. */
  readonly proxy: string | null;
  /** Requests that wait in this proxy for a slot of the engine. */
  readonly queued?: number;
}

/** Returns each engine of the running proxies (or of the named one) once. Throws PROXY_NOT_RUNNING. */
export async function enginesOfProxies(
  session: Session,
  which?: string,
): Promise<readonly SeenEngine[] | undefined> {
  const { proxies } = session.flm;
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
  session: Session,
  records: readonly EngineRecord[],
): Promise<readonly SeenEngine[]> {
  return Promise.all(
    records.map(async (record) => {
      try {
        const examination = await session.flm.discovery.examine(record, session.signal);
        return { status: statusOf(examination), proxy: null };
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        return { status: downWith(record, error.message), proxy: null };
      }
    }),
  );
}

/** Returns the engines that a proxy would serve if started now: the saved ones and those found on this machine. */
export async function enginesWithoutProxy(session: Session): Promise<readonly SeenEngine[]> {
  const { engines, discovery } = session.flm;
  const saved = await engines.list();
  const look = await discovery.detect(saved, session.signal);
  const [known, detected] = await Promise.all([
    askEngines(session, saved),
    askEngines(
      session,
      look.engines.map(({ ref }) => recordOf(ref)),
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

/** Returns a detected engine in the form of a saved one. */
export function recordOf(ref: Pick<EngineStatus['ref'], 'id' | 'url' | 'kind'>): EngineRecord {
  return { id: ref.id, url: ref.url, kind: ref.kind, createdAtMs: 0 };
}

export function statusOf({ ref, probe, exposedOn }: EngineExamination): EngineStatus {
  const common = { ref, inFlight: 0, breakerOpen: false, ...(exposedOn === undefined ? {} : { exposedOn }) };
  if (probe.state === 'down') return { ...common, state: 'down', models: [], note: probe.detail };
  const { state, models, version, latencyMs, slots, note } = probe;
  return {
    ...common,
    state,
    models,
    latencyMs,
    ...(version === undefined ? {} : { version }),
    ...(slots === undefined ? {} : { slots }),
    ...(note === undefined ? {} : { note }),
  };
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
