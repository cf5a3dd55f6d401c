import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EnforcedKey, noKeyLimits } from './api-key.ts';
import { lockOut } from './lock-out.ts';
import { parsePolicy } from './security-policy.ts';

const here = ['127.0.0.1', '::1'];
const keyFrom = (...addresses: readonly string[]): EnforcedKey => ({
  id: 'k',
  familyId: 'k',
  label: 'k',
  digest: 'k',
  scopes: ['inference'],
  models: [],
  engines: [],
  endpoints: [],
  addresses,
  limits: noKeyLimits,
  expiresAtMs: null,
  revokedAtMs: null,
  pausedAtMs: null,
});
const ask = (policy: object, keys: readonly EnforcedKey[] = []) =>
  lockOut(parsePolicy(policy), keys, here, 1_000);

test('a policy that admits the administrator locks no key out', () => {
  assert.equal(ask({}), undefined);
  assert.equal(ask({ denyIps: ['10.0.0.0/8'] }, [keyFrom()]), undefined);
  assert.equal(ask({ allowIps: ['127.0.0.1', '::1', '192.168.0.0/16'] }), undefined);
});

test("a policy that blocks the administrator's own address is reported", () => {
  assert.match(ask({ denyIps: ['127.0.0.0/8'] }) ?? '', /127\.0\.0\.1 \(denyIps\)/);
  assert.match(ask({ allowIps: ['127.0.0.1'] }) ?? '', /::1 \(allowIps\)/);
});

test('a policy that no key can pass is reported, but only if every key is bound to addresses', () => {
  const policy = { allowIps: [...here, '192.168.0.0/16'] };
  assert.match(ask(policy, [keyFrom('10.0.0.0/8'), keyFrom('172.16.0.1-172.16.0.9')]) ?? '', /every key/);
  assert.equal(ask(policy, [keyFrom('10.0.0.0/8'), keyFrom('192.168.1.7')]), undefined);
  assert.equal(ask(policy, [keyFrom('10.0.0.0/8'), keyFrom()]), undefined);
  assert.equal(ask(policy, []), undefined);
  const ended = { ...keyFrom(), revokedAtMs: 5 };
  assert.match(ask(policy, [keyFrom('10.0.0.0/8'), ended]) ?? '', /every key/);
});

test('a policy that no key with the scope admin can pass is reported, although other keys can', () => {
  const policy = { allowIps: [...here, '192.168.0.0/16'] };
  const admin = { ...keyFrom('10.0.0.0/8'), scopes: ['inference', 'admin:read'] as const };
  assert.match(ask(policy, [keyFrom(), admin]) ?? '', /every key with the scope admin/);
  assert.equal(ask(policy, [keyFrom(), admin, { ...keyFrom(), scopes: ['admin'] }]), undefined);
  assert.equal(ask(policy, [keyFrom(), { ...admin, revokedAtMs: 5 }]), undefined);
});
