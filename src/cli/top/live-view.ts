/**
 * What `flm top` knows: engines from the status of the proxies, and requests from their live stream. It keeps the selection
 * and the question before a request is cancelled.
 */
import type { EngineDocument } from '../../core/engine/engine-document.ts';
import type { ProxyDocument } from '../../core/proxy/proxy-document.ts';
import type { RequestLine } from '../../core/proxy/proxy-handle.ts';
import type { OfProxy, RequestChanges } from '../../core/proxy/request-directory.ts';
import type { RunningRequest } from '../../core/proxy/running-request.ts';
import type { TopView } from './top-screen.ts';

type Request = OfProxy<RunningRequest>;
const keptEnded = 20;

export class LiveView {
  readonly #requests = new Map<string, { readonly request: Request; readonly seenMs: number }>();
  #proxies: readonly ProxyDocument[] = [];
  #ended: readonly RequestLine[] = [];
  #selected: string | undefined;
  #place = 0;
  message: string | undefined;
  /** The request that the user is asked about. */
  asked: Request | undefined;

  setProxies(proxies: readonly ProxyDocument[]): void {
    this.#proxies = proxies;
  }

  apply({ running, gone, ended }: RequestChanges, nowMs: number): void {
    for (const request of running) this.#requests.set(request.id, { request, seenMs: nowMs });
    for (const id of gone) this.#requests.delete(id);
    for (const { id } of ended) this.#requests.delete(id);
    if (ended.length > 0) this.#ended = [...ended.toReversed(), ...this.#ended].slice(0, keptEnded);
  }

  /** Moves the selection by so many rows. */
  move(rows: number, nowMs: number): void {
    const requests = this.#current(nowMs);
    if (requests.length === 0) return;
    const at = Math.max(0, Math.min(requests.length - 1, this.#placeIn(requests) + rows));
    this.#selected = requests[at]?.id;
    this.#place = at;
  }

  selected(nowMs: number): Request | undefined {
    const requests = this.#current(nowMs);
    return requests[this.#placeIn(requests)];
  }

  view(nowMs: number): TopView {
    const requests = this.#current(nowMs);
    this.#place = this.#placeIn(requests);
    this.#selected = requests[this.#place]?.id;
    return {
      nowMs,
      proxies: this.#proxies.length,
      engines: enginesOf(this.#proxies),
      requests,
      ended: this.#ended,
      selected: this.#selected,
      message: this.message,
    };
  }

  /** If the selected request has ended, the one that took its place is selected. */
  #placeIn(requests: readonly Request[]): number {
    const at = requests.findIndex(({ id }) => id === this.#selected);
    return at === -1 ? Math.max(0, Math.min(this.#place, requests.length - 1)) : at;
  }

  /** Oldest first. A request that did not change is not sent again, so its age is counted here. */
  #current(nowMs: number): readonly Request[] {
    return [...this.#requests.values()]
      .map(({ request, seenMs }) => ({ ...request, ageMs: request.ageMs + Math.max(0, nowMs - seenMs) }))
      .sort((a, b) => a.startedAtMs - b.startedAtMs || (a.id < b.id ? -1 : 1));
  }
}

/** Engines of several proxies are one row each; their requests add up. */
function enginesOf(proxies: readonly ProxyDocument[]): readonly EngineDocument[] {
  const byName = new Map<string, EngineDocument>();
  for (const engine of proxies.flatMap(({ engines = [] }) => engines)) {
    const name = `${engine.id} ${engine.url}`;
    const seen = byName.get(name);
    const queued = (seen?.queued ?? 0) + (engine.queued ?? 0);
    byName.set(name, {
      ...engine,
      inFlight: (seen?.inFlight ?? 0) + engine.inFlight,
      ...(engine.queued === undefined ? {} : { queued }),
    });
  }
  return [...byName.values()];
}
