/**
 * Matches the listening sockets that systemd passed with the addresses of a configuration. A socket on which no process
 * accepts would keep its clients waiting, and an address without a socket would be missing: both are errors.
 */
import ipaddr from 'ipaddr.js';
import { ProxyError } from '../core/errors.ts';
import type { InheritedSocket, StartOptions } from '../core/proxy/ports.ts';
import { bindAddresses, configuredPort } from '../core/proxy/proxy-config.ts';
import type { PassedSocket } from '../process/passed-sockets.ts';
import { listenStream } from '../service/unit-file.ts';

/** Empty if no sockets were passed. Throws a `ProxyError` PROXY_SOCKETS_MISMATCH. */
export function matchPassed(
  { config, profile }: StartOptions,
  passed: readonly PassedSocket[],
): readonly InheritedSocket[] {
  const [first] = passed;
  if (first === undefined) return [];
  const addresses = bindAddresses(config);
  // Port 0 means any port, and systemd has chosen one.
  const port = configuredPort(config) || first.port;
  const wanted = addresses.map((address) => ({ use: 'clients' as const, address, port }));
  const { mode, acme } = config;
  const plain =
    mode === 'https-acme'
      ? addresses.map((address) => ({ use: 'plain' as const, address, port: acme.httpPort }))
      : [];
  const matched = [...wanted, ...plain].flatMap((place) => {
    const socket = passed.find((s) => s.port === place.port && isSame(s.address, place.address));
    // The configuration may write an address in another way.
    return socket === undefined ? [] : [{ ...place, fd: socket.fd }];
  });
  // Without a configured address, a machine without IPv6 listens only on IPv4. Port 80 may belong to a web server.
  const isOptional = (address: string): boolean => config.bind.length === 0 && address.includes(':');
  const missing = wanted.filter(
    ({ address }) =>
      !isOptional(address) && !matched.some((m) => m.use === 'clients' && m.address === address),
  );
  const unused = passed.filter(({ fd }) => !matched.some((m) => m.fd === fd));
  if (missing.length === 0 && unused.length === 0) return matched;
  throw new ProxyError('PROXY_SOCKETS_MISMATCH', {
    params: {
      passed: placesText(passed),
      profile,
      wanted: placesText(wanted),
      lines: wanted.map((place) => `ListenStream=${listenStream(place.address, place.port)}`).join(', '),
    },
  });
}

function isSame(a: string, b: string): boolean {
  return ipaddr.parse(a).toNormalizedString() === ipaddr.parse(b).toNormalizedString();
}

function placesText(places: readonly { readonly address: string; readonly port: number }[]): string {
  return places.map(({ address, port }) => listenStream(address, port)).join(', ');
}
