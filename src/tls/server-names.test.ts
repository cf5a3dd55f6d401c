import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CertificateError } from '../core/errors.ts';
import { privateNames, privateRanges } from './name-constraints.ts';
import { hostNamesOf, serverNames } from './server-names.ts';

const constraints = { names: [...privateNames, 'box', 'box.example.org'], ranges: privateRanges };
const box = { hostname: 'Box', fullName: 'box.example.org', addresses: ['192.168.1.7', '2001:db8::7'] };

test('a certificate holds the names of the machine, loopback, and addresses that the CA may vouch for', () => {
  const { names, leftOut } = serverNames(box, ['llm.lan', '10.0.0.9'], constraints);

  assert.deepEqual(names, [
    'localhost',
    'host.docker.internal',
    'box',
    'box.example.org',
    'box.local',
    '127.0.0.1',
    '::1',
    'llm.lan',
    '10.0.0.9',
    '192.168.1.7',
  ]);
  assert.deepEqual(leftOut, ['2001:db8::7']);
});

test('a name that was asked for and lies outside is refused, with the command that permits it', () => {
  assert.throws(
    () => serverNames(box, ['llm.example.com'], constraints),
    (error) =>
      error instanceof CertificateError &&
      error.code === 'CERT_NAME_NOT_PERMITTED' &&
      error.hint.includes('flm cert authority renew --permit llm.example.com'),
  );
});

test('a machine that was renamed since the CA was made is refused in the same way', () => {
  assert.throws(() => serverNames({ ...box, hostname: 'newname' }, [], constraints), {
    code: 'CERT_NAME_NOT_PERMITTED',
  });
});

test('what is no name is refused', () => {
  assert.throws(() => serverNames(box, ['under_score.lan'], constraints), { code: 'CERT_NAME_INVALID' });
});

test('host names that no certificate can hold are left aside', () => {
  assert.deepEqual(hostNamesOf({ hostname: 'my_pc', fullName: undefined, addresses: [] }), []);
  assert.deepEqual(hostNamesOf({ hostname: '10.0.0.1', fullName: undefined, addresses: [] }), []);
  assert.deepEqual(hostNamesOf({ hostname: 'Box.lan.', fullName: undefined, addresses: [] }), [
    'box.lan',
    'box',
  ]);
});
