/**
 * Finds the address of the client. Forwarded fields count only from a trusted proxy, and are read from the right: the
 * last address that is not a trusted proxy's is the client's (RFC 7239, section 8.1: any client can write the rest).
 *
 * A hop on that way that is not an address leaves the client unknown, so no address rule could apply. The guard then
 * refuses the request and names the field. Hops further left are not read.
 *
 * `Forwarded` counts only without `X-Forwarded-For`: nginx, Caddy and similar proxies write the second and pass on the
 * first unchanged from the client.
 */

import { detachString } from '../core/detached-string.ts';
import { type ClientAddress, parseAddress } from '../core/security/address-rules.ts';
import type { Exchange } from './exchange.ts';
import { forwardedHops } from './forwarded.ts';

/** How many trusted proxies may follow each other: reading an address costs more than the bytes that it takes. */
const maxHops = 32;
/** An IPv6 address with a zone, in brackets, with a port. */
const maxHopLength = 100;

/** Fills `client`, or otherwise `unreadableHop` with the name of the field. */
export function findClientAddress(x: Exchange): void {
  const trusted = x.snapshot.policy.trustedProxies;
  if (trusted.empty || !trusted.matches(x.peer.address)) return;
  const list = x.head.fields.get('x-forwarded-for');
  const forwarded = list === undefined ? x.head.fields.get('forwarded') : undefined;
  if (list === undefined && forwarded === undefined) return;
  const hops = list === undefined ? forwardedHops(forwarded ?? '') : hopsOf(list);
  let client = x.peer.address;
  for (let i = hops.length - 1; i >= 0; i--) {
    const hop = hops.length - i > maxHops ? undefined : parseHop(hops[i] as string);
    if (hop === undefined) {
      x.unreadableHop = list === undefined ? 'Forwarded' : 'X-Forwarded-For';
      return;
    }
    client = hop;
    if (!trusted.matches(hop)) break;
  }
  x.client = client;
}

/** The last hops of a list, in order: one more than the limit. */
function hopsOf(list: string): readonly string[] {
  const hops: string[] = [];
  let to = list.length;
  while (to >= 0 && hops.length <= maxHops) {
    const comma = to === 0 ? -1 : list.lastIndexOf(',', to - 1);
    hops.push(list.slice(comma + 1, to));
    to = comma;
  }
  return hops.reverse();
}

/** An address, bare or with brackets and port as some proxies add them. RFC 7239 defines the obfuscated port. */
const dressed = /^(?:\[([^\]]+)\]|(\d+\.\d+\.\d+\.\d+))(?::(?:\d{1,5}|_[A-Za-z0-9._-]+))?$/;

function parseHop(text: string): ClientAddress | undefined {
  if (text.length > maxHopLength) return undefined;
  // A limit or a log line may keep the address for longer than this request lasts.
  const hop = detachString(text.trim());
  const bare = parseAddress(hop);
  if (bare !== undefined) return bare;
  const found = dressed.exec(hop);
  return found === null ? undefined : parseAddress((found[1] ?? found[2]) as string);
}
