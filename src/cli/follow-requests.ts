/**
 * The requests of all proxies of a profile, or of all there are, as they end.
 *
 * A proxy that is restarted drains on while its successor serves, so both are listened to. New ones are looked for each
 * half second, on the store and their sockets; what a successor answers before it is found is not seen.
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
  /** `others`: how many are still listened to. */
  ended(handle: ProxyHandle, others: number): void;
}

/** Resolves when the signal is aborted; rejects with what a watcher throws, or when the store cannot be read. */
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
      // One that does not answer now is tried again; what else is thrown is a mistake of ours.
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
