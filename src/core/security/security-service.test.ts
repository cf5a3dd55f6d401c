import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { openedStore, temporaryHome } from '../../../test/helpers/temporary-store.ts';
import { PolicyError, StoreError } from '../errors.ts';
import type { LiveRevocation } from '../proxy/ports.ts';
import type { ApiKey } from './api-key.ts';
import { looksLikeKey, type SecretTools } from './key-secret.ts';
import type { LiveRevocations } from './live-revocations.ts';
import { SecurityService } from './security-service.ts';

const secrets: SecretTools = {
  randomBytes: (count) => randomBytes(count),
  sha256Hex: (text) => hash('sha256', text, 'hex'),
  crc32: (text) => crc32(text),
};

function setUp(
  t: TestContext,
  announce = async (): Promise<readonly string[]> => [],
  revokeLive: (keyId: string) => Promise<LiveRevocations> = async () => new Map(),
) {
  const store = openedStore(t, temporaryHome(t));
  let nowMs = 1_000_000;
  let announced = 0;
  const service = new SecurityService({
    repository: store.security,
    clock: { nowMs: () => nowMs },
    secrets,
    ownAddresses: ['127.0.0.1'],
    revokeLive,
    actor: 'cli:test',
    announce: async () => {
      announced += 1;
      return announce();
    },
  });
  return {
    store,
    service,
    pass: (ms: number) => {
      nowMs += ms;
    },
    announced: () => announced,
  };
}

const codeOf = (code: string) => (error: unknown) => error instanceof PolicyError && error.code === code;

test('a new key has the documented form and is kept as a digest alone', async (t) => {
  const { service, store } = setUp(t);
  const { key, record } = await service.createKey({ label: 'laptop' });
  assert.match(key, /^flm_[0-9A-Za-z]{49}$/);
  assert.ok(looksLikeKey(key, secrets));
  assert.match(record.id, /^key_[0-9A-Za-z]{12}$/);
  assert.equal(record.digest, hash('sha256', key, 'hex'));
  assert.deepEqual(record.scopes, ['inference']);
  assert.ok(!JSON.stringify(await store.security.listKeys()).includes(key));
});

test('a typo in a key is seen without a database', async (t) => {
  const { service } = setUp(t);
  const { key } = await service.createKey({ label: 'laptop' });
  const other = key[10] === 'a' ? 'b' : 'a';
  assert.ok(!looksLikeKey(`${key.slice(0, 10)}${other}${key.slice(11)}`, secrets));
  assert.ok(!looksLikeKey(key.slice(0, -1), secrets));
});

test('all faults of a key request are reported at once and no key is created', async (t) => {
  const { service, announced } = setUp(t);
  const request = { label: ' ', addresses: ['10.0.0.0/33'], burst: 3, scopes: ['root' as 'inference'] };
  await assert.rejects(service.createKey(request), (error: unknown) => {
    assert.ok(error instanceof PolicyError && error.code === 'KEY_INVALID');
    assert.deepEqual(error.faults.map((f) => f.field).sort(), ['addresses.0', 'label', 'scopes.0']);
    return true;
  });
  await assert.rejects(service.createKey({ label: 'x', burst: 3 }), codeOf('KEY_INVALID'));
  await assert.rejects(service.createKey({ label: 'x', expiresAtMs: 5 }), codeOf('KEY_INVALID'));
  await assert.rejects(service.createKey({ label: 'a\u001b[31mb' }), codeOf('KEY_INVALID'));
  assert.deepEqual(await service.records(), []);
  assert.equal(announced(), 0);
});

test('a secret from elsewhere becomes a key of the same rules, unless it could be guessed or is taken', async (t) => {
  const { service, store } = setUp(t);
  const secret = randomBytes(24).toString('hex');
  const { record } = await service.importKey({ label: 'old', requestsPerMinute: 5 }, secret);
  assert.equal(record.digest, hash('sha256', secret, 'hex'));
  assert.deepEqual([record.prefix, record.limits.requestsPerMinute], [secret.slice(0, 4), 5]);
  assert.ok(!JSON.stringify(await store.audit.list(9)).includes(secret));
  await assert.rejects(service.importKey({ label: 'weak' }, 'sk-1234'), (error: unknown) => {
    assert.ok(error instanceof PolicyError && !error.message.includes('sk-1234'));
    return codeOf('KEY_INVALID')(error);
  });
  assert.equal((await service.records()).length, 1);
});

