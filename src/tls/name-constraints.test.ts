import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  constraintsIn,
  encodeConstraints,
  permits,
  privateNames,
  privateRanges,
} from './name-constraints.ts';

const constraints = { names: [...privateNames, 'box'], ranges: privateRanges };
const inCertificate = (bytes: Buffer): Buffer =>
  Buffer.concat([
    Buffer.from('30820001', 'hex'),
    Buffer.from('0603551d1e0101ff', 'hex'),
    octets(bytes),
    Buffer.alloc(9),
  ]);
const octets = (bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.of(0x04, 0x82, bytes.length >> 8, bytes.length & 0xff), bytes]);

for (const name of [
  'localhost',
  'llm.lan',
  'a.b.local',
  'box',
  'x.box',
  'host.docker.internal',
  '127.0.0.1',
  '10.1.2.3',
  '172.31.255.255',
  '192.168.0.9',
  '100.64.3.2',
  '169.254.1.1',
  '::1',
  'fd00::2',
  'fe80::1',
]) {
  test(`the local CA may vouch for ${name}`, () => assert.ok(permits(constraints, name)));
}

for (const name of [
  'example.org',
  'evillan',
  'lan.example.org',
  'boxes',
  '8.8.8.8',
  '172.32.0.1',
  '100.128.0.1',
  '2001:db8::1',
  '::2',
  '::ffff:8.8.8.8',
]) {
  test(`the local CA may not vouch for ${name}`, () => assert.ok(!permits(constraints, name)));
}

test('constraints are read from a certificate as they were written', () => {
  const found = constraintsIn(inCertificate(encodeConstraints(constraints)));

  assert.deepEqual(found, constraints);
});

test('a certificate without constraints, or with damaged ones, has none', () => {
  assert.equal(constraintsIn(Buffer.from('308200010603551d0e', 'hex')), undefined);
  const whole = inCertificate(encodeConstraints(constraints));
  assert.equal(constraintsIn(whole.subarray(0, 60)), undefined);
});
