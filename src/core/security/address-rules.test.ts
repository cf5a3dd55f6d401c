import assert from 'node:assert/strict';
import { BlockList, isIPv4 } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { moreRuns } from '../../../test/helpers/more-runs.ts';
import { AddressRules, parseAddress } from './address-rules.ts';

const matches = (rules: readonly string[], address: string): boolean => {
  const parsed = parseAddress(address);
  assert.ok(parsed !== undefined, address);
  return new AddressRules(rules).matches(parsed);
};

test('an address is read when it is exactly one, in its full form', () => {
  for (const text of [
    '127.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '2001:db8::1',
    '::ffff:10.0.0.1',
    'fe80::1%eth0.5',
  ])
    assert.notEqual(parseAddress(text), undefined, text);
  const none = ['', ' ', '127.1', '2130706433', '0x7f.0.0.1', '010.0.0.1', '1.2.3.4:80', '[::1]', '[::1]:80'];
  for (const text of [
    ...none,
    '1.2.3.4 ',
    '1.2.3.256',
    'localhost',
    '::g',
    '1.2.3.4, 5.6.7.8',
    '1.2.3.4/8',
    ':',
    '::ffff:1.2.3.010',
    '64:ff9b::1.2.3.04',
    '::ffff:0x7f.0.0.1',
  ])
    assert.equal(parseAddress(text), undefined, text);
});

test('an address is one address, however it is written and whatever family its socket has', () => {
  const plain = parseAddress('10.0.0.1');
  for (const text of ['::ffff:10.0.0.1', '::ffff:a00:1', '::FFFF:0a00:0001', '0:0:0:0:0:ffff:a00:1'])
    assert.deepEqual(parseAddress(text), plain, text);
  assert.equal(parseAddress('2001:DB8:0::0001')?.text, '2001:db8::1');
  assert.equal(parseAddress('fe80::1%eth0')?.text, 'fe80::1');
});

test('loopback is 127.0.0.0/8 and ::1', () => {
  for (const text of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])
    assert.equal(parseAddress(text)?.loopback, true, text);
  for (const text of ['128.0.0.1', '::2', '::', '10.0.0.1'])
    assert.equal(parseAddress(text)?.loopback, false, text);
});

test('limits count an IPv4 address alone and an IPv6 address by its /64', () => {
  const bucket = (text: string) => parseAddress(text)?.bucket;
  assert.notEqual(bucket('10.0.0.1'), bucket('10.0.0.2'));
  assert.equal(bucket('2001:db8::1'), bucket('2001:db8::ffff:1'));
  assert.notEqual(bucket('2001:db8::1'), bucket('2001:db8:0:1::1'));
});

test('an empty list matches nothing and says that it is empty', () => {
  assert.equal(new AddressRules([]).empty, true);
  assert.equal(matches([], '127.0.0.1'), false);
  assert.equal(new AddressRules(['::1']).empty, false);
});

test('a rule for IPv4 holds for the mapped form, and one for everything for both families', () => {
  assert.equal(matches(['10.0.0.0/8'], '::ffff:10.9.9.9'), true);
  assert.equal(matches(['::ffff:10.0.0.0/104'], '10.9.9.9'), true);
  assert.equal(matches(['0.0.0.0/0'], '2001:db8::1'), false);
  assert.equal(matches(['::/0'], '10.0.0.1'), true);
});

const ipv4 = fc.oneof(
  fc.ipV4(),
  fc.constantFrom('10.0.0.0', '10.0.0.255', '10.0.1.0', '127.0.0.1', '0.0.0.0'),
);
const ipv6 = fc.oneof(
  fc.ipV6().filter((text) => !text.startsWith('::') || !text.includes('.') || text.startsWith('::ffff:')),
  fc.constantFrom('::', '::1', '2001:db8::', '2001:db8::ffff', 'fd00::1'),
);
const rule = fc.oneof(
  ipv4,
  ipv6,
  fc.tuple(ipv4, fc.integer({ min: 0, max: 32 })).map(([a, bits]) => `${a}/${bits}`),
  fc.tuple(ipv6, fc.integer({ min: 0, max: 128 })).map(([a, bits]) => `${a}/${bits}`),
);

test('an IPv4 address is the same whether it is read alone or mapped', () => {
  fc.assert(
    fc.property(fc.ipV4(), (text) => {
      assert.deepEqual(parseAddress(text), parseAddress(`::ffff:${text}`));
    }),
    { numRuns: 500 * moreRuns },
  );
  const number = fc.oneof(fc.nat(300), fc.constantFrom('00', '01', '', ' 1', '1e1', '0x1', '-1', '+1'));
  fc.assert(
    fc.property(fc.array(number, { minLength: 3, maxLength: 5 }), (parts) => {
      const text = parts.join('.');
      assert.equal(parseAddress(text) !== undefined, ipaddr.IPv4.isValidFourPartDecimal(text), text);
    }),
    { numRuns: 500 * moreRuns },
  );
});

/** Sixteen random bytes make an address; most begin like one that a rule names, so that borders are met. */
function addressFrom(bytes: Uint8Array, rules: readonly string[]): string {
  const [choice = 0, which = 0, kept = 0] = bytes;
  const base = rules[which % Math.max(1, rules.length)]?.replace(/\/.*/, '');
  const like = base === undefined || choice < 40 ? undefined : ipaddr.parse(base).toByteArray();
  const made = bytes.slice(0, like?.length ?? (choice % 2 === 0 ? 4 : 16)).reverse();
  if (like !== undefined) made.set(like.slice(0, kept % (like.length + 1)));
  return ipaddr.fromByteArray([...made]).toString();
}

test("a list says the same as Node's own, for any rules and any address", () => {
  const each = 100;
  fc.assert(
    fc.property(
      fc.array(rule, { maxLength: 12 }),
      fc.uint8Array({ minLength: 16 * each, maxLength: 16 * each }),
      (rules, bytes) => {
        const theirs = new BlockList();
        for (const text of rules) {
          const [base = '', bits] = text.split('/');
          const family = isIPv4(base) ? 'ipv4' : 'ipv6';
          if (bits === undefined) theirs.addAddress(base, family);
          else theirs.addSubnet(base, Number(bits), family);
        }
        const ours = new AddressRules(rules);
        for (let at = 0; at < bytes.length; at += 16) {
          const address = addressFrom(bytes.subarray(at, at + 16), rules);
          const mapped = isIPv4(address) ? `::ffff:${address}` : address;
          const parsed = parseAddress(address);
          assert.ok(parsed !== undefined, address);
          if (ours.matches(parsed) !== theirs.check(mapped, 'ipv6'))
            assert.fail(`${address} in ${rules.join()}`);
        }
      },
    ),
    { numRuns: 1_000 * moreRuns, interruptAfterTimeLimit: 10_000 * moreRuns },
  );
});