test('a key is found by its id and by its label, and a label is free again when its key ends', async (t) => {
  const { service, pass } = setUp(t);
  const { record } = await service.createKey({ label: 'laptop', expiresAtMs: 1_000_500 });
  assert.equal((await service.findKey(record.id)).id, record.id);
  assert.equal((await service.findKey('laptop')).id, record.id);
  await assert.rejects(service.findKey('phone'), codeOf('KEY_NOT_FOUND'));
  await assert.rejects(service.findKey('latpop'), /There is no key latpop; similar names: laptop\.$/);
  const taken = (error: unknown) =>
    codeOf('KEY_INVALID')(error) && error instanceof PolicyError && error.message.includes(record.id);
  await assert.rejects(service.createKey({ label: 'laptop' }), taken);
  await assert.rejects(service.importKey({ label: 'laptop' }, randomBytes(24).toString('hex')), taken);
  assert.equal(await service.freeLabel('laptop'), 'laptop 2');
  pass(1_000);
  assert.equal(await service.freeLabel('laptop'), 'laptop');
  const { record: next } = await service.createKey({ label: 'laptop' });
  assert.equal((await service.findKey('laptop')).id, next.id, 'the one that is active');
  await assert.rejects(service.setKey(record.id, { expiresAtMs: 9_000_000 }), codeOf('KEY_INVALID'));
  await assert.rejects(service.rotateKey(record.id, 0), codeOf('KEY_INVALID'));
  await service.revokeKey(next.id);
  await service.setKey(record.id, { expiresAtMs: 9_000_000 });
  assert.equal((await service.findKey('laptop')).id, record.id);
});

test('after a rotation the label means the new key, also while the old one still works', async (t) => {
  const { service } = setUp(t);
  const { record: first } = await service.createKey({ label: 'ci' });
  const { record: second } = await service.rotateKey('ci', 5_000);
  assert.equal((await service.findKey('ci')).id, second.id);
  const { record: third } = await service.rotateKey('ci', 0);
  assert.equal((await service.findKey('ci')).id, third.id);
  await service.revokeKey('ci');
  await service.revokeKey(first.id);
  assert.equal((await service.findKey('ci')).id, third.id, 'the newest of those that ended');
});

test('a label that several keys have from older versions lists them with their ids', async (t) => {
  const { service, store } = setUp(t);
  const { record: a } = await service.createKey({ label: 'a' });
  const { record: b } = await service.createKey({ label: 'b' });
  // As 0.1.0 allowed.
  await store.security.updateKey({ ...b, label: 'a' });
  await assert.rejects(service.revokeKey('a'), (error: unknown) => {
    assert.ok(error instanceof PolicyError);
    assert.ok(error.message.includes(a.id) && error.message.includes(b.id), error.message);
    return codeOf('KEY_AMBIGUOUS')(error);
  });
  // They stay, and can be rotated, paused and renamed.
  await service.rotateKey(a.id, 0);
  await service.pauseKey(b.id);
  await service.setKey(b.id, { label: 'b' });
  assert.equal((await service.findKey('a')).familyId, a.id);
});

test('a change of a key holds for all its secrets, its expiry for the one alone', async (t) => {
  const { service, store, announced } = setUp(t);
  const asked = { label: 'ci', models: ['qwen*'], requestsPerMinute: 60, burst: 5 };
  const { record: old } = await service.createKey(asked);
  const { record: next } = await service.rotateKey('ci', 5_000);
  const told = announced();
  const changes = { label: 'build', requestsPerMinute: 120, models: [], expiresAtMs: 2_000_000 };
  const changed = await service.setKey('ci', changes);
  assert.equal(announced(), told + 1);
  assert.deepEqual(changed, {
    ...next,
    label: 'build',
    models: [],
    limits: { ...next.limits, requestsPerMinute: 120 },
    expiresAtMs: 2_000_000,
  });
  const { expiresAtMs: _, ...rules } = await service.findKey(old.id);
  assert.deepEqual([rules.label, rules.models, rules.limits.requestsPerMinute], ['build', [], 120]);
  assert.equal((await service.findKey(old.id)).expiresAtMs, 1_005_000);
  const [entry] = await store.audit.list(1);
  assert.deepEqual([entry?.action, entry?.subject], ['key.set', next.id]);
  assert.match(entry?.before ?? '', /"label":"ci"/);

  await assert.rejects(service.setKey('build', { requestsPerMinute: null }), codeOf('KEY_INVALID'));
  await assert.rejects(service.setKey('build', { label: '', concurrency: 0 }), (error: unknown) => {
    assert.ok(error instanceof PolicyError);
    assert.deepEqual(error.faults.map((f) => f.field).sort(), ['concurrency', 'label']);
    return true;
  });
  assert.equal((await service.setKey('build', { expiresAtMs: null })).expiresAtMs, null);
  await service.revokeKey('build');
  await assert.rejects(service.setKey(next.id, { label: 'x' }), codeOf('KEY_INVALID'));
});

