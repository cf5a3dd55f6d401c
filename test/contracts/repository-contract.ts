/**
 * Tests that every implementation of the repositories must pass. The test file of an implementation calls them; `open`
 * returns a fresh, empty store and removes it at the end of the test.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { EngineRecord } from '../../src/core/engine/engine.ts';
import { FlmError } from '../../src/core/errors.ts';
import type { Liveness, ProxyProfile } from '../../src/core/proxy/ports.ts';
import type { ApiKey } from '../../src/core/security/api-key.ts';
import { defaultPolicy } from '../../src/core/security/security-policy.ts';
import type { UsageQuery } from '../../src/core/usage/usage-report.ts';
import type { Repositories } from '../../src/store/store.ts';
import {
  sampleDigest,
  sampleHandle,
  sampleKey,
  sampleRedemption,
  sampleShare,
  sampleUsage,
  sometimeMs,
} from '../helpers/store-samples.ts';
import { auditContract } from './audit-contract.ts';
import { configurationContract } from './configuration-contract.ts';

export type OpenRepositories = (t: TestContext, liveness: Liveness) => Promise<Repositories>;

const everybodyLives: Liveness = () => Promise.resolve(true);

const audit = (action: string) => ({ atMs: sometimeMs, actor: 'cli:me', action, subject: 'x' });

const fails = (code: string) => (error: unknown) => error instanceof FlmError && error.code === code;

export function repositoryContract(adapter: string, open: OpenRepositories): void {
  const story = (name: string, tell: (store: Repositories, t: TestContext) => Promise<void>): void => {
    test(`${adapter}: ${name}`, async (t) => tell(await open(t, everybodyLives), t));
  };

  story('an empty store lists nothing and has the default policy', async (store) => {
    assert.deepEqual(await store.security.listKeys(), []);
    assert.deepEqual(await store.security.loadPolicy(), defaultPolicy);
    assert.deepEqual(await store.security.lastUsed(), new Map());
    assert.deepEqual(await store.proxies.listProfiles(), []);
    assert.deepEqual(await store.proxies.listHandles(), []);
    assert.deepEqual(await store.engines.listEngines(), []);
    assert.deepEqual(await store.engines.listAliases(), []);
    assert.deepEqual(await store.shares.listShares(), []);
    assert.deepEqual(await store.audit.list(10), []);
    assert.deepEqual(await store.usage.listUsage('0000-01-01'), []);
    assert.equal(await store.security.findKey('key_a'), undefined);
    assert.equal(await store.proxies.loadProfile('default'), undefined);
  });

  story('a key comes back as it was given, whole and exact', async (store) => {
    const key = sampleKey('a', {
      familyId: 'key_first',
      label: 'Grüße 👩‍💻 "quoted" \\ \u0000 \u2028 عربي',
      scopes: ['inference', 'engine:admin'],
      models: ['llama*', 'qwen'],
      engines: ['ollama'],
      endpoints: ['chat.completions'],
      addresses: ['10.0.0.0/8', '::1'],
      limits: {
        requestsPerMinute: 1,
        burst: 2 ** 31,
        tokensPerMinute: 2 ** 53 - 1,
        tokensPerDay: 0,
        concurrency: null,
      },
      expiresAtMs: Number.MAX_SAFE_INTEGER,
      pausedAtMs: 9,
      owner: 'Ann Lee',
      note: 'two\nlines',
    });
    await store.security.insertKey(key);
    assert.deepEqual(await store.security.findKey(key.id), key);
    assert.deepEqual(await store.security.listKeys(), [key]);
  });

  story('a large value comes back whole', async (store) => {
    const key = sampleKey('a', {
      models: Array.from({ length: 20_000 }, (_, i) => `model-${i}-${'x'.repeat(40)}`),
    });
    await store.security.insertKey(key);
    assert.deepEqual(await store.security.findKey(key.id), key);
  });

  story('keys are listed oldest first', async (store) => {
    await store.security.insertKey(sampleKey('b', { createdAtMs: 2 }));
    await store.security.insertKey(sampleKey('a', { createdAtMs: 3 }));
    await store.security.insertKey(sampleKey('c', { createdAtMs: 1 }));
    const ids = (await store.security.listKeys()).map((key) => key.id);
    assert.deepEqual(ids, ['key_c', 'key_b', 'key_a']);
  });

  story('an id or a secret that exists already is refused and changes nothing', async (store) => {
    const key = sampleKey('a');
    await store.security.insertKey(key);
    await assert.rejects(store.security.insertKey(sampleKey('a', { digest: 'other' })), fails('KEY_INVALID'));
    await assert.rejects(
      store.security.insertKey(sampleKey('b', { digest: key.digest })),
      fails('KEY_INVALID'),
    );
    assert.deepEqual(await store.security.listKeys(), [key]);
  });

  story('several keys are inserted together with their audit entries, or none of them', async (store) => {
    const entry = (subject: string) => ({ atMs: 1, actor: 'cli:me', action: 'key.create', subject });
    await store.security.insertKey(sampleKey('taken'));
    const keys = [sampleKey('a'), sampleKey('b'), sampleKey('c', { label: 'taken' })];
    await assert.rejects(store.security.insertKeys(keys, [entry('a')]), fails('KEY_INVALID'));
    const repeated = [sampleKey('a'), sampleKey('b', { label: 'a' })];
    await assert.rejects(store.security.insertKeys(repeated, [entry('a')]), fails('KEY_INVALID'));
    assert.deepEqual(await store.security.listKeys(), [sampleKey('taken')]);
    assert.deepEqual(await store.audit.list(9), []);
    await store.security.insertKeys(keys.slice(0, 2), [entry('a'), entry('b')]);
    assert.deepEqual((await store.security.listKeys()).map(({ id }) => id).sort(), [
      'key_a',
      'key_b',
      'key_taken',
    ]);
    assert.deepEqual(
      (await store.audit.list(9)).map(({ subject }) => subject),
      ['b', 'a'],
    );
  });

  story('a changed key replaces its row, one that is not there is told', async (store) => {
    await store.security.insertKey(sampleKey('a'));
    await store.security.insertKey(sampleKey('b'));
    const changed = sampleKey('a', { label: 'new', models: ['x'], revokedAtMs: 7 });
    await store.security.updateKey(changed);
    assert.deepEqual(await store.security.findKey('key_a'), changed);
    await assert.rejects(store.security.updateKey(sampleKey('c')), fails('KEY_NOT_FOUND'));
    await assert.rejects(
      store.security.updateKey(sampleKey('b', { digest: changed.digest })),
      fails('KEY_INVALID'),
    );
    assert.deepEqual(await store.security.findKey('key_b'), sampleKey('b'));
  });

  story('a revoked key stays revoked whatever is written after', async (store) => {
    const read = sampleKey('a');
    await store.security.insertKey(read);
    await store.security.updateKey({ ...read, revokedAtMs: 5 });
    // Another program that had read the key before changes its label now.
    await store.security.updateKey({ ...read, label: 'new' });
    await store.security.updateKey({ ...read, label: 'new', revokedAtMs: 9 });
    assert.deepEqual(await store.security.findKey('key_a'), { ...read, label: 'new', revokedAtMs: 5 });
  });

  story('a change comes with its audit entry, and one that is refused without', async (store) => {
    const entry = (action: string) => ({ atMs: 1, actor: 'cli:me', action, subject: 'x' });
    await store.security.insertKey(sampleKey('a'), entry('key.create'));
    await store.security.updateKey(sampleKey('a', { label: 'new' }), entry('key.set'));
    await store.security.replaceKey(sampleKey('a'), sampleKey('b'), entry('key.rotate'));
    await store.security.savePolicy(defaultPolicy, entry('policy.set'));
    const engine: EngineRecord = { id: 'e', url: 'http://h', createdAtMs: 1 };
    await store.engines.saveEngine(engine, entry('engine.add'));
    await store.engines.saveAlias({ name: 'x', target: 'y' }, entry('alias.set'));
    const profile: ProxyProfile = { name: 'p', config: {}, createdAtMs: 1, updatedAtMs: 1 };
    await store.proxies.saveProfile(profile, entry('profile.save'));
    await store.proxies.deleteProfile('p', entry('profile.delete'));
    await store.engines.deleteAlias('x', entry('alias.remove'));
    await store.engines.deleteEngine('e', entry('engine.remove'));
    await store.security.deleteKey('key_a', entry('key.delete'));
    const made = 'key.create key.set key.rotate policy.set engine.add alias.set profile.save profile.delete';
    const all = `${made} alias.remove engine.remove key.delete`.split(' ');
    const actions = async () => (await store.audit.list(99)).map(({ action }) => action).reverse();
    assert.deepEqual(await actions(), all);

    const refused = entry('refused');
    await assert.rejects(store.security.insertKey(sampleKey('b'), refused), fails('KEY_INVALID'));
    await assert.rejects(store.security.updateKey(sampleKey('c'), refused), fails('KEY_NOT_FOUND'));
    await assert.rejects(
      store.security.replaceKey(sampleKey('c'), sampleKey('d'), refused),
      fails('KEY_NOT_FOUND'),
    );
    await store.security.deleteKey('key_c', refused);
    await store.engines.deleteEngine('c', refused);
    await store.engines.deleteAlias('c', refused);
    await store.proxies.deleteProfile('c', refused);
    assert.deepEqual(await actions(), all);
    assert.deepEqual(
      (await store.security.listKeys()).map((key) => key.id),
      ['key_b'],
    );
  });

  story('two active keys of different families never get one label', async (store) => {
    const labelled = (name: string, parts: Partial<ApiKey> = {}) => sampleKey(name, { label: 'x', ...parts });
    const atMs = sometimeMs;
    const { security } = store;
    await security.insertKey(labelled('a'));
    await assert.rejects(security.insertKey(labelled('b')), fails('KEY_INVALID'));
    await security.insertKey(labelled('c', { familyId: 'key_a' }));
    await security.insertKey(sampleKey('d'));
    const rename = (key: ApiKey): ApiKey => ({ ...key, label: 'x' });
    const entry = { atMs, actor: 'cli:me', action: 'key.set', subject: 'key_d' };
    await assert.rejects(
      security.changeFamily('key_d', atMs, rename, () => entry),
      fails('KEY_INVALID'),
    );
    assert.deepEqual([(await security.findKey('key_d'))?.label, await store.audit.list(9)], ['d', []]);
    // One that is revoked or expired has left its label.
    await security.changeFamily('key_a', atMs, (key) => ({ ...key, expiresAtMs: atMs }));
    const [changed] = await security.changeFamily('key_d', atMs, rename, () => entry);
    assert.deepEqual([changed?.label, await store.audit.list(9)], ['x', [entry]]);
    const revive = (key: ApiKey): ApiKey => ({ ...key, expiresAtMs: null });
    await assert.rejects(security.changeFamily('key_a', atMs, revive), fails('KEY_INVALID'));
  });

  story('a change of a family reaches each key that is not revoked, as it is stored now', async (store) => {
    const { security } = store;
    await security.insertKey(sampleKey('a', { createdAtMs: 1 }));
    await security.insertKey(sampleKey('b', { familyId: 'key_a', createdAtMs: 2 }));
    await security.insertKey(sampleKey('c', { familyId: 'key_a', createdAtMs: 3, revokedAtMs: 4 }));
    await security.insertKey(sampleKey('other'));
    const changed = await security.changeFamily('key_a', 5, (key) => ({ ...key, pausedAtMs: 5 }));
    assert.deepEqual(
      changed.map(({ id, pausedAtMs }) => [id, pausedAtMs]),
      [
        ['key_a', 5],
        ['key_b', 5],
      ],
    );
    const paused = (await security.listKeys()).filter(({ pausedAtMs }) => pausedAtMs !== null);
    assert.deepEqual(paused, changed);
    assert.deepEqual(await security.changeFamily('key_x', 5, (key) => key), []);
  });

  story('a key that was revoked meanwhile gets no successor', async (store) => {
    const read = sampleKey('a');
    await store.security.insertKey(read);
    await store.security.updateKey({ ...read, revokedAtMs: 5 });
    await assert.rejects(store.security.replaceKey(read, sampleKey('b')), fails('KEY_INVALID'));
    assert.equal((await store.security.listKeys()).length, 1);
  });

  story('a successor that cannot be stored leaves its predecessor as it was', async (store) => {
    const [old, other] = [sampleKey('a'), sampleKey('b')];
    await store.security.insertKey(old);
    await store.security.insertKey(other);
    const ended = { ...old, revokedAtMs: 5 };
    await assert.rejects(store.security.replaceKey(ended, other), fails('KEY_INVALID'));
    assert.deepEqual(await store.security.listKeys(), [old, other]);
  });

  story('a deleted key is gone, and deleting it again says that there was none', async (store) => {
    await store.security.insertKey(sampleKey('a'));
    assert.equal(await store.security.deleteKey('key_a'), true);
    assert.equal(await store.security.deleteKey('key_a'), false);
    assert.deepEqual(await store.security.listKeys(), []);
    await store.security.insertKey(sampleKey('a'));
    assert.equal((await store.security.listKeys()).length, 1);
  });

  story('the last saved policy is in force', async (store) => {
    await store.security.savePolicy({ ...defaultPolicy, denyIps: ['192.0.2.0/24'] });
    const policy = { ...defaultPolicy, allowIps: ['10.0.0.0/8'], requestsPerMinute: 60 };
    await store.security.savePolicy(policy);
    assert.deepEqual(await store.security.loadPolicy(), policy);
  });

  story('a share comes back as it was given, and its label is taken', async (store) => {
    const share = sampleShare('a', { request: { ...sampleShare('a').request, models: ['llama*'] } });
    await store.shares.insertShare(share, audit('share.create'));
    assert.deepEqual(await store.shares.listShares(), [share]);
    await assert.rejects(
      store.shares.insertShare(sampleShare('b', { request: share.request }), audit('share.create')),
      fails('KEY_INVALID'),
    );
    await store.security.insertKey(sampleKey('taken'));
    await assert.rejects(
      store.shares.insertShare(sampleShare('taken'), audit('share.create')),
      fails('KEY_INVALID'),
    );
    assert.deepEqual(await store.shares.listShares(), [share]);
  });

  story('a share becomes one key, even when two ask at the same moment', async (store) => {
    const share = sampleShare('a');
    await store.shares.insertShare(share, audit('share.create'));
    const results = await Promise.all([
      store.shares.redeemShare(sampleRedemption(share.digest, 'one')),
      store.shares.redeemShare(sampleRedemption(share.digest, 'two')),
    ]);
    assert.deepEqual(results.map(({ outcome }) => outcome).sort(), ['made', 'redeemed']);
    const [key, ...others] = await store.security.listKeys();
    assert.equal(others.length, 0);
    const [stored] = await store.shares.listShares();
    assert.equal(stored?.redemption?.keyId, key?.id);
    assert.equal(stored?.redemption?.address, '192.0.2.7');
    const entries = (await store.audit.list(10)).map(({ action, actor }) => [action, actor]);
    assert.deepEqual(entries.filter(([action]) => action !== 'share.create').sort(), [
      ['key.create', 'share:sh_a'],
      ['share.redeem', 'share:sh_a'],
    ]);
  });

  story('a key of a share has its settings, and a free label if another key took its own', async (store) => {
    const request = { ...sampleShare('a').request, models: ['llama*'], requestsPerMinute: 7 };
    await store.shares.insertShare(sampleShare('a', { request }), audit('share.create'));
    await store.security.insertKey(sampleKey('other', { label: 'a' }));
    await store.shares.redeemShare(sampleRedemption('digest of a', 'one'));
    const made = await store.security.findKey('key_one');
    assert.equal(made?.label, 'a 2');
    assert.deepEqual(made?.models, ['llama*']);
    assert.equal(made?.limits.requestsPerMinute, 7);
    assert.equal(made?.digest, sampleDigest('one'));
  });

  story('a share that is unknown, over or withdrawn makes no key', async (store) => {
    const past = sampleShare('past', { expiresAtMs: sometimeMs + 1 });
    await store.shares.insertShare(past, audit('share.create'));
    await store.shares.insertShare(sampleShare('a'), audit('share.create'));
    assert.equal(await store.shares.revokeShare('sh_a', audit('share.revoke')), true);
    assert.equal(await store.shares.revokeShare('sh_a', audit('share.revoke')), false);
    const outcomes: string[] = [];
    for (const digest of ['nothing', past.digest, 'digest of a'])
      outcomes.push((await store.shares.redeemShare(sampleRedemption(digest, 'one'))).outcome);
    assert.deepEqual(outcomes, ['unknown', 'expired', 'revoked']);
    assert.deepEqual(await store.security.listKeys(), []);
  });

  story('a profile is replaced by name, whole, and listed by name', async (store) => {
    const profile: ProxyProfile = {
      name: 'work',
      config: { port: 1, demo: true },
      createdAtMs: 1,
      updatedAtMs: 1,
    };
    await store.proxies.saveProfile(profile);
    await store.proxies.saveProfile({ ...profile, name: 'default' });
    const changed: ProxyProfile = { ...profile, config: { bind: ['127.0.0.1'] }, updatedAtMs: 2 };
    await store.proxies.saveProfile(changed);
    assert.deepEqual(await store.proxies.loadProfile('work'), changed);
    assert.deepEqual(await store.proxies.listProfiles(), [{ ...profile, name: 'default' }, changed]);
    assert.equal(await store.proxies.deleteProfile('work'), true);
    assert.equal(await store.proxies.deleteProfile('work'), false);
  });

  story('handles are kept by id and deleted only by who knows the nonce', async (store) => {
    const [older, newer] = [sampleHandle('b', { startedAtMs: 1 }), sampleHandle('a', { startedAtMs: 2 })];
    await store.proxies.saveHandle(newer);
    await store.proxies.saveHandle(older);
    await store.proxies.saveHandle({ ...newer, draining: true });
    assert.deepEqual(await store.proxies.listHandles(), [older, { ...newer, draining: true }]);
    await store.proxies.deleteHandle(older.id, 'another nonce');
    assert.equal((await store.proxies.listHandles()).length, 2);
    await store.proxies.deleteHandle(older.id, older.nonce);
    assert.deepEqual(await store.proxies.listHandles(), [{ ...newer, draining: true }]);
  });

  story('a handle says that its proxy is starting until it is saved without that', async (store) => {
    const handle = sampleHandle('a');
    await store.proxies.saveHandle({ ...handle, starting: true });
    assert.deepEqual(await store.proxies.listHandles(), [{ ...handle, starting: true }]);
    await store.proxies.saveHandle(handle);
    assert.deepEqual(await store.proxies.listHandles(), [handle]);
  });

  test(`${adapter}: only living handles are listed as active, and dead ones are forgotten unless they ended without a stop`, async (t) => {
    const store = await open(t, (handle) => Promise.resolve(handle.id === 'px_a'));
    await store.proxies.saveHandle(sampleHandle('a'));
    const killed = sampleHandle('b');
    await store.proxies.saveHandle(killed);
    await store.proxies.saveHandle(sampleHandle('c', { draining: true }));
    await store.proxies.saveHandle(sampleHandle('d', { starting: true }));
    assert.deepEqual(await store.proxies.listActiveHandles(), [sampleHandle('a')]);
    assert.deepEqual(await store.proxies.listHandles(), [sampleHandle('a'), killed]);
  });

  test(`${adapter}: a proxy that took over a dead one's id meanwhile keeps its handle`, async (t) => {
    const successor = sampleHandle('a', { nonce: 'another' });
    const store = await open(t, async (handle) => {
      await store.proxies.saveHandle(successor);
      return handle.nonce === successor.nonce;
    });
    await store.proxies.saveHandle(sampleHandle('a'));
    await store.proxies.listActiveHandles();
    assert.deepEqual(await store.proxies.listHandles(), [successor]);
  });

  story('engines are replaced by id and keep their secrets as they were given', async (store) => {
    const engines: readonly EngineRecord[] = [
      { id: 'a', url: 'https://127.0.0.1:11434', caFile: '/ca.pem', createdAtMs: 1 },
      { id: 'b', url: 'http://h', kind: 'vllm', apiKey: { from: 'env', name: 'KEY' }, createdAtMs: 2 },
      {
        id: 'c',
        url: 'http://h',
        kind: 'ollama',
        apiKey: { from: 'value', value: 's3cret' },
        createdAtMs: 3,
      },
      { id: 'd', url: 'http://h', apiKey: { from: 'file', path: '/k' }, createdAtMs: 4 },
    ];
    for (const engine of engines.toReversed()) await store.engines.saveEngine(engine);
    assert.deepEqual(await store.engines.listEngines(), engines);
    const changed: EngineRecord = { id: 'c', url: 'https://other', createdAtMs: 3 };
    await store.engines.saveEngine(changed);
    assert.deepEqual((await store.engines.listEngines())[2], changed);
    assert.equal(await store.engines.deleteEngine('c'), true);
    assert.equal(await store.engines.deleteEngine('c'), false);
  });

  story('an alias is replaced by name', async (store) => {
    await store.engines.saveAlias({ name: 'gpt-4', target: 'a' });
    await store.engines.saveAlias({ name: 'fast', target: 'c' });
    await store.engines.saveAlias({ name: 'gpt-4', target: 'b' });
    assert.deepEqual(await store.engines.listAliases(), [
      { name: 'fast', target: 'c' },
      { name: 'gpt-4', target: 'b' },
    ]);
    assert.equal(await store.engines.deleteAlias('fast'), true);
    assert.equal(await store.engines.deleteAlias('fast'), false);
  });

  story('the audit is listed newest first, as many as asked for', async (store) => {
    const entry = { atMs: 1, actor: 'cli:me', action: 'key.create', subject: 'key_a' };
    await store.audit.record(entry);
    await store.audit.record({ ...entry, action: 'key.revoke', before: '{"a":1}', after: '{"a":2}' });
    assert.deepEqual(await store.audit.list(10), [
      { ...entry, action: 'key.revoke', before: '{"a":1}', after: '{"a":2}' },
      entry,
    ]);
    assert.equal((await store.audit.list(1)).length, 1);
  });

  story('the audit keeps no secret, even where one is handed to it', async (store) => {
    const secret = `flm_${'k'.repeat(49)}`;
    const after = {
      id: 'c',
      apiKey: { from: 'value', value: 's3cret' },
      note: `use ${secret}`,
      digest: 'd1gest',
    };
    const entry = { atMs: 1, actor: 'cli:me', action: 'engine.add', subject: 'c' };
    await store.audit.record({ ...entry, before: `no JSON ${secret}`, after: JSON.stringify(after) });
    const kept = JSON.stringify(await store.audit.list(1));
    assert.doesNotMatch(kept, /s3cret|kkkk|d1gest/);
    assert.match(kept, /engine\.add/);
  });

  auditContract(story);

  story('usage adds up by day, key and model, estimates marked', async (store) => {
    const nextDayMs = sometimeMs + 86_400_000;
    await store.usage.addUsage([sampleUsage(), sampleUsage({ estimated: true, outputTokens: 10 })]);
    await store.usage.addUsage([
      sampleUsage(),
      sampleUsage({ model: 'qwen' }),
      sampleUsage({ keyId: 'key_0' }),
    ]);
    await store.usage.addUsage([sampleUsage({ atMs: nextDayMs })]);
    const day = '2025-06-15';
    const one = { requests: 1, inputTokens: 3, outputTokens: 4, estimatedRequests: 0 };
    const expected = [
      { day, keyId: 'key_0', familyId: 'key_0', model: 'llama3:8b', ...one },
      {
        day,
        keyId: 'key_a',
        familyId: 'key_a',
        model: 'llama3:8b',
        requests: 3,
        inputTokens: 9,
        outputTokens: 18,
        estimatedRequests: 1,
      },
      { day, keyId: 'key_a', familyId: 'key_a', model: 'qwen', ...one },
      { day: '2025-06-16', keyId: 'key_a', familyId: 'key_a', model: 'llama3:8b', ...one },
    ];
    assert.deepEqual(await store.usage.listUsage(day), expected);
    assert.deepEqual(await store.usage.listUsage('2025-06-16'), expected.slice(3));
  });

  const everything = { fromMs: 0, toMs: Date.UTC(2100, 0), by: [], where: {} } as const;

  story(
    'usage is kept by hour, key, model, engine and ending, with the time to the first byte',
    async (store) => {
      const failed = { answered: false, ending: 'engine-broke', inputTokens: 0, outputTokens: 0 } as const;
      await store.usage.addUsage([
        sampleUsage(),
        sampleUsage({ atMs: sometimeMs + 3_600_000, firstByteMs: 20 }),
        sampleUsage({ ...failed, firstByteMs: null, engine: 'vllm' }),
        sampleUsage({ keyId: 'key_0', model: 'qwen' }),
      ]);
      const slots = async (parts: Partial<UsageQuery>) =>
        (await store.usage.usageSlots({ ...everything, ...parts }))
          .map(({ startMs, group, requests }) => [
            (startMs - sometimeMs) / 3_600_000,
            ...Object.values(group),
            requests,
          ])
          .sort();
      assert.deepEqual(await slots({}), [
        [0, 3],
        [1, 1],
      ]);
      assert.deepEqual(await slots({ by: ['engine', 'ending'], where: { key: ['key_a', 'key_z'] } }), [
        [0, 'ollama', 'done', 1],
        [0, 'vllm', 'engine-broke', 1],
        [1, 'ollama', 'done', 1],
      ]);
      assert.deepEqual(await slots({ by: ['model'], where: { model: ["qwen' OR 1"] } }), []);
      assert.deepEqual(await slots({ fromMs: sometimeMs + 1 }), [[1, 1]]);
      assert.deepEqual(await slots({ toMs: sometimeMs + 3_600_000 }), [[0, 3]]);
      const [total] = await store.usage.usageSlots({
        ...everything,
        where: { key: ['key_a'], ending: ['done'] },
      });
      assert.deepEqual([total?.inputTokens, total?.durationMs, total?.firstByte.indexOf(1)], [3, 900, 2]);
    },
  );

  story(
    'prompt tokens from caches are counted with the prompts whose engine reported its cache',
    async (store) => {
      await store.usage.addUsage([
        sampleUsage({ cachedTokens: 30, promptTokens: 40 }),
        // More hits than tokens, and numbers that are none: an engine may report anything.
        sampleUsage({ cachedTokens: 50, promptTokens: 10 }),
        sampleUsage({ cachedTokens: Number.NaN, promptTokens: 5, atMs: sometimeMs - 40 * 86_400_000 }),
        sampleUsage(),
      ]);
      const counted = async () =>
        (await store.usage.usageSlots(everything))
          .map(({ cachedTokens, cachePromptTokens }) => [cachedTokens, cachePromptTokens])
          .sort();
      const expected = [
        [0, 5],
        [40, 50],
      ];
      assert.deepEqual(await counted(), expected);
      await store.usage.setRetention({ hourlyDays: 2, dailyDays: 100, auditDays: 3 });
      await store.usage.applyRetention(sometimeMs);
      assert.deepEqual(await counted(), expected);
    },
  );

  story(
    'a query names the groups with the most tokens, and adds up the others or all times',
    async (store) => {
      const dayMs = 86_400_000;
      const uses = ['a', 'b', 'c', 'd'].flatMap((key, i) =>
        [0, 1, 40].map((day) =>
          sampleUsage({ keyId: key, inputTokens: 10 ** i, outputTokens: 0, atMs: sometimeMs - day * dayMs }),
        ),
      );
      // The key with the fewest tokens by the hour has the most by the day.
      uses.push(
        sampleUsage({ keyId: 'a', inputTokens: 1e6, outputTokens: 0, atMs: sometimeMs - 40 * dayMs }),
      );
      await store.usage.setRetention({ hourlyDays: 30, dailyDays: 100, auditDays: 3 });
      await store.usage.addUsage(uses);
      await store.usage.applyRetention(sometimeMs);
      const slots = async (parts: Partial<UsageQuery>) =>
        (await store.usage.usageSlots({ ...everything, by: ['key'], ...parts }))
          .map(({ startMs, group, requests, inputTokens }) => [
            (sometimeMs - startMs) / dayMs,
            group === 'other' ? group : (group.key ?? ''),
            requests,
            inputTokens,
          ])
          .sort();
      assert.deepEqual(
        await slots({ maxGroups: 2 }),
        [
          [0, 'd', 1, 1_000],
          [0, 'a', 1, 1],
          [0, 'other', 2, 110],
          [1, 'd', 1, 1_000],
          [1, 'a', 1, 1],
          [1, 'other', 2, 110],
          [40, 'a', 2, 1_000_001],
          [40, 'd', 1, 1_000],
          [40, 'other', 2, 110],
        ].sort(),
      );
      assert.deepEqual(await slots({ maxGroups: 9 }), await slots({}));
      // The first step begins before the range; the second holds the days of 30 days and ends with the range.
      const stepStarts = [-50, -30].map((day) => sometimeMs + day * dayMs);
      const range = { fromMs: sometimeMs - 45 * dayMs, toMs: sometimeMs };
      const steps = (await slots({ ...range, maxGroups: 1, stepStarts })).filter(
        ([, , requests]) => requests,
      );
      assert.deepEqual(
        steps,
        [
          [50, 'a', 2, 1_000_001],
          [50, 'other', 3, 1_110],
          [30, 'a', 1, 1],
          [30, 'other', 3, 1_110],
        ].sort(),
      );
      const unlimited = await slots({
        ...range,
        stepStarts: [sometimeMs - 60 * dayMs],
        where: { key: ['a'] },
      });
      assert.deepEqual(
        unlimited.map(([start, key]) => [start, key]),
        [
          [60, 'a'],
          [60, 'a'],
        ],
      );
      const timeless = await store.usage.usageSlots({ ...everything, by: [], timeless: true, maxGroups: 1 });
      assert.equal(
        timeless.reduce((sum, { requests }) => sum + requests, 0),
        13,
      );
      assert.deepEqual(
        await store.usage.usageSlots({ ...everything, by: [], timeless: true, where: { key: ['nobody'] } }),
        [],
      );
      const byKey = await store.usage.usageSlots({
        ...everything,
        by: ['key'],
        timeless: true,
        maxGroups: 1,
      });
      const sums = new Map<string, number>();
      for (const { group, requests, startMs } of byKey) {
        const name = group === 'other' ? group : (group.key ?? '');
        sums.set(name, (sums.get(name) ?? 0) + requests);
        assert.equal(startMs, 0);
      }
      assert.deepEqual([...sums].sort(), [
        ['a', 4],
        ['other', 9],
      ]);
    },
  );

  story('hours past their retention become days, and old days are deleted', async (store) => {
    const dayMs = 86_400_000;
    await store.usage.setRetention({ hourlyDays: 2, dailyDays: 10, auditDays: 3 });
    const ages = [1, 3, 3.1, 11];
    await store.usage.addUsage(ages.map((age) => sampleUsage({ atMs: sometimeMs - age * dayMs })));
    await store.usage.applyRetention(sometimeMs);
    const kept = async () =>
      (await store.usage.usageSlots({ ...everything, by: ['ending'] }))
        .map(({ startMs, group, requests, firstByte }) => [
          (sometimeMs - startMs) / dayMs,
          group !== 'other' && group.ending,
          requests,
          firstByte[2],
        ])
        .sort();
    const expected = [
      [1, 'done', 1, 1],
      // At noon UTC, as the sample.
      [3, 'done', 2, 2],
    ];
    assert.deepEqual(await kept(), expected);
    await store.usage.applyRetention(sometimeMs);
    assert.deepEqual(await kept(), expected);
    assert.equal((await store.usage.listUsage('0000-01-01')).length, 2);
    assert.deepEqual(await store.usage.retention(), { hourlyDays: 2, dailyDays: 10, auditDays: 3 });
  });

  story('usage survives numbers that an engine should not send', async (store) => {
    const huge = sampleUsage({ inputTokens: Number.MAX_SAFE_INTEGER, outputTokens: Number.NaN });
    await store.usage.addUsage([huge, huge, sampleUsage({ inputTokens: -5, outputTokens: 1.5 })]);
    const [row] = await store.usage.listUsage('2025-06-15');
    assert.equal(row?.inputTokens, Number.MAX_SAFE_INTEGER);
    assert.equal(row?.outputTokens, 1);
  });

  story('a key was last used when and where it was used latest', async (store) => {
    await store.usage.addUsage([sampleUsage({ atMs: 20, address: '::1' }), sampleUsage({ atMs: 10 })]);
    assert.deepEqual(await store.security.lastUsed(), new Map([['key_a', { atMs: 20, address: '::1' }]]));
  });

  configurationContract(story);
}
