/**
 * Who is at the other end. Forwarded fields are believed only from a trusted proxy, and then from the right: the last
 * address that no trusted proxy vouches for is the client's (RFC 7239, section 8.1: the left part is anybody's claim).
 *
 * A hop on that way that is not an address leaves the client unknown, so that no address rule could apply to it. The
 * guard then refuses the request and names the field. Hops further left are not looked at.
 *
 * `Forwarded` counts only where no `X-Forwarded-For` came: nginx, Caddy and their like write the second, and let the
 * first pass as the client wrote it.
 */
import { type ClientAddress, parseAddress } from '../core/security/address-rules.ts';
import type { Exchange } from './exchange.ts';
import { forwardedHops } from './forwarded.ts';
import { ownCopy } from './own-copy.ts';

/** Trusted proxies that may stand in a row: reading an address costs more than the bytes that it takes. */
const maxHops = 32;
/** An IPv6 address with a zone, in brackets, with a port. */
const maxHopLength = 100;

/** Fills `client`, or else `unreadableHop` with the name of the field. */
export function findClient(x: Exchange): void {
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

/** The last hops of a list, in order: one more than may be looked at. */
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

/** An address, bare or with brackets and port as some proxies add them. An obfuscated port is RFC 7239's. */
const dressed = /^(?:\[([^\]]+)\]|(\d+\.\d+\.\d+\.\d+))(?::(?:\d{1,5}|_[A-Za-z0-9._-]+))?$/;

function parseHop(text: string): ClientAddress | undefined {
  if (text.length > maxHopLength) return undefined;
  // A limit or a log line may remember the address for longer than this request lasts.
  const hop = ownCopy(text.trim());
  const bare = parseAddress(hop);
  if (bare !== undefined) return bare;
  const found = dressed.exec(hop);
  return found === null ? undefined : parseAddress((found[1] ?? found[2]) as string);
}
