/**
 * Answers whether a host name or an address is loopback: 127.0.0.0/8 and ::1, also as IPv4-mapped IPv6, and the name
 * `localhost`. A program that connects to one of these reaches this machine.
 *
 * Other names are not loopback here, although they often lead to this machine: a name below `.localhost`, and `localhost`
 * with a final dot, may be resolved by a DNS server (RFC 6761, section 6.3). Shortened and octal addresses, such as 127.1,
 * are names too.
 */
import { parseAddress } from './security/address-rules.ts';

/** Whether the text is a loopback address, without brackets and port. */
export function isLoopbackAddress(text: string): boolean {
  return parseAddress(text)?.loopback === true;
}

/** Whether the host is `localhost` or a loopback address, as a URL has it: IPv6 with or without brackets. */
export function isLoopbackHost(host: string): boolean {
  return host.toLowerCase() === 'localhost' || isLoopbackAddress(host.replace(/^\[(.*:.*)\]$/, '$1'));
}
