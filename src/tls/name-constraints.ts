/**
 * The names and addresses that the local CA may issue certificates for: X.509 name constraints (RFC 5280, section
 * 4.2.1.10). With them a stolen CA cannot impersonate a bank, because clients refuse names outside the constraints.
 *
 *   NameConstraints: SEQUENCE { [0] SEQUENCE OF { GeneralName } }     only permitted subtrees are used here
 *   GeneralName:     [2] dNSName, the name itself and all below it; [7] iPAddress, address and mask
 */
import assert from 'node:assert/strict';
import ipaddr from 'ipaddr.js';

/** Host names, and address ranges in CIDR notation. */
export interface NameConstraints {
  readonly names: readonly string[];
  readonly ranges: readonly string[];
}

export const nameConstraintsOid = '2.5.29.30';

/** Names that never exist on the internet: RFC 6761, 6762, 8375, the reserved .internal, and .lan of home routers. */
export const privateNames: readonly string[] = ['localhost', 'local', 'lan', 'internal', 'home.arpa'];
/** Loopback, RFC 1918, shared (RFC 6598: also Tailscale's), link-local, IPv6 unique local. */
export const privateRanges: readonly string[] = [
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  '::1/128',
  'fe80::/10',
  'fc00::/7',
];

/** True for an address in its usual form; other forms of IPv4 (`10`, `0x7f.1`) count as names. */
export function isAddress(text: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(text) || (text.includes(':') && ipaddr.IPv6.isValid(text));
}

/** True for a valid permitted subtree: a host name with all names below, an address, or a range in CIDR notation. */
export function isPermit(text: string): boolean {
  if (isAddress(text)) return true;
  if (text.includes('/'))
    return ipaddr.IPv4.isValidCIDRFourPartDecimal(text) || ipaddr.IPv6.isValidCIDR(text);
  return /^(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*$/i.test(text);
}

/** True if the constraints allow a certificate for this name or address. */
export function permits(constraints: NameConstraints, name: string): boolean {
  if (isAddress(name)) {
    const address = ipaddr.parse(name);
    return constraints.ranges.some((range) => {
      const [network, bits] = ipaddr.parseCIDR(range);
      return network.kind() === address.kind() && address.match(network, bits);
    });
  }
  return constraints.names.some((base) => name === base || name.endsWith(`.${base}`));
}

export function encodeConstraints(constraints: NameConstraints): Buffer {
  const subtrees = [
    ...constraints.names.map((name) => der(0x30, der(0x82, Buffer.from(name, 'latin1')))),
    ...constraints.ranges.map((range) => {
      const [network, bits] = ipaddr.parseCIDR(range);
      const bytes = network.toByteArray();
      return der(0x30, der(0x87, Buffer.from([...bytes, ...mask(bytes.length, bits)])));
    }),
  ];
  return der(0x30, der(0xa0, ...subtrees));
}

/** The object identifier 2.5.29.30, then `critical`. */
const extensionHead = Buffer.from('0603551d1e0101ff', 'hex');

/** Reads the constraints of a DER certificate that `encodeConstraints` created; undefined if there are none. */
export function constraintsIn(certificate: Uint8Array): NameConstraints | undefined {
  const at = Buffer.from(certificate).indexOf(extensionHead);
  if (at < 0) return undefined;
  try {
    const [value] = elements(certificate.subarray(at + extensionHead.length), 1);
    return value?.tag === 0x04 ? decodeConstraints(value.content) : undefined;
  } catch {
    // Constraints that another program encoded.
    return undefined;
  }
}

function decodeConstraints(bytes: Uint8Array): NameConstraints {
  const names: string[] = [];
  const ranges: string[] = [];
  const [outer] = elements(bytes);
  const [permitted] = elements(outer?.content ?? bytes);
  assert(outer?.tag === 0x30 && permitted?.tag === 0xa0, 'name constraints of our own');
  for (const subtree of elements(permitted.content)) {
    const [base] = elements(subtree.content);
    if (base?.tag === 0x82) names.push(Buffer.from(base.content).toString('latin1'));
    else if (base?.tag === 0x87) ranges.push(rangeOf(base.content));
  }
  return { names, ranges };
}

function rangeOf(content: Uint8Array): string {
  const half = content.length / 2;
  const network = ipaddr.fromByteArray([...content.subarray(0, half)]);
  const bits = ipaddr.fromByteArray([...content.subarray(half)]).prefixLengthFromSubnetMask();
  assert(bits !== null, 'a mask of leading ones');
  return `${network.toString()}/${bits}`;
}

function mask(length: number, bits: number): number[] {
  return Array.from({ length }, (_, i) => {
    const ones = Math.min(8, Math.max(0, bits - i * 8));
    return (0xff << (8 - ones)) & 0xff;
  });
}

/** X.690, section 8.1: tag, length, content. Lengths here stay below 64 KB. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}

interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
}

function elements(bytes: Uint8Array, most = Number.POSITIVE_INFINITY): Element[] {
  const found: Element[] = [];
  let at = 0;
  while (at < bytes.length && found.length < most) {
    const tag = bytes[at] as number;
    let length = bytes[at + 1] ?? 0;
    let from = at + 2;
    if (length >= 0x80) {
      const count = length & 0x7f;
      length = 0;
      for (let i = 0; i < count; i++) length = length * 256 + (bytes[from + i] ?? 0);
      from += count;
    }
    assert(from + length <= bytes.length, 'an element ends within its parent');
    found.push({ tag, content: bytes.subarray(from, from + length) });
    at = from + length;
  }
  return found;
}
