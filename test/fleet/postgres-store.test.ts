/** The PostgreSQL adapter keeps the guarantees of the ports, and what is its own: secrets, revisions, deletions. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Liveness } from '../../src/core/proxy/ports.ts';
import { defaultPolicy } from '../../src/core/security/security-policy.ts';
import { revokeKey } from '../../src/store/postgres/security-repository.ts';
import { createStoreKey, type StoreKey } from '../../src/store/postgres/store-key.ts';
import { repositoryContract } from '../contracts/repository-contract.ts';
import { noPostgres, postgresForFile } from '../helpers/postgres-server.ts';
import { testPostgresStore } from '../helpers/postgres-store.ts';
import {
  emptyChange,
  sampleHandle,
  sampleKey,
  sampleRedemption,
  sampleShare,
} from '../helpers/store-samples.ts';
import { failsAs, temporaryHome } from '../helpers/temporary-store.ts';

const postgres = postgresForFile();
const skip = noPostgres;

async function open(t: TestContext, url?: string, more: { liveness?: Liveness; key?: StoreKey } = {}) {
  return testPostgresStore(t, url ?? (await postgres.database(t)), more);
}

if (skip === false) repositoryContract('postgres', (t, liveness) => open(t, undefined, { liveness }));

const audit = { atMs: 1, actor: 'cli:me', action: 'engine.add', subject: 'e' };

test('the secret of an engine is nowhere in the database', { skip }, async (t) => {
  const url = await postgres.database(t);
  const store = await open(t, url);
  const engine = {
    id: 'e',
    url: 'http://h',
    apiKey: { from: 'value', value: 's3cret' },
    createdAtMs: 1,
  } as const;
  await store.engines.saveEngine(engine, { ...audit, after: JSON.stringify(engine) });
  assert.deepEqual(await store.engines.listEngines(), [engine]);
  const rows = await postgres.query(url, 'SELECT e.* FROM flm.engine e');
  const entries = await postgres.query(url, 'SELECT a.* FROM flm.audit a');
  assert.equal(rows.length, 1);
  // Bytes are shown in hexadecimal digits.
  const inHex = Buffer.from('s3cret').toString('hex');
  assert.doesNotMatch(`${rows}${entries}`, new RegExp(`s3cret|${inHex}`));
});

test('a node with another store key cannot read engines, and says which key it needs', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const store = await open(t, url);
  await store.engines.saveEngine({ id: 'plain', url: 'http://h', createdAtMs: 1 });
  const other = await open(t, url, { key: createStoreKey(join(temporaryHome(t), 'other.key')) });
  assert.equal((await other.engines.listEngines()).length, 1);
  const apiKey = { from: 'value', value: 's3cret' } as const;
  await store.engines.saveEngine({ id: 'e', url: 'http://h', apiKey, createdAtMs: 2 });
  await assert.rejects(other.engines.listEngines(), failsAs('STORE_KEY_UNUSABLE', /engine\/e/));
});

test('each change gives its rows the next revision, and a deletion leaves its id', { skip }, async (t) => {
  const url = await postgres.database(t);
  const store = await open(t, url);
  await store.security.insertKeys([sampleKey('a'), sampleKey('b')]);
  await store.security.savePolicy(defaultPolicy);
  await store.security.changeFamily('key_a', 1, (key) => ({ ...key, label: 'new' }));
  await store.engines.saveAlias({ name: 'x', target: 'y' });
  await store.engines.deleteAlias('x');
  await store.security.deleteKey('key_b');
  // Nothing to delete.
  await store.security.deleteKey('key_b');
  const rows = `SELECT id || ' ' || revision FROM flm.api_key
    UNION ALL SELECT 'policy ' || revision FROM flm.policy
    UNION ALL SELECT kind || ' ' || id || ' ' || revision FROM flm.deleted
    UNION ALL SELECT 'revision ' || value FROM flm.revision`;
  assert.deepEqual(await postgres.query(url, rows), [
    'key_a 3',
    'policy 2',
    'model_alias x 5',
    'api_key key_b 6',
    'revision 6',
  ]);
});

test('what is no change of the store takes no revision', { skip }, async (t) => {
  const url = await postgres.database(t);
  const store = await open(t, url);
  await store.audit.record({ ...audit, action: 'proxy.start' });
  await store.usage.setRetention({ hourlyDays: 1, dailyDays: 2, auditDays: 3 });
  await store.proxies.saveHandle(sampleHandle('a'));
  await store.configuration.change(() => emptyChange);
  assert.deepEqual(await postgres.query(url, 'SELECT value FROM flm.revision'), ['0']);
});

test('machines share all but the handles of their own processes', { skip }, async (t) => {
  const url = await postgres.database(t);
  const [here, there] = [await open(t, url), await open(t, url)];
  await here.security.insertKey(sampleKey('a'));
  await here.shares.insertShare(sampleShare('s'), { ...audit, action: 'share.create' });
  await here.proxies.saveProfile({ name: 'p', config: {}, createdAtMs: 1, updatedAtMs: 1 });
  await here.proxies.saveHandle(sampleHandle('a'));
  assert.equal((await there.security.listKeys()).length, 1);
  assert.equal((await there.shares.listShares()).length, 1);
  assert.equal((await there.proxies.listProfiles()).length, 1);
  assert.deepEqual(await there.proxies.listHandles(), []);
  assert.deepEqual(await here.proxies.listHandles(), [sampleHandle('a')]);
});

test('of two machines that give one label to two keys at the same moment, one is refused', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const [here, there] = [await open(t, url), await open(t, url)];
  const results = await Promise.allSettled([
    here.security.insertKey(sampleKey('a', { label: 'x' })),
    there.security.insertKey(sampleKey('b', { label: 'x' })),
  ]);
  assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  assert.equal((await here.security.listKeys()).length, 1);
});

test('of two machines that redeem one share at the same moment, one gets the key', { skip }, async (t) => {
  const url = await postgres.database(t);
  const [here, there] = [await open(t, url), await open(t, url)];
  const share = sampleShare('s');
  await here.shares.insertShare(share, { ...audit, action: 'share.create' });
  const results = await Promise.all([
    here.shares.redeemShare(sampleRedemption(share.digest, 'one')),
    there.shares.redeemShare(sampleRedemption(share.digest, 'two')),
  ]);
  assert.deepEqual(results.map(({ outcome }) => outcome).sort(), ['made', 'redeemed']);
});

test('nothing connects before the first call that needs the database', { skip }, async (t) => {
  const url = new URL(await postgres.database(t));
  url.port = '1';
  const store = await open(t, url.href);
  assert.deepEqual(await store.proxies.listHandles(), []);
  await assert.rejects(store.security.listKeys(), failsAs('STORE_UNREACHABLE', /refused/, /flm db status/));
});

test('a revocation is written once, with one audit entry, and a deleted key is no error', {
  skip,
}, async (t) => {
  const store = await open(t);
  await store.security.insertKey(sampleKey('a'));
  const entry = { atMs: 5, actor: 'proxy:px_a', action: 'key.revoke', subject: 'key_a' };
  await revokeKey(store.database, 'key_a', entry);
  await revokeKey(store.database, 'key_a', { ...entry, atMs: 9 });
  await revokeKey(store.database, 'key_b', entry);
  assert.equal((await store.security.findKey('key_a'))?.revokedAtMs, 5);
  assert.deepEqual(await store.audit.list(9), [entry]);
});

test('a thousand keys are imported with few statements, and refused together if one label is taken', {
  skip,
}, async (t) => {
  const store = await open(t);
  const keys = Array.from({ length: 1_000 }, (_, i) => sampleKey(`k${i}`));
  const taken = [...keys.slice(0, 500), sampleKey('other', { label: keys[7]?.label ?? '' })];
  await assert.rejects(store.security.insertKeys(taken), failsAs('KEY_INVALID', /key_k7 has it/));
  assert.deepEqual(await store.security.listKeys(), []);
  const entries = keys.map(({ id }) => ({ ...audit, action: 'key.create', subject: id }));
  await store.security.insertKeys(keys, entries);
  assert.equal((await store.security.listKeys()).length, 1_000);
  const [newest] = await store.audit.list(1_000);
  assert.equal(newest?.subject, 'key_k999');
});
