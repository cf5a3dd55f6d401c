/**
 * The Host header check: the host names that a proxy answers for. It prevents DNS rebinding, in which a page of
 * `attacker.example` makes a browser send that name to 127.0.0.1.
 */
import ipaddr from 'ipaddr.js';
import { isIpv6 } from '../core/security/address-rules.ts';

/**
 * Host names as used in practice (a subset of `reg-name`, RFC 3986), an IPv4 literal or a bracketed IPv6 literal, then
 * a port.
 */
const hostPattern =
  /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\.?))(?::(\d{1,5}))?$/;

/**
 * Returns the name or literal of a `Host` value in lower case, without port, brackets and final dot; undefined if
 * malformed.
 */
export function parseHost(value: string): string | undefined {
  const match = hostPattern.exec(value);
  if (match === null || value.length > 300 || value.includes('..')) return undefined;
  if (match[3] !== undefined && Number(match[3]) > 65_535) return undefined;
  const literal = match[1];
  if (literal !== undefined) return isIpv6(literal) ? literal.toLowerCase() : undefined;
  return (match[2] as string).toLowerCase().replace(/\.$/, '');
}

export class HostAllowlist {
  readonly #names: ReadonlySet<string>;

  constructor(names: readonly string[]) {
    this.#names = new Set(names.map((n) => n.toLowerCase()));
  }

  /** IP literals are always accepted: DNS rebinding needs a name. */
  answersFor(host: string): boolean {
    return (
      host === 'localhost' ||
      host.endsWith('.localhost') ||
      this.#names.has(host) ||
      // A wildcard stands for exactly one label, as in a certificate.
      this.#names.has(`*${host.slice(host.indexOf('.'))}`) ||
      ipaddr.IPv4.isValidFourPartDecimal(host) ||
      host.includes(':')
    );
  }
}

/** The names that a proxy on the machine `hostname` answers for, besides loopback names and IP literals. */
export function ownNames(hostname: string, publicHosts: readonly string[]): readonly string[] {
  const short = hostname.split('.')[0] ?? hostname;
  return [hostname, short, `${short}.local`, 'host.docker.internal', ...publicHosts].filter((n) => n !== '');
}
