import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PolicyError } from '../errors.ts';
import { parseProxyConfig } from '../proxy/proxy-config.ts';
import { defaultPolicy, isAddressRule, parsePolicy } from './security-policy.ts';

test('a profile that overrides one part of the policy leaves the others as they are', () => {
  const { policy } = parseProxyConfig({ policy: { requestsPerMinute: 60 } });

  assert.deepEqual(policy, { requestsPerMinute: 60 });
  const below = parsePolicy({ denyIps: ['10.0.0.0/8'] });
  assert.deepEqual(parsePolicy({ ...below, ...policy }).denyIps, ['10.0.0.0/8']);
});

test('a policy that says nothing lets every address in, no page of a browser, and counts nothing', () => {
  assert.deepEqual(parsePolicy({}), defaultPolicy);
  assert.deepEqual(defaultPolicy, {
    allowIps: [],
    denyIps: [],
    trustedProxies: [],
    allowOrigins: [],
    requestsPerMinute: null,
    requestsPerMinutePerKey: null,
    requestsPerMinutePerAddress: null,
  });
});

test('all faults of a policy are reported at once, each with its place', () => {
  assert.throws(
    () =>
      parsePolicy({
        allowIps: ['10.0.0.0/8', '10.0.0.0/33'],
        trustedProxies: ['everybody'],
        allowOrigins: ['https://app.example.org/'],
        requestsPerMinute: 0,
        unknown: 1,
      }),
    (error: unknown) => {
      assert.ok(error instanceof PolicyError);
      assert.equal(error.code, 'POLICY_INVALID');
      const fields = ['allowIps.1', 'trustedProxies.0', 'allowOrigins.0', 'requestsPerMinute', 'unknown'];
      assert.deepEqual(new Set(error.faults.map((f) => f.field)), new Set(fields));
      return true;
    },
  );
});

test('an address rule is a whole address or a range, in a form that nobody reads in another way', () => {
  for (const rule of [
    '10.0.0.1',
    '10.0.0.0/8',
    '0.0.0.0/0',
    '::1',
    'fd00::/8',
    '::/0',
    '::ffff:10.0.0.1/128',
  ])
    assert.equal(isAddressRule(rule), true, rule);
  const bad = [
    '',
    '*',
    '10.0.0',
    '127.1',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/8/8',
  ];
  for (const rule of [
    ...bad,
    '0x0a.0.0.1',
    '10.0.0.0/ 8',
    'fe80::1%eth0',
    '[::1]',
    '10.0.0.1:80',
    'localhost',
    '/8',
    '::ffff:10.0.0.010',
    '::ffff:10.0.0.010/120',
  ])
    assert.equal(isAddressRule(rule), false, rule);
});

test('an origin is written as browsers write it, exactly', () => {
  const good = [
    'https://app.example.org',
    'http://localhost:3000',
    'http://[::1]:8080',
    'https://xn--bcher-kva.example',
  ];
  for (const origin of good) assert.deepEqual(parsePolicy({ allowOrigins: [origin] }).allowOrigins, [origin]);
  const bad = ['*', 'null', 'app.example.org', 'https://app.example.org/', 'https://APP.example.org', ''];
  for (const origin of [...bad, 'https://app.example.org:443', 'https://a@b.example', 'file:///x'])
    assert.throws(() => parsePolicy({ allowOrigins: [origin] }), PolicyError, origin);
});
