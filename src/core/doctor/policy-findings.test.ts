import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ApiKey, noKeyLimits, unrestricted } from '../security/api-key.ts';
import { defaultPolicy } from '../security/security-policy.ts';
import type { ListedKey } from '../security/security-service.ts';
import { isForEverybody, keyFindings, proxyPolicyFindings, trustedProxyFindings } from './policy-findings.ts';

const dayMs = 86_400_000;
const nowMs = Date.UTC(2026, 10, 27);

function listed(label: string, more: Partial<ApiKey> = {}, usedDaysAgo?: number): ListedKey {
  const id = `key_${label}`;
  const record = {
    ...unrestricted,
    id,
    familyId: id,
    label,
    digest: '',
    prefix: '',
    createdAtMs: nowMs - 200 * dayMs,
    ...more,
  };
  const lastUse =
    usedDaysAgo === undefined ? undefined : { atMs: nowMs - usedDaysAgo * dayMs, address: '127.0.0.1' };
  return { record, lastUse };
}

const policy = { requestsPerMinutePerKey: null };
const codes = (found: readonly { readonly code: string; readonly command: string }[]): readonly string[] =>
  found.map(({ code, command }) => `${code}: ${command}`);

test('keys without limits, without an end and without use are named, each kind once', () => {
  const keys = [
    listed('old'),
    listed('my laptop', {}, 1),
    listed('careful', { limits: { ...noKeyLimits, requestsPerMinute: 5 }, expiresAtMs: nowMs + dayMs }, 2),
    listed('revoked', { revokedAtMs: 1 }),
    listed('new', { createdAtMs: nowMs, expiresAtMs: nowMs + dayMs }),
  ];

  const found = keyFindings({ keys, policy, lastUseKnown: true, nowMs });

  assert.deepEqual(codes(found), [
    'KEYS_UNLIMITED: flm key set old --rpm 60',
    'KEYS_WITHOUT_EXPIRY: flm key set old --expires 90d',
    'KEYS_UNUSED: flm key revoke old',
  ]);
  assert.match(found[0]?.message ?? '', /3 \(old, my laptop, new\)/);
  assert.match(found[1]?.message ?? '', /2 \(old, my laptop\)/);
  assert.match(found[2]?.message ?? '', /1 \(old\)/);
});

test('a rate for each key of the policy limits every key, and an unknown use accuses no key', () => {
  const limited = { requestsPerMinutePerKey: 60 };
  const keys = [listed('a b')];

  const found = keyFindings({ keys, policy: limited, lastUseKnown: false, nowMs });

  assert.deepEqual(codes(found), ["KEYS_WITHOUT_EXPIRY: flm key set 'a b' --expires 90d"]);
});

test('a list is for everybody however its ranges are written, and a large private network is not', () => {
  for (const ranges of [['0.0.0.0/0'], ['::/0'], ['0.0.0.0/1', '128.0.0.0/1'], ['0.0.0.0-255.255.255.255']])
    assert.ok(isForEverybody(ranges), ranges.join());
  for (const ranges of [[], ['10.0.0.0/8', '192.168.0.0/16'], ['203.0.113.0/24'], ['fd00::/8']])
    assert.ok(!isForEverybody(ranges), ranges.join());
});

test('only a proxy that others can reach is told to be open, and only if no rule closes it', () => {
  const told = (reach: string, rules: object): number =>
    proxyPolicyFindings({ proxy: 'px_1', profile: 'lab', reach, policy: { ...defaultPolicy, ...rules } })
      .length;

  assert.equal(told('this machine', {}), 0);
  assert.equal(told('this network', {}), 1);
  assert.equal(told('the internet', { allowIps: ['0.0.0.0/0'] }), 1);
  assert.equal(told('the internet', { allowIps: ['192.168.0.0/16'] }), 0);
  assert.equal(told('the internet', { denyIps: ['0.0.0.0/0'] }), 0);
});

test('trusted proxies that include every address are an error', () => {
  const [found] = trustedProxyFindings({ trustedProxies: ['0.0.0.0/0'] });

  assert.equal(found?.severity, 'error');
  assert.deepEqual(trustedProxyFindings({ trustedProxies: ['10.0.0.0/8'] }), []);
});
