/**
 * Follows the requests of all proxies of a profile, or of all proxies, as the requests end.
 *
 * During a restart the old proxy drains while its successor serves, so flm follows both. It looks for new proxies every
 * half second, in the store and by their sockets. Requests that a successor answers before it is found are not shown.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Flm } from '../app/flm.ts';
import { FlmError } from '../core/errors.ts';
import type { ProxyHandle, RequestLine } from '../core/proxy/proxy-handle.ts';

const lookMs = 500;

export interface RequestWatcher {
  request(line: RequestLine, handle: ProxyHandle): void;
  /** From here on no request of that proxy is missed. */
  opened(handle: ProxyHandle): void;
  /** `others`: the number of proxies still followed. */
  ended(handle: ProxyHandle, others: number): void;
}

/** Resolves when the signal aborts. Rejects with the error of a watcher, or if the store cannot be read. */
export async function followRequests(
  flm: Pick<Flm, 'proxies' | 'control'>,
  profile: string | undefined,
  signal: AbortSignal,
  watcher: RequestWatcher,
): Promise<void> {
  const ended = new AbortController();
  const until = AbortSignal.any([signal, ended.signal]);
  const followed = new Map<string, Promise<void>>();
  let failure: { readonly error: unknown } | undefined;

  const follow = async (handle: ProxyHandle): Promise<void> => {
    let open = false;
    try {
      const lines = flm.control(handle).tail(until, () => {
        open = true;
        watcher.opened(handle);
      });
      for await (const line of lines) watcher.request(line, handle);
    } catch (error) {
      // A proxy that does not answer now is tried again. Any other error is a bug in flm.
      if (!(error instanceof FlmError)) {
        failure = { error };
        ended.abort();
      }
    } finally {
      followed.delete(handle.nonce);
    }
    if (open && !until.aborted) watcher.ended(handle, followed.size);
  };

  try {
    while (!until.aborted) {
      for (const handle of await flm.proxies.list()) {
        if (profile !== undefined && handle.profile !== profile) continue;
        if (!followed.has(handle.nonce)) followed.set(handle.nonce, follow(handle));
      }
      await delay(lookMs, undefined, { signal: until }).catch(() => {});
    }
  } finally {
    ended.abort();
    await Promise.all(followed.values());
  }
  if (failure !== undefined) throw failure.error;
}
