/** Listening sockets that systemd passes as descriptors. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4, ipv6, listenersIn, passedSockets } from './passed-sockets.ts';

test('sockets for another process are left alone', () => {
  assert.deepEqual(passedSockets({ LISTEN_FDS: '1', LISTEN_PID: '1' }, 2), []);
  assert.deepEqual(passedSockets({}, 2), []);
  assert.deepEqual(passedSockets({ LISTEN_FDS: '0', LISTEN_PID: '2' }, 2), []);
});

test('too many descriptors are refused', () => {
  assert.throws(() => passedSockets({ LISTEN_FDS: '100000', LISTEN_PID: '2' }, 2), /at most 64/);
});

test("the kernel's table of sockets gives addresses, ports and inodes of those that listen", () => {
  const tcp = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2124 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000000000000000 100 0 0 10 0
   1: 0100007F:2124 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1 0000000000000000 20 4 30 10 -1
`;
  assert.deepEqual(listenersIn(tcp, ipv4), [{ inode: '4711', address: '127.0.0.1', port: 8484 }]);
  assert.equal(ipv4('00000000'), '0.0.0.0');
  assert.equal(ipv6('00000000000000000000000001000000'), '::1');
  assert.equal(ipv6('00000000000000000000000000000000'), '::');
  assert.equal(ipv6('B80D0120000000000000000042000000'), '2001:db8::42');
});
