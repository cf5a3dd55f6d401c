/**
 * Who is at the other end. Forwarded fields are believed only from a trusted proxy, and then from the right: the last
 * address that no trusted proxy vouches for is the client's (RFC 7239, section 8.1: the left part is anybody's claim).
 *
 * `Forwarded` counts only where no `X-Forwarded-For` came: nginx, Caddy and their like write the second, and let the
 * first pass as the client wrote it.
 */
import { type ClientAddress, parseAddress } from '../core/security/address-rules.ts';
import type { Exchange } from './exchange.ts';

/** Fills `client`. What does not parse ends the walk at the last hop that did. */
export function findClient(x: Exchange): void {
  const trusted = x.snapshot.policy.trustedProxies;
  if (trusted.empty || !trusted.matches(x.peer.address)) return;
  const hops =
    x.head.fields.get('x-forwarded-for')?.split(',') ?? forwardedFor(x.head.fields.get('forwarded')) ?? [];
  let client = x.peer.address;
  for (let i = hops.length - 1; i >= 0; i--) {
    const hop = parseHop((hops[i] as string).trim());
    if (hop === undefined) break;
    client = hop;
    if (!trusted.matches(hop)) break;
  }
  x.client = client;
}

/** The `for` values of a `Forwarded` field, in order; an element without one stands as unparsable. */
function forwardedFor(value: string | undefined): string[] | undefined {
  if (value === undefined) return undefined;
  return value.split(',').map((element) => /(?:^|;)\s*for="?([^";]*)"?\s*(?:;|$)/i.exec(element)?.[1] ?? '');
}

/** An address, bare or with brackets and port as some proxies add them. */
function parseHop(text: string): ClientAddress | undefined {
  const bare = parseAddress(text);
  if (bare !== undefined) return bare;
  const dressed = /^(?:\[([^\]]+)\]|(\d+\.\d+\.\d+\.\d+))(?::\d{1,5})?$/.exec(text);
  return dressed === null ? undefined : parseAddress((dressed[1] ?? dressed[2]) as string);
}
