import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLoopbackAddress, isLoopbackHost } from './loopback.ts';

const addresses = [
  '127.0.0.1',
  '127.0.0.0',
  '127.9.9.9',
  '127.255.255.255',
  '::1',
  '0:0:0:0:0:0:0:1',
  '::ffff:127.0.0.1',
  '::FFFF:127.8.0.1',
  '::ffff:7f00:1',
];
const onlyHosts = ['localhost', 'LocalHost', '[::1]', '[::ffff:7f00:1]', '[0:0:0:0:0:0:0:1]'];
const others = [
  '',
  // Other addresses.
  '0.0.0.0',
  '::',
  '126.255.255.255',
  '128.0.0.1',
  '192.0.2.1',
  '::2',
  '::ffff:128.0.0.1',
  '::127.0.0.1',
  '64:ff9b::127.0.0.1',
  'fe80::1',
  // Names that a DNS server may resolve to any address.
  'localhost.',
  'app.localhost',
  'localhost.example',
  'xlocalhost',
  '127.example',
  '127.0.0.1.example',
  // Not one address: programs read these in different ways.
  '127.1',
  '127.0.0',
  '127.0.0.01',
  '127.0.0.256',
  '127.0.0.1.',
  '0177.0.0.1',
  '0x7f.0.0.1',
  '2130706433',
  '::ffff:127.0.0.01',
  // Not a host alone.
  '127.0.0.1:80',
  '[::1]:80',
  '[::1',
  '::1]',
  '[127.0.0.1]',
  '[localhost]',
  '[[::1]]',
  ' localhost',
  'localhost:80',
];

test('loopback addresses are 127.0.0.0/8 and ::1, also as IPv4-mapped IPv6', () => {
  for (const text of addresses) assert.equal(isLoopbackAddress(text), true, text);
  for (const text of [...onlyHosts, ...others]) assert.equal(isLoopbackAddress(text), false, text);
});

test('loopback hosts are the loopback addresses, with or without brackets, and localhost', () => {
  for (const text of [...addresses, ...onlyHosts]) assert.equal(isLoopbackHost(text), true, text);
  for (const text of others) assert.equal(isLoopbackHost(text), false, text);
});

test('a loopback address is recognised in each spelling that a URL accepts', () => {
  for (const text of ['127.1', '0x7f.1', '2130706433', '[::FFFF:127.0.0.1]', 'LOCALHOST'])
    assert.equal(isLoopbackHost(new URL(`http://${text}/`).hostname), true, text);
});
