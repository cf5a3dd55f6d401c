import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from './address-rules.ts';
import { type ApiKey, noKeyLimits } from './api-key.ts';
import { compileKey } from './key-view.ts';
import { checkPolicy, type PolicyQuestion } from './policy-check.ts';
import { parsePolicy } from './security-policy.ts';
import { compilePolicy } from './snapshot.ts';

const key = (parts: Partial<ApiKey> = {}) =>
  compileKey({
    id: 'key_1',
    familyId: 'key_1',
    label: 'k',
    digest: 'k',
    prefix: 'k',
    scopes: ['inference'],
    models: ['qwen*'],
    engines: [],
    endpoints: [],
    addresses: ['192.168.0.0/16'],
    limits: noKeyLimits,
    createdAtMs: 0,
    expiresAtMs: null,
    revokedAtMs: null,
    pausedAtMs: null,
    ...parts,
  });

function ask(parts: Partial<PolicyQuestion> = {}, policy: object = {}, from = '192.168.1.7') {
  const client = parseAddress(from);
  assert.ok(client !== undefined);
  return checkPolicy({
    policy: compilePolicy(parsePolicy(policy)),
    client,
    key: key(),
    origin: undefined,
    route: 'chat.completions',
    scope: 'inference',
    model: 'qwen3',
    nowMs: 1_000,
    ...parts,
  });
}

const deciding = (answer: ReturnType<typeof ask>) => {
  const last = answer.steps.at(-1);
  return [answer.allowed, answer.status, last?.step, last?.denial?.rule];
};

test('a request that every rule lets pass is allowed, and all steps were asked', () => {
  const answer = ask();
  assert.ok(answer.allowed);
  assert.deepEqual(
    answer.steps.map((s) => s.step),
    ['auth', 'address', 'origin', 'route', 'model'],
  );
});

test('the first rule that refuses decides, in the order of the line', () => {
  const closed = { denyIps: ['192.168.1.7'] };
  assert.deepEqual(deciding(ask({ key: undefined }, closed)), [false, 403, 'address', 'denyIps']);
  assert.deepEqual(deciding(ask({ key: key({ revokedAtMs: 1 }) }, closed)), [
    false,
    401,
    'auth',
    'key key_1',
  ]);
  assert.deepEqual(deciding(ask({ key: key({ expiresAtMs: 1_000 }) })), [false, 401, 'auth', 'key key_1']);
  assert.deepEqual(deciding(ask({ origin: 'https://a.b' }, closed)), [false, 403, 'address', 'denyIps']);
  const own = [false, 403, 'address', 'the addresses of key key_1'];
  assert.deepEqual(deciding(ask({}, {}, '10.0.0.1')), own);
  assert.deepEqual(deciding(ask({ origin: 'https://a.b' })), [false, 403, 'origin', 'allowOrigins']);
  const scope = [false, 403, 'route', 'route metrics needs scope metrics'];
  assert.deepEqual(deciding(ask({ route: 'metrics', scope: 'metrics', model: 'x' })), scope);
  assert.deepEqual(deciding(ask({ model: 'llama' })), [false, 404, 'model', 'the models of key key_1']);
});

test('routes that flm answers itself are for every key, or for keys with their scope', () => {
  const own = { model: undefined, key: key({ scopes: ['metrics'], endpoints: ['embeddings'] }) };
  for (const route of ['root', 'me', 'files', 'health', 'ready'] as const)
    assert.equal(ask({ ...own, route }).allowed, true, route);
  assert.equal(ask({ ...own, route: 'metrics', scope: 'metrics' }).allowed, true);
  assert.deepEqual(deciding(ask({ ...own, route: 'admin', scope: 'admin:read' })), [
    false,
    404,
    'route',
    'route admin needs scope admin:read',
  ]);
  const admin = key({ scopes: ['admin'] });
  assert.equal(ask({ model: undefined, key: admin, route: 'admin', scope: 'admin:read' }).allowed, true);
});
