import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseProxyConfig } from '../proxy/proxy-config.ts';
import { defaultPolicy, parsePolicy } from './security-policy.ts';

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
