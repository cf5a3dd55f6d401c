/** The port through which commands and the admin API see the requests of every running proxy together. */
import type { RequestLine } from './proxy-handle.ts';
import type { RunningRequest } from './running-request.ts';

/** Something of the proxy with the id `proxy`. */
export type OfProxy<T> = T & { readonly proxy: string };

/** What changed since the update before. */
export interface RequestChanges {
  /** New requests and requests that changed. */
  readonly running: readonly OfProxy<RunningRequest>[];
  /** Ids of requests that no longer run. */
  readonly gone: readonly string[];
  /** Requests that ended, oldest first. */
  readonly ended: readonly OfProxy<RequestLine>[];
}

/** A proxy that does not answer, and one of an older flm, has no requests here. */
export interface RequestDirectory {
  /** The requests that run now, oldest first. */
  list(): Promise<readonly OfProxy<RunningRequest>[]>;
  /** Requests that ended, newest first; of one key, or of all. At most 200. */
  recent(keyId?: string): Promise<readonly OfProxy<RequestLine>[]>;
  /**
   * The running requests first, then what changes, until the signal aborts. Follows proxies that start later. A slow
   * reader gets fewer updates and never delays a request.
   */
  watch(signal: AbortSignal): AsyncGenerator<RequestChanges, void, undefined>;
  /** Ends a request, and records who did it. Returns the request as it was; undefined if none with that id runs. */
  cancel(requestId: string, actor: string): Promise<OfProxy<RunningRequest> | undefined>;
}
