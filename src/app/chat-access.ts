/**
 * The way into a running proxy for the person who owns it: its address, and a ten-minute key that exists only in the
 * proxy's memory. A key is used for the first half of its life, so that an answer that begins with it can last: streams
 * end with their key.
 */
import { ProxyError } from '../core/errors.ts';
import type { TemporaryKey } from '../core/proxy/ports.ts';
import { type ProxyHandle, proxyUrl } from '../core/proxy/proxy-handle.ts';
import type { ChatClientDeps } from './chat-client.ts';
import type { ClientIdentity } from './client-identity.ts';
import type { Flm } from './flm.ts';

const keyLifeMs = 600_000;

/**
 * `which` is an id or a profile; undefined means the only proxy that runs. Throws like `ProxyService.find`, and a
 * `ProxyError` CHAT_NO_CERTIFICATE where the proxy asks for a client certificate and there is none.
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
    // A restarted proxy has another handle and knows no key of the old one.
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
    // Read each time, for it may have been replaced.
    const authority = handle.mode === 'local-http' ? undefined : await flm.certificates.known();
    return { url: proxyUrl(handle), key: key.key, authority, identity };
  };

  async function assertOpen(proxy: ProxyHandle, signal: AbortSignal): Promise<void> {
    const status = await flm.control(proxy).status(signal);
    const file = status === 'gone' ? undefined : status.config.clientCaFile;
    if (file !== undefined) throw new ProxyError('CHAT_NO_CERTIFICATE', { params: { file } });
  }
}
