/**
 * How engines are now: as the proxies that run say, which watch them anyway; where none runs, they are asked.
 */
import type { EngineExamination } from '../app/engine-discovery.ts';
import type { EngineStatus } from '../core/engine/directory.ts';
import type { EngineRecord } from '../core/engine/engine.ts';
import { EngineError } from '../core/errors.ts';
import type { Session } from './command.ts';
import { queuedFor } from './views/proxy-view.ts';

export interface SeenEngine {
  readonly status: EngineStatus;
  /** Id of the proxy that says so; null: asked just now. */
  readonly proxy: string | null;
  /** Requests that wait there for a slot of it. */
  readonly queued?: number;
}

/** Every engine of the proxies that run (of one, where it is named), each once. Throws PROXY_NOT_RUNNING. */
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

/** Asks each of them; one that cannot be asked is down, with the reason. */
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

/** Saved ones and those that run on this machine: what a proxy would serve that is started now. */
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

/** What was found, as if it were saved. */
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
