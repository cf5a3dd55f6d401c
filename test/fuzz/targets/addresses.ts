/** Addresses of clients, address rules and forwarded fields, beside `BlockList` and `isIP` of node:net. */
import assert from 'node:assert/strict';
import { BlockList, isIP, SocketAddress } from 'node:net';
import { AddressRules, parseAddress } from '../../../src/core/security/address-rules.ts';
import { isAddressRule } from '../../../src/core/security/security-policy.ts';
import { forwardedHops } from '../../../src/gateway/forwarded.ts';
import type { FuzzTarget } from '../target.ts';

export const addresses: FuzzTarget = {
  name: 'addresses',
  about:
    'a rule and an address, one in each line, beside BlockList of node:net; the whole as a Forwarded field',
  sources: [
    'src/core/security/address-rules.ts',
    'src/core/security/security-policy.ts',
    'src/gateway/forwarded.ts',
  ],
  tokens: [
    '::',
    ':',
    '.',
    '/',
    '-',
    '::ffff:',
    '127.0.0.1',
    '10.0.0.0/8',
    'fd00::/8',
    '/0',
    '/128',
    '/32',
    '%eth0',
    '[',
    ']',
    '\n',
    '0',
    'ffff',
    '192.0.2.',
    'for=',
    '"',
    ',',
    ';',
    '="[2001:db8::1]:80"',
  ],
  seeds: [
    '10.0.0.0/8\n10.1.2.3',
    'fd00::/8\nfd12::1',
    '10.0.0.5-10.0.0.9\n10.0.0.7',
    '::ffff:10.0.0.0/104\n10.2.3.4',
    '192.168.1.7\n::ffff:192.168.1.7',
    '::1\nfe80::1%eth0',
    'for=192.0.2.43, for="[2001:db8:cafe::17]:4711";proto=http;by=203.0.113.43',
  ],
  maxLength: 200,
  check(input) {
    const text = input.toString('latin1');
    for (const hop of forwardedHops(text))
      assert(hop === '' || text.includes(hop) || text.includes('\\'), 'a hop is part of the field');
    const [rule = '', address = ''] = text.split('\n');
    const parsed = parseAddress(address);
    const bare = address.split('%')[0] as string;
    if (parsed !== undefined) {
      assert.notEqual(isIP(bare), 0, 'Node does not know this address');
      assert.equal(parseAddress(parsed.text)?.value, parsed.value, 'the text of an address is that address');
    }
    if (!isAddressRule(rule)) return;
    const rules = new AddressRules([rule]);
    if (parsed === undefined) return;
    const theirs = blockListOf(rule);
    // BlockList keeps IPv4 rules and IPv6 rules apart unless the address is mapped; flm compares numbers.
    if (theirs === undefined) return;
    const family = isIP(parsed.text) === 4 ? 'ipv4' : 'ipv6';
    assert.equal(rules.matches(parsed), theirs.check(parsed.text, family), `${rule} matches ${address}`);
  },
};

function blockListOf(rule: string): BlockList | undefined {
  const list = new BlockList();
  const [first = '', last] = rule.split('-');
  const [network = '', bits] = first.split('/');
  if (network.toLowerCase().includes('ffff') || isMapped(network)) return undefined;
  const family = isIP(network) === 4 ? 'ipv4' : 'ipv6';
  // A wide IPv6 range holds the mapped IPv4 addresses, which BlockList keeps apart.
  if (family === 'ipv6' && Number(bits ?? 128) < 96) return undefined;
  if (last !== undefined) {
    if (family === 'ipv6') return undefined;
    list.addRange(network, last, family);
  } else if (bits === undefined) list.addAddress(network, family);
  else list.addSubnet(network, Number(bits), family);
  return list;
}

function isMapped(text: string): boolean {
  return isIP(text) === 6 && new SocketAddress({ address: text, family: 'ipv6' }).address.includes('.');
}
