/**
 * Gives the owner of a running proxy its address and a temporary key. The key is valid for ten minutes and exists only
 * in the memory of the proxy. A stream ends when its key expires, so a key is used only in the first half of its life.
 */

import { ProxyError } from '../../core/errors.ts';
import type { TemporaryKey } from '../../core/proxy/ports.ts';
import { type ProxyHandle, proxyUrl } from '../../core/proxy/proxy-handle.ts';
import type { ClientIdentity } from '../client-identity.ts';
import type { Flm } from '../flm.ts';
import type { ChatClientDeps } from './chat-client.ts';

const keyLifeMs = 600_000;

/**
 * `which` is an id or a profile; undefined means the only running proxy. Throws like `ProxyService.find`. Throws a
 * `ProxyError` CHAT_NO_CERTIFICATE if the proxy requires a client certificate and none was given.
 */
export function makeChatAccess(
  flm: Pick<Flm, 'proxies' | 'control' | 'machine' | 'certificates'>,
  which: string | undefined,
  identity: ClientIdentity | undefined,
): ChatClientDeps['access'] {
  const { clock } = flm.machine;
  let handle: ProxyHandle | undefined;
  let key: TemporaryKey | undefined;
  return async (renew, signal) => {
    // A restarted proxy has another handle and does not know the keys of the old one.
    if (renew || handle === undefined) {
      handle = await flm.proxies.findServing(which);
      key = undefined;
      if (identity === undefined && handle.mode !== 'local-http') await assertOpen(handle, signal);
    }
    if (key === undefined || key.expiresAtMs - clock.nowMs() < keyLifeMs / 2) {
      let given = await flm.control(handle).temporaryKey(keyLifeMs, signal);
      if (given === 'gone') {
        handle = await flm.proxies.findServing(which);
        given = await flm.control(handle).temporaryKey(keyLifeMs, signal);
      }
      if (given === 'gone') throw new ProxyError('PROXY_NOT_RUNNING', { params: { which: ' any more' } });
      key = given;
    }
    // Read each time, because the file may have been replaced.
    const authority = handle.mode === 'local-http' ? undefined : await flm.certificates.known();
    return { url: proxyUrl(handle), key: key.key, authority, identity };
  };

  async function assertOpen(proxy: ProxyHandle, signal: AbortSignal): Promise<void> {
    const status = await flm.control(proxy).status(signal);
    const file = status === 'gone' ? undefined : status.config.clientCaFile;
    if (file !== undefined) throw new ProxyError('CHAT_NO_CERTIFICATE', { params: { file } });
  }
}
