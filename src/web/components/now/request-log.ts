/**
 * The requests that run now, made from the changes that the API streams: which ones, how fast each engine answers, and
 * which ended last. Knows no browser and no clock of its own.
 */
import type {
  EndedRequestDocument,
  RequestChangesDocument,
  RunningRequestDocument,
} from '../../../core/proxy/request-document.ts';

/** A running request with the time at which it was received, from which its age now follows. */
export interface SeenRequest extends RunningRequestDocument {
  readonly seenAtMs: number;
}

export interface RequestsSnapshot {
  readonly atMs: number;
  /** Oldest first, so that rows keep their places. */
  readonly running: readonly SeenRequest[];
  /** Newest first. */
  readonly ended: readonly EndedRequestDocument[];
  readonly engines: ReadonlyMap<string, EngineActivity>;
}

export interface EngineActivity {
  /** Requests that it works on. */
  readonly busy: number;
  readonly tokensPerSecond: number;
  /** Tokens a second at earlier times, oldest first. */
  readonly history: readonly number[];
}

const maxEnded = 50;
const historyPoints = 60;
const historyStepMs = 1_000;

export class RequestLog {
  #running = new Map<string, SeenRequest>();
  #ended: readonly EndedRequestDocument[] = [];
  readonly #history = new Map<string, number[]>();
  #historyAtMs = 0;

  /** The first changes of a connection have every running request. */
  restart(): void {
    this.#running = new Map();
  }

  add({ running, gone, ended }: RequestChangesDocument, nowMs: number): void {
    for (const request of running) this.#running.set(request.id, { ...request, seenAtMs: nowMs });
    for (const id of gone) this.#running.delete(id);
    if (ended.length > 0) this.addEnded(ended.toReversed());
  }

  /** Newest first. Requests that are known already are left out. */
  addEnded(ended: readonly EndedRequestDocument[]): void {
    const ids = new Set(ended.map(({ id }) => id));
    const all = [...ended, ...this.#ended.filter(({ id }) => !ids.has(id))];
    this.#ended = all.toSorted((a, b) => b.at.localeCompare(a.at)).slice(0, maxEnded);
  }

  snapshot(nowMs: number): RequestsSnapshot {
    const running = [...this.#running.values()].sort(
      (a, b) => a.startedAt.localeCompare(b.startedAt) || a.id.localeCompare(b.id),
    );
    const loads = new Map<string, { busy: number; tokensPerSecond: number }>();
    for (const { engine, state, tokensPerSecond } of running) {
      if (engine === null || state === 'receiving' || state === 'waiting') continue;
      const load = loads.get(engine) ?? { busy: 0, tokensPerSecond: 0 };
      load.busy += 1;
      load.tokensPerSecond += tokensPerSecond ?? 0;
      loads.set(engine, load);
    }
    this.#remember(loads, nowMs);
    const names = new Set([...loads.keys(), ...this.#history.keys()]);
    const engines = new Map<string, EngineActivity>();
    for (const name of names)
      engines.set(name, {
        ...(loads.get(name) ?? { busy: 0, tokensPerSecond: 0 }),
        history: [...(this.#history.get(name) ?? [])],
      });
    return { atMs: nowMs, running, ended: this.#ended, engines };
  }

  /** One point for each engine that was busy in the last minute, a second apart. */
  #remember(loads: ReadonlyMap<string, { readonly tokensPerSecond: number }>, nowMs: number): void {
    if (nowMs - this.#historyAtMs < historyStepMs) return;
    this.#historyAtMs = nowMs;
    for (const name of new Set([...loads.keys(), ...this.#history.keys()])) {
      const points = [...(this.#history.get(name) ?? []), loads.get(name)?.tokensPerSecond ?? 0];
      const kept = points.slice(-historyPoints);
      if (kept.every((point) => point === 0) && !loads.has(name)) this.#history.delete(name);
      else this.#history.set(name, kept);
    }
  }
}

/** Milliseconds since the request began. */
export function ageOf({ ageMs, seenAtMs }: SeenRequest, nowMs: number): number {
  return ageMs + Math.max(0, nowMs - seenAtMs);
}