test('a pause holds for all secrets of a key, and for its successor', async (t) => {
  const { service, pass } = setUp(t);
  const { record: first } = await service.createKey({ label: 'ci' });
  const { record: second } = await service.rotateKey('ci', 5_000);
  await service.pauseKey('ci');
  pass(100);
  await service.pauseKey('ci');
  const { record: third } = await service.rotateKey('ci', 5_000);
  const pausedAt = async () =>
    (await service.records()).map(({ id, pausedAtMs }) => [id, pausedAtMs] as const);
  assert.deepEqual(
    await pausedAt(),
    [first, second, third].map(({ id }) => [id, 1_000_000]),
  );
  await service.resumeKey(first.id);
  assert.ok((await pausedAt()).every(([, at]) => at === null));
  await service.revokeKey('ci');
  await assert.rejects(service.resumeKey(third.id), codeOf('KEY_INVALID'));
});

test('a secret that is imported again is a success and changes nothing, unless it was revoked', async (t) => {
  const { service, announced } = setUp(t);
  const secret = randomBytes(24).toString('hex');
  const { record } = await service.importKey({ label: 'old', requestsPerMinute: 5 }, secret);
  const told = announced();
  assert.deepEqual(await service.importKey({ label: 'old' }, secret), { record, isNew: false });
  assert.deepEqual(await service.importKey({ label: 'another' }, secret), { record, isNew: false });
  assert.deepEqual([(await service.records()).length, announced()], [1, told]);
  await service.revokeKey('old');
  await assert.rejects(service.importKey({ label: 'old' }, secret), codeOf('KEY_INVALID'));
});

test('a revoked key stays revoked, and revoking it again changes nothing', async (t) => {
  const { service, announced, pass } = setUp(t);
  const { record } = await service.createKey({ label: 'laptop' });
  const first = await service.revokeKey(record.id);
  const told = announced();
  pass(1_000);
  assert.deepEqual((await service.revokeKey(record.id)).record, first.record);
  assert.equal(announced(), told);
  await assert.rejects(service.rotateKey(record.id, 0), codeOf('KEY_INVALID'));
});

test('a rotated key has the same rules, and the old one ends after the overlap', async (t) => {
  const { service } = setUp(t);
  const { record } = await service.createKey({ label: 'ci', models: ['qwen*'], requestsPerMinute: 60 });
  const next = await service.rotateKey('ci', 5_000);
  assert.deepEqual(next.record.models, ['qwen*']);
  assert.deepEqual(next.record.limits, record.limits);
  assert.notEqual(next.record.digest, record.digest);
  const old = await service.findKey(record.id);
  assert.deepEqual([old.expiresAtMs, old.revokedAtMs], [1_005_000, null]);
  const last = await service.rotateKey(next.record.id, 0);
  assert.equal((await service.findKey(next.record.id)).revokedAtMs, 1_000_000);
  assert.equal(last.record.expiresAtMs, null);
});

test('rotation keeps the family of a key, however often', async (t) => {
  const { service } = setUp(t);
  const { record: first } = await service.createKey({ label: 'ci' });
  assert.equal(first.familyId, first.id);
  const { record: second } = await service.rotateKey('ci', 5_000);
  const { record: third } = await service.rotateKey(second.id, 0);
  assert.deepEqual([second.familyId, third.familyId], [first.id, first.id]);
});

test('the overlap of a rotation never makes an expiring key live longer', async (t) => {
  const { service } = setUp(t);
  const { record } = await service.createKey({ label: 'ci', expiresAtMs: 1_000_500 });
  await service.rotateKey(record.id, 60_000);
  assert.equal((await service.findKey(record.id)).expiresAtMs, 1_000_500);
});

