import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reachOf } from './reach.ts';

const machine = ['192.168.1.20', 'fd00::5'];

test('loopback addresses are reached from this machine alone', () => {
  assert.equal(reachOf(['127.0.0.1', '::1'], machine), 'this machine');
  assert.equal(reachOf([], machine), 'this machine');
});

test('private and link-local addresses are reached from this network', () => {
  for (const address of ['192.168.1.20', '10.1.2.3', '100.64.0.7', 'fd00::5', 'fe80::1'])
    assert.equal(reachOf(['127.0.0.1', address], machine), 'this network', address);
});

test('all addresses mean those that this machine has', () => {
  assert.equal(reachOf(['0.0.0.0'], []), 'this machine');
  assert.equal(reachOf(['0.0.0.0'], machine), 'this network');
  assert.equal(reachOf(['::'], [...machine, '203.0.113.9']), 'this network');
  assert.equal(reachOf(['::'], [...machine, '198.35.26.96']), 'the internet');
});
