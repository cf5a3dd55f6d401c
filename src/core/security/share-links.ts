/**
 * Finds the addresses under which the link of a share works: over HTTPS, or on the machine of the proxy alone. A proxy
 * that serves plain HTTP on a network has none, because others could read the key.
 */
import { isLoopbackAddress } from '../loopback.ts';
import type { ProxyStatus } from '../proxy/proxy-handle.ts';

/** The page that redeems a share. */
export const sharePath = '/flm/share';
/** Where that page sends the token. */
export const redeemPath = '/flm/share/redeem';

export interface ShareOrigins {
  /** Base URLs, best first; at least one. */
  readonly origins: readonly [string, ...string[]];
  /** Only programs on the machine of the proxy reach it. */
  readonly onlyThisMachine: boolean;
}

/** Undefined for plain HTTP on a network. */
export function shareOrigins({
  handle,
  url,
  networkUrls,
}: Pick<ProxyStatus, 'handle' | 'url' | 'networkUrls'>): ShareOrigins | undefined {
  const onlyThisMachine = handle.addresses.every(isLoopbackAddress);
  if (handle.mode === 'local-http') return onlyThisMachine ? { origins: [url], onlyThisMachine } : undefined;
  // `url` of a certificate for domains is the first of them; otherwise it leads to this machine only.
  if (handle.mode === 'https-acme') return { origins: [url, ...networkUrls], onlyThisMachine };
  const [first, ...others] = networkUrls.toSorted((a, b) => rank(a) - rank(b));
  return { origins: first === undefined ? [url] : [first, ...others, url], onlyThisMachine };
}

/** IPv4 first: not every device knows the names of the local network. */
function rank(url: string): number {
  const { hostname } = new URL(url);
  if (hostname.startsWith('[')) return 2;
  return /^[0-9.]+$/.test(hostname) ? 0 : 1;
}

/** The link with the token in its fragment, which browsers do not send: neither a log nor a referrer has it. */
export function shareLink(origin: string, token: string): string {
  return `${origin}${sharePath}#${token}`;
}
