/**
 * Client addresses and lists of address rules, compiled for one fast question: does this address match?
 *
 * An address is a 128-bit number. IPv4 and IPv4-mapped IPv6 are the same number (::ffff:a.b.c.d), so that a client
 * cannot bypass a rule by the family of its socket. A list is compiled to sorted, disjoint ranges and searched by
 * bisection: 1,000 rules cost ten comparisons.
 */
import ipaddr from 'ipaddr.js';

/** An address as rules see it, and the text that logs and buckets use. */
export interface ClientAddress {
  readonly text: string;
  readonly value: bigint;
  readonly loopback: boolean;
  /** The unit of limits per address: the IPv4 address, or the IPv6 /64, which usually belongs to one customer. */
  readonly bucket: string;
}

/**
 * Matches `::a.b.c.d` (RFC 4291, section 2.5.5.1: deprecated). It is another address than `::ffff:a.b.c.d`, but
 * ipaddr.js reads it as that.
 */
const ipv4Compatible = /^::\d+\./;

/** Four decimal numbers without leading zeros: some parsers read `010` as 8. */
const ipv4 = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;
const zone = /%[\w.-]{1,64}$/;
const ipv4Mapped = 0xffff_0000_0000n;

/**
 * Whether this is an IPv6 address as every system reads it, without a zone. ipaddr.js also reads `::1.2.3.010`, whose
 * last number it takes for an octal one.
 */
export function isIpv6(text: string): boolean {
  if (text.includes('%') || ipv4Compatible.test(text) || !ipaddr.IPv6.isValid(text)) return false;
  const last = text.slice(text.lastIndexOf(':') + 1);
  return !last.includes('.') || ipv4.test(last);
}

/**
 * Returns undefined unless the text is exactly one address: ports, zones, brackets and short forms are not accepted.
 */
export function parseAddress(text: string): ClientAddress | undefined {
  // Behind a proxy this runs for each request. IPv4, by far the most frequent, is parsed here.
  const parts = ipv4.exec(text);
  if (parts !== null) return fromFour(text, parts);
  if (!text.includes(':')) return undefined;
  // A link-local peer carries its interface as a zone (RFC 4007), such as eth0.5. Rules name only the address.
  const bare = text.replace(zone, '');
  if (!isIpv6(bare)) return undefined;
  const address = ipaddr.process(bare);
  const value = toBigInt(address);
  const canonical = address.toString();
  return {
    text: canonical,
    value,
    loopback: address.range() === 'loopback',
    bucket: address.kind() === 'ipv4' ? canonical : `${(value >> 64n).toString(16)}/64`,
  };
}

function fromFour(text: string, parts: readonly string[]): ClientAddress | undefined {
  let number = 0;
  for (let i = 1; i <= 4; i++) {
    const part = Number(parts[i]);
    if (part > 255) return undefined;
    number = number * 256 + part;
  }
  return { text, value: ipv4Mapped + BigInt(number), loopback: parts[1] === '127', bucket: text };
}

/** A compiled list. An empty one matches nothing. */
export class AddressRules {
  readonly #starts: readonly bigint[];
  readonly #ends: readonly bigint[];

  /** `rules` are validated addresses, CIDR ranges and spans. */
  constructor(rules: readonly string[]) {
    const ranges = rules.map(toRange).sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
    const starts: bigint[] = [];
    const ends: bigint[] = [];
    for (const [start, end] of ranges) {
      const last = ends.at(-1);
      if (last !== undefined && start <= last + 1n) {
        if (end > last) ends[ends.length - 1] = end;
      } else {
        starts.push(start);
        ends.push(end);
      }
    }
    this.#starts = starts;
    this.#ends = ends;
  }

  get empty(): boolean {
    return this.#starts.length === 0;
  }

  matches(address: ClientAddress): boolean {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      if (address.value < (this.#starts[middle] ?? 0n)) high = middle - 1;
      else if (address.value > (this.#ends[middle] ?? 0n)) low = middle + 1;
      else return true;
    }
    return false;
  }
}

function toRange(rule: string): readonly [bigint, bigint] {
  const dash = rule.indexOf('-');
  if (dash > 0) {
    return [toBigInt(ipaddr.parse(rule.slice(0, dash))), toBigInt(ipaddr.parse(rule.slice(dash + 1)))];
  }
  const slash = rule.indexOf('/');
  const raw = ipaddr.parse(slash < 0 ? rule : rule.slice(0, slash));
  const bitsGiven = slash < 0 ? undefined : Number(rule.slice(slash + 1));
  const value = toBigInt(raw);
  const prefix = raw.kind() === 'ipv4' ? 96 + (bitsGiven ?? 32) : (bitsGiven ?? 128);
  const size = 1n << BigInt(128 - prefix);
  const start = value - (value % size);
  return [start, start + size - 1n];
}

function toBigInt(address: ipaddr.IPv4 | ipaddr.IPv6): bigint {
  let value = address.kind() === 'ipv4' ? 0xffffn : 0n;
  for (const byte of address.toByteArray()) value = (value << 8n) | BigInt(byte);
  return value;
}

/** Returns the name of a request source: the IPv4 address, or the /64 of an IPv6 address. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${address}/64`).toString()}/64`;
}
