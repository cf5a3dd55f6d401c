/**
 * Follows the requests of all proxies. Connects again when the stream ends, and closes it while the page is hidden. The
 * result changes once a second and soon after changes, but not while somebody reads (see reading.ts).
 */
import { useEffect, useState } from 'preact/hooks';
import type { EndedRequestDocument, RequestChangesDocument } from '../../../core/proxy/request-document.ts';
import { call } from '../../api/client.ts';
import { eventStream } from '../../api/event-stream.ts';
import type { Loaded } from '../loaded.tsx';
import { isReading, whenReadingEnds } from '../reading.ts';
import { RequestLog, type RequestsSnapshot } from './request-log.ts';

const tickMs = 1_000;
/** Numbers that change more often are hard to read. */
const drawMs = 500;
const firstRetryMs = 1_000;
const maxRetryMs = 15_000;

export function useRequests(): Loaded<RequestsSnapshot> {
  const [loaded, set] = useState<Loaded<RequestsSnapshot>>({ state: 'loading' });
  useEffect(() => {
    const log = new RequestLog();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let shownAtMs = 0;
    let isConnected = false;
    const show = () => {
      timer = undefined;
      if (!isConnected || isReading()) return;
      const atMs = Date.now();
      shownAtMs = atMs;
      set({ state: 'ready', value: log.snapshot(atMs), atMs });
    };
    // The first of several changes is drawn at once, the others together a moment later.
    const changed = () => {
      timer ??= setTimeout(show, Math.max(0, shownAtMs + drawMs - Date.now()));
    };
    const failed = (problem: unknown) =>
      set((before) =>
        before.state === 'ready' ? { ...before, problem } : { state: 'failed', error: problem },
      );
    const connection = new VisibleConnection(async (signal) => {
      try {
        log.restart();
        for await (const { event, data } of eventStream('api/v1/requests/events', signal)) {
          if (event !== 'changes') continue;
          isConnected = true;
          log.add(JSON.parse(data) as RequestChangesDocument, Date.now());
          changed();
        }
      } finally {
        isConnected = false;
      }
    }, failed);
    void call<{ readonly items: readonly EndedRequestDocument[] }>('GET', 'api/v1/requests/recent').then(
      ({ items }) => {
        log.addEnded(items);
        changed();
      },
      failed,
    );
    const tick = setInterval(changed, tickMs);
    const forget = whenReadingEnds(changed);
    return () => {
      connection.close();
      clearInterval(tick);
      clearTimeout(timer);
      forget();
    };
  }, []);
  return loaded;
}

/** Keeps `run` running while the page is visible: again after it ended, later each time it failed. */
class VisibleConnection {
  readonly #run: (signal: AbortSignal) => Promise<void>;
  readonly #onFailure: (error: unknown) => void;
  #current: AbortController | undefined;
  readonly #noticed = () => (document.visibilityState === 'visible' ? this.#open() : this.#stop());

  constructor(run: (signal: AbortSignal) => Promise<void>, onFailure: (error: unknown) => void) {
    this.#run = run;
    this.#onFailure = onFailure;
    document.addEventListener('visibilitychange', this.#noticed);
    this.#noticed();
  }

  close(): void {
    document.removeEventListener('visibilitychange', this.#noticed);
    this.#stop();
  }

  #stop(): void {
    this.#current?.abort();
    this.#current = undefined;
  }

  #open(): void {
    if (this.#current !== undefined) return;
    this.#current = new AbortController();
    void this.#keep(this.#current.signal);
  }

  async #keep(signal: AbortSignal): Promise<void> {
    let retryMs = firstRetryMs;
    while (!signal.aborted) {
      const startedAtMs = Date.now();
      try {
        await this.#run(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#onFailure(error);
      }
      // A connection that lasted was a good one.
      retryMs = Date.now() - startedAtMs > maxRetryMs ? firstRetryMs : Math.min(retryMs * 2, maxRetryMs);
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }
}