test('each change is in the audit, without secret and digest, and is announced', async (t) => {
  const { service, store, announced } = setUp(t);
  const { record, key } = await service.createKey({ label: 'laptop' });
  await service.revokeKey(record.id);
  await service.deleteKey(record.id);
  await service.setPolicy({ denyIps: ['10.0.0.0/8'] });
  const entries = await store.audit.list(10);
  assert.deepEqual(entries.map((e) => `${e.actor} ${e.action}`).reverse(), [
    'cli:test key.create',
    'cli:test key.revoke',
    'cli:test key.delete',
    'cli:test policy.set',
  ]);
  const text = JSON.stringify(entries);
  assert.ok(!text.includes(key) && !text.includes(record.digest));
  assert.equal(announced(), 4);
});

test('a change that is written succeeds, whatever keeps it from being announced', async (t) => {
  const { service, store } = setUp(t, () => Promise.reject(new Error('the database is gone')));
  const { record } = await service.createKey({ label: 'laptop' });
  const { record: next, key } = await service.rotateKey('laptop', 0);
  assert.ok(looksLikeKey(key, secrets));
  await service.revokeKey(next.id);
  await service.deleteKey(record.id);
  await service.setPolicy({ denyIps: ['10.0.0.0/8'] });
  assert.equal((await store.audit.list(9)).length, 5);
});

test('where the store cannot be written, running proxies revoke a key, and who cannot be reached is named', async (t) => {
  const { store, service } = setUp(t, undefined, async () => live);
  const live = new Map<string, LiveRevocation | 'unreached'>();
  const { record } = await service.createKey({ label: 'laptop' });
  store.security.updateKey = () =>
    Promise.reject(new StoreError('STORE_FULL', { params: { file: 'flm.db' } }));
  const isFull = (error: unknown) => error instanceof StoreError && error.code === 'STORE_FULL';
  await assert.rejects(service.revokeKey('laptop'), isFull);
  live.set('px_b', 'unreached');
  await assert.rejects(service.revokeKey('laptop'), isFull);
  live.set('px_a', { written: false, problem: 'full' });
  const { unwritten, unreached } = await service.revokeKey(record.id);
  assert.deepEqual([unwritten?.inMemoryOf, unwritten?.problem.code], [['px_a'], 'STORE_FULL']);
  assert.deepEqual(unreached, ['px_b']);
  live.set('px_c', { written: true });
  assert.equal((await service.revokeKey('laptop')).unwritten, undefined);
});

test('where the store cannot be read, running proxies revoke the key that they know by that name', async (t) => {
  const live = new Map<string, LiveRevocation | 'unreached'>();
  const asked: string[] = [];
  const { store, service } = setUp(t, undefined, async (name) => {
    asked.push(name);
    return live;
  });
  const away = new StoreError('STORE_UNUSABLE', { params: { file: 'the database', reason: 'it is away' } });
  store.security.findKey = () => Promise.reject(away);
  await assert.rejects(service.revokeKey('laptop'), away, 'no proxy runs');
  live.set('px_a', 'unreached');
  await assert.rejects(service.revokeKey('laptop'), away, 'no proxy knows the key');
  const key = { id: 'key_1', label: 'laptop' };
  live.set('px_b', { written: false, problem: 'it is away', key });
  assert.deepEqual(await service.revokeKey('laptop'), {
    record: undefined,
    key,
    unwritten: { problem: away, inMemoryOf: ['px_b'] },
    unreached: ['px_a'],
    stillActive: [],
  });
  assert.deepEqual(new Set(asked), new Set(['laptop']));
  live.set('px_c', { written: true, key });
  assert.equal((await service.revokeKey('laptop')).unwritten, undefined, 'another proxy could write it');
  live.set('px_d', { written: false, candidates: ['key_1', 'key_2'] });
  await assert.rejects(
    service.revokeKey('laptop'),
    (error) =>
      error instanceof PolicyError && error.code === 'KEY_AMBIGUOUS' && /key_1, key_2/.test(error.message),
  );
});

