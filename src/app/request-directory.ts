/**
 * The requests of every running proxy, over their control sockets. A proxy that does not answer or runs an older flm
 * has none, and does not keep the others from being asked.
 */
import type { Clock, Unsubscribe } from '../core/clock.ts';
import { FlmError } from '../core/errors.ts';
import type { ProxyHandle } from '../core/proxy/proxy-handle.ts';
import type { OfProxy, RequestChanges, RequestDirectory } from '../core/proxy/request-directory.ts';
import type { RequestsUpdate, RunningRequest } from '../core/proxy/running-request.ts';
import type { AuditRepository } from '../core/security/ports.ts';
import type { ControlClient } from '../process/control-client.ts';

export interface RequestDirectoryDeps {
  readonly handles: () => Promise<readonly ProxyHandle[]>;
  readonly control: (handle: ProxyHandle) => ControlClient;
  readonly audit: Pick<AuditRepository, 'record'>;
  readonly clock: Clock;
}

const maxRecent = 200;
/** How often it looks for new proxies. */
const lookMs = 1_000;

export function requestDirectory(deps: RequestDirectoryDeps): RequestDirectory {
  return {
    async list() {
      const all = await askAll(deps, (control) => control.requests());
      return all.flat().sort((a, b) => a.startedAtMs - b.startedAtMs);
    },
    async recent(keyId) {
      const all = await askAll(deps, (control) => control.recentRequests(keyId));
      return all
        .flat()
        .sort((a, b) => b.atMs - a.atMs)
        .slice(0, maxRecent);
    },
    watch: (signal) => new Watch(deps, signal).changes(),
    async cancel(requestId, actor) {
      // Ids of requests are unique over all proxies.
      const found = await askAll(deps, async (control) => {
        const request = await control.cancelRequest(requestId, actor);
        return request === undefined || typeof request === 'string' ? request : [request];
      });
      const [request] = found.flat();
      if (request === undefined) return undefined;
      const { keyId, keyLabel, model, engine, proxy } = request;
      await deps.audit.record({
        atMs: deps.clock.nowMs(),
        actor,
        action: 'request.cancel',
        subject: requestId,
        before: JSON.stringify({ key: keyId, label: keyLabel, model, engine, proxy }),
      });
      return request;
    },
  };
}

async function askAll<T extends object>(
  { handles, control }: RequestDirectoryDeps,
  ask: (control: ControlClient) => Promise<readonly T[] | 'unsupported' | 'gone' | undefined>,
): Promise<readonly OfProxy<T>[][]> {
  const answers = (await handles()).map(async (handle) => {
    try {
      const items = await ask(control(handle));
      return typeof items === 'object' ? ofProxy(items, handle) : [];
    } catch (error) {
      // `flm proxy status` shows a proxy that does not answer.
      if (!(error instanceof FlmError)) throw error;
      return [];
    }
  });
  return Promise.all(answers);
}

function ofProxy<T extends object>(items: readonly T[], { id }: ProxyHandle): OfProxy<T>[] {
  return items.map((item) => ({ ...item, proxy: id }));
}

/** Updates of all proxies as one stream. Each proxy has at most one update that the reader has not taken. */
class Watch {
  readonly #deps: RequestDirectoryDeps;
  readonly #ended = new AbortController();
  readonly #until: AbortSignal;
  readonly #followed = new Map<string, Promise<void>>();
  readonly #ready: { readonly changes: RequestChanges; readonly taken: () => void }[] = [];
  #wake: (() => void) | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(deps: RequestDirectoryDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#until = AbortSignal.any([signal, this.#ended.signal]);
  }

  async *changes(): AsyncGenerator<RequestChanges, void, undefined> {
    const wake = (): void => this.#wake?.();
    this.#until.addEventListener('abort', wake);
    let stopLooking: Unsubscribe = () => {};
    try {
      const running: OfProxy<RunningRequest>[] = [];
      await this.#look(running);
      // From here on, every request that ends is reported.
      yield { running: running.sort((a, b) => a.startedAtMs - b.startedAtMs), gone: [], ended: [] };
      const look = (): void => {
        this.#look().catch((error: unknown) => this.#fail(error));
      };
      stopLooking = this.#deps.clock.every(lookMs, look);
      while (!this.#until.aborted) {
        const next = this.#ready.shift();
        if (next !== undefined) {
          next.taken();
          yield next.changes;
          continue;
        }
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
      }
    } finally {
      stopLooking();
      this.#ended.abort();
      this.#until.removeEventListener('abort', wake);
      for (const { taken } of this.#ready.splice(0)) taken();
      await Promise.all(this.#followed.values());
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Follows new proxies. With `initial` it resolves when each of them has given its running requests, or has none. */
  async #look(initial?: OfProxy<RunningRequest>[]): Promise<void> {
    const opened: Promise<void>[] = [];
    for (const handle of await this.#deps.handles()) {
      if (this.#until.aborted || this.#followed.has(handle.nonce)) continue;
      const open = Promise.withResolvers<void>();
      opened.push(open.promise);
      const first = (update: RequestsUpdate): Promise<void> | undefined => {
        open.resolve();
        if (initial === undefined) return this.#offer(changesOf(update, handle));
        initial.push(...ofProxy(update.running, handle));
        return undefined;
      };
      const followed = this.#follow(handle, first)
        .catch((error: unknown) => this.#fail(error))
        .finally(open.resolve);
      this.#followed.set(handle.nonce, followed);
    }
    if (initial !== undefined) await Promise.all(opened);
  }

  async #follow(
    handle: ProxyHandle,
    first: (update: RequestsUpdate) => Promise<void> | undefined,
  ): Promise<void> {
    const known = new Set<string>();
    let hasBegun = false;
    try {
      const updates = this.#deps.control(handle).watchRequests(this.#until);
      for await (const update of updates) {
        for (const id of update.gone) known.delete(id);
        for (const { id } of update.running) known.add(id);
        await (hasBegun ? this.#offer(changesOf(update, handle)) : first(update));
        hasBegun = true;
      }
    } catch (error) {
      if (!(error instanceof FlmError)) throw error;
    }
    if (known.size > 0) await this.#offer({ running: [], gone: [...known], ended: [] });
    // A proxy that does not answer yet, or no longer, is tried again at the next look.
    this.#followed.delete(handle.nonce);
  }

  /** Resolves when the reader takes the changes, or has left. */
  #offer(changes: RequestChanges): Promise<void> {
    if (this.#until.aborted) return Promise.resolve();
    return new Promise((taken) => {
      this.#ready.push({ changes, taken });
      this.#wake?.();
    });
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#ended.abort();
  }
}

function changesOf({ running, gone, ended }: RequestsUpdate, handle: ProxyHandle): RequestChanges {
  return { running: ofProxy(running, handle), gone, ended: ofProxy(ended, handle) };
}