test('a proxy that does not take over a revocation that is stored is named, unless it has it in memory', async (t) => {
  const live = new Map<string, LiveRevocation | 'unreached'>();
  const { service } = setUp(
    t,
    async () => ['px_old', 'px_blind', 'px_gone'],
    async () => live,
  );
  await service.createKey({ label: 'laptop' });
  live.set('px_old', 'unreached').set('px_blind', { written: false, problem: 'cannot be read' });
  const { unreached, unwritten } = await service.revokeKey('laptop');
  assert.deepEqual([unreached, unwritten], [['px_old'], undefined]);
});

test('a revocation and a deletion name the secrets of the same key that still work', async (t) => {
  const { service, pass } = setUp(t);
  const { record: first } = await service.createKey({ label: 'laptop' });
  const { record: second } = await service.rotateKey('laptop', 60_000);
  const idsOf = ({ stillActive }: { stillActive: readonly ApiKey[] }) => stillActive.map(({ id }) => id);
  assert.deepEqual(idsOf(await service.revokeKey('laptop')), [first.id]);
  assert.deepEqual(idsOf(await service.deleteKey(second.id)), [first.id]);
  await service.rotateKey('laptop', 60_000);
  pass(60_001);
  assert.deepEqual(idsOf(await service.revokeKey('laptop')), []);
});

test('a usage file that cannot be read hides when keys were used, and nothing else', async (t) => {
  const { service, store } = setUp(t);
  store.security.lastUsed = () =>
    Promise.reject(new StoreError('STORE_CORRUPT', { params: { file: 'usage.db' } }));
  const { record } = await service.createKey({ label: 'laptop' });
  const { keys, lastUseProblem } = await service.listKeys();
  assert.deepEqual(
    [keys[0]?.record, keys[0]?.lastUse, lastUseProblem?.code],
    [record, undefined, 'STORE_CORRUPT'],
  );
  await service.rotateKey('laptop', 0);
  await service.revokeKey((await service.rotateKey((await service.records())[1]?.id ?? '', 0)).record.id);
  await service.deleteKey(record.id);
  assert.equal((await service.records()).length, 2);
});

test('a policy that locks the administrator out needs a confirmation', async (t) => {
  const { service } = setUp(t);
  const policy = { denyIps: ['127.0.0.0/8'] };
  await assert.rejects(service.setPolicy(policy), codeOf('POLICY_NEEDS_CONFIRMATION'));
  assert.deepEqual((await service.policy()).denyIps, []);
  await service.setPolicy(policy, true);
  assert.deepEqual((await service.policy()).denyIps, policy.denyIps);
});

test('a policy with a fault changes nothing', async (t) => {
  const { service } = setUp(t);
  await service.setPolicy({ denyIps: ['10.0.0.0/8'] });
  await assert.rejects(
    service.setPolicy({ denyIps: ['10.0.0.0/8', 'nonsense'], more: 1 }),
    (error: unknown) => {
      assert.ok(error instanceof PolicyError && error.code === 'POLICY_INVALID');
      assert.deepEqual(error.faults.map((f) => f.field).sort(), ['denyIps.1', 'more']);
      return true;
    },
  );
  assert.deepEqual((await service.policy()).denyIps, ['10.0.0.0/8']);
});

test('the first admin key is made once, from a secret, and never again after it was revoked', async (t) => {
  const { service, store } = setUp(t);
  const secret = randomBytes(32).toString('hex');
  await service.createKey({ label: 'admin' });
  const nodes = await Promise.all([1, 2, 3].map(() => service.ensureAdminKey(secret)));
  const made = nodes.flatMap((node) => node.made ?? []);
  assert.equal(made.length, 1);
  assert.deepEqual([made[0]?.label, made[0]?.scopes], ['admin 2', ['admin']]);
  assert.equal(made[0]?.digest, hash('sha256', secret, 'hex'));

  assert.deepEqual(await service.ensureAdminKey(randomBytes(32).toString('hex')), {}, 'an admin key exists');
  await service.pauseKey('admin 2');
  assert.deepEqual(await service.ensureAdminKey(secret), {}, 'a pause is not undone');
  await service.revokeKey('admin 2');
  const again = await service.ensureAdminKey(secret);
  assert.deepEqual([again.made, again.revoked?.id], [undefined, made[0]?.id]);
  assert.equal((await store.security.listKeys()).length, 2);
  await assert.rejects(service.ensureAdminKey('password'), codeOf('KEY_INVALID'));
});
