/** `flm db`: what the commands copy between SQLite and PostgreSQL, and what they show. */
import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { defaultPolicy } from '../../src/core/security/security-policy.ts';
import { migrations } from '../../src/store/postgres/schema.ts';
import type { Repositories } from '../../src/store/store.ts';
import { soundChains } from '../contracts/audit-contract.ts';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import { writeFolderOf010 } from '../helpers/folder-of-010.ts';
import { noPostgres, postgresForFile } from '../helpers/postgres-server.ts';
import { testPostgresStore, testStoreKeyText } from '../helpers/postgres-store.ts';
import { sampleHandle, sampleKey, sampleShare, sampleUsage, sometimeMs } from '../helpers/store-samples.ts';
import { openedStore, temporaryHome } from '../helpers/temporary-store.ts';

const postgres = postgresForFile();
const skip = noPostgres;
const toPostgres = ['db', 'copy', '--from', 'sqlite', '--to', 'postgres'];
const toSqlite = ['db', 'copy', '--from', 'postgres', '--to', 'sqlite'];

function machine(t: TestContext, url: string | undefined): TestCli {
  const file = join(temporaryHome(t), 'store.key');
  writeFileSync(file, testStoreKeyText, { mode: 0o600 });
  return makeCli(t, { FLM_DATABASE_URL: url, FLM_STORE_KEY_FILE: file });
}

async function ok(cli: TestCli, ...args: readonly string[]) {
  const ran = await cli.run(...args);
  assert.equal(ran.code, 0, `flm ${args.join(' ')}: ${ran.stderr}`);
  return ran;
}

const audit = (action: string, subject: string) => ({ atMs: sometimeMs, actor: 'cli:me', action, subject });

/** Something in every table. */
async function fill(store: Repositories): Promise<void> {
  const odd = 'Grüße 👩‍💻 "quoted" \\ \u0000 \u001a عربي';
  await store.security.insertKey(
    sampleKey('a', {
      label: odd,
      note: 'two\nlines',
      models: ['llama*'],
      expiresAtMs: Number.MAX_SAFE_INTEGER,
    }),
    audit('key.create', 'key_a'),
  );
  await store.security.insertKey(sampleKey('b', { revokedAtMs: 5, familyId: 'key_a', owner: 'Ann' }));
  await store.security.savePolicy({ ...defaultPolicy, requestsPerMinute: 60 }, audit('policy.set', 'policy'));
  await store.proxies.saveProfile({ name: 'lab', config: { port: 9000 }, createdAtMs: 1, updatedAtMs: 2 });
  await store.engines.saveEngine({
    id: 'box',
    url: 'http://box:8000',
    kind: 'vllm',
    apiKey: { from: 'value', value: 'engine-secret' },
    slots: 3,
    createdAtMs: 1,
  });
  const apiKey = { from: 'env', name: 'KEY' } as const;
  await store.engines.saveEngine({ id: 'far', url: 'https://far', caFile: '/ca', apiKey, createdAtMs: 2 });
  await store.engines.saveAlias({ name: 'fast', target: 'box/llama' });
  await store.shares.insertShare(sampleShare('s'), audit('share.create', 'sh_s'));
  await store.usage.addUsage([
    sampleUsage(),
    sampleUsage({ model: odd, cachedTokens: 3, promptTokens: 9 }),
    sampleUsage({ atMs: sometimeMs - 40 * 86_400_000 }),
    sampleUsage({ answered: false, ending: 'engine-broke', firstByteMs: null }),
  ]);
  await store.usage.setRetention({ hourlyDays: 2, dailyDays: 500, auditDays: 9_000 });
  await store.usage.applyRetention(sometimeMs);
  await store.audit.record(audit('proxy.start', 'px_a'));
}

/** All that a copy has to preserve, as the ports show it. */
async function contentOf(store: Repositories) {
  const everything = { fromMs: 0, toMs: Date.UTC(2100, 0), where: {} } as const;
  const slots = await store.usage.usageSlots({ ...everything, by: ['key', 'model', 'engine', 'ending'] });
  return {
    configuration: await store.configuration.read(),
    shares: await store.shares.listShares(),
    audit: await store.audit.find({ limit: 1_000 }),
    chains: [await store.audit.heads(), await soundChains(store)],
    usage: await store.usage.listUsage('0000-01-01'),
    slots: slots.map((slot) => JSON.stringify(slot)).sort(),
    retention: await store.usage.retention(),
    lastUsed: [...(await store.security.lastUsed())].sort(),
  };
}

test('what is copied from SQLite to PostgreSQL and back is equal, and stays equal when it is done again', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const [here, there] = [machine(t, url), machine(t, url)];
  const source = openedStore(t, here.home);
  await fill(source);
  const content = await contentOf(source);
  const report = (await ok(here, ...toPostgres, '--json')).json<{ counts: Record<string, number> }>();
  assert.equal(report.counts.api_key, 2);
  const shared = testPostgresStore(t, url);
  assert.deepEqual(await contentOf(shared), content);
  await ok(here, ...toPostgres, '--replace');
  assert.deepEqual(await contentOf(shared), content);
  await ok(there, ...toSqlite);
  assert.deepEqual(await contentOf(openedStore(t, there.home)), content);
  const text = await postgres.query(url, 'SELECT e.* FROM flm.engine e');
  assert.doesNotMatch(String(text), /engine-secret/);
});

test('a data folder of 0.1.0 is copied to PostgreSQL with its families and its audit', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const cli = machine(t, url);
  writeFolderOf010(cli.home, ['a', 'b', 'c'], [['a', 'b']]);
  await ok(cli, ...toPostgres);
  const shared = testPostgresStore(t, url);
  assert.deepEqual(
    (await shared.security.listKeys()).map(({ id, familyId }) => [id, familyId]),
    [
      ['key_a', 'key_a'],
      ['key_b', 'key_a'],
      ['key_c', 'key_c'],
    ],
  );
  assert.deepEqual(
    (await shared.audit.list(9)).map(({ action }) => action),
    ['audit.checkpoint', 'audit.checkpoint', 'auth.refused', 'key.rotate', 'key.create'],
  );
  const [day] = await shared.usage.listUsage('2025-01-01');
  assert.deepEqual([day?.keyId, day?.familyId, day?.requests], ['key_a', 'key_a', 1]);
});

test('a database that is not empty is left as it is, and the error names what it has', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const cli = machine(t, url);
  await openedStore(t, cli.home).security.insertKey(sampleKey('a'));
  const shared = testPostgresStore(t, url);
  await shared.security.insertKey(sampleKey('other'));
  const ran = await cli.run(...toPostgres);
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, /is not empty: it has keys: 1/);
  assert.deepEqual(
    (await shared.security.listKeys()).map(({ id }) => id),
    ['key_other'],
  );
  await ok(cli, ...toPostgres, '--replace');
  assert.deepEqual(
    (await shared.security.listKeys()).map(({ id }) => id),
    ['key_a'],
  );
});

test('after a copy with --replace every node reads everything again', { skip }, async (t) => {
  const url = await postgres.database(t);
  const cli = machine(t, url);
  const revision = async () => Number((await postgres.query(url, 'SELECT value FROM flm.revision'))[0]);
  await testPostgresStore(t, url).security.insertKey(sampleKey('gone'));
  const before = await revision();
  await ok(cli, ...toPostgres, '--replace');
  // Ids of deleted rows are kept for 100,000 changes.
  assert.ok((await revision()) - before > 100_000);
});

test('nothing is copied while a proxy of this machine runs, or without a second database', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const cli = machine(t, url);
  await openedStore(t, cli.home).security.insertKey(sampleKey('a'));
  const alone = await machine(t, undefined).run(...toPostgres);
  assert.match(alone.stderr, /FLM_DATABASE_URL is not set/);
  assert.equal(alone.code, 1);
  for (const args of [
    ['db', 'copy'],
    ['db', 'copy', '--from', 'sqlite', '--to', 'sqlite'],
    ['db', 'copy', '--from', 'mysql', '--to', 'postgres'],
  ])
    assert.equal((await cli.run(...args)).code, 1, args.join(' '));
  const running = makeCli(t, { FLM_HOME: cli.home });
  await ok(running, 'proxy', 'start', '--port', '0');
  const refused = await cli.run(...toPostgres);
  assert.match(refused.stderr, /Nothing was copied: proxies of this machine run \(px_/);
  await ok(running, 'proxy', 'stop', '--all');
  // A row without a process is no running proxy.
  await openedStore(t, cli.home).proxies.saveHandle(sampleHandle('dead'));
  await ok(cli, ...toPostgres);
});

test('the status of a database shows what it is and holds, without its password', { skip }, async (t) => {
  const url = new URL(await postgres.database(t));
  url.password = 'hunter2';
  const cli = machine(t, url.href);
  const first = (await ok(cli, 'db', 'status', '--json')).json<Record<string, unknown>>();
  assert.deepEqual([first.store, first.reachable, first.schema, first.tls], ['postgres', true, 0, false]);
  assert.match((await ok(cli, 'db', 'status')).stdout, /none yet/);
  assert.match(
    (await ok(cli, 'db', 'migrate')).stdout,
    new RegExp(`schema updated from 0 to ${migrations.length}`),
  );
  assert.match((await ok(cli, 'db', 'migrate')).stdout, /up to date/);
  await ok(cli, 'key', 'create', 'laptop');
  const shown = await ok(cli, 'db', 'status');
  assert.match(shown.stdout, /1 key, 1 audit entry/);
  assert.match(shown.stdout, /last change +1/);
  assert.doesNotMatch(shown.stdout + shown.stderr, /hunter2/);
  const local = (await ok(machine(t, undefined), 'db', 'status', '--json')).json<Record<string, unknown>>();
  assert.deepEqual([local.store, local.reachable], ['sqlite', true]);
});

test('the status of a database that is away, or without its store key, says why', { skip }, async (t) => {
  const url = new URL(await postgres.database(t));
  url.port = '1';
  const ran = await machine(t, url.href).run('db', 'status', '--json');
  assert.equal(ran.code, 2);
  const status = ran.json<{ reachable: boolean; problem: { code: string; message: string } }>();
  assert.deepEqual([status.reachable, status.problem.code], [false, 'STORE_UNREACHABLE']);
  assert.match(status.problem.message, /refused/);
  const keyless = makeCli(t, { FLM_DATABASE_URL: await postgres.database(t) });
  assert.match(
    (await keyless.run('db', 'status')).stderr,
    /FLM_STORE_KEY_FILE\) cannot be used: it is not set/,
  );
});

test('a new store key is private, is used from then on, and never overwrites a file', { skip }, async (t) => {
  const url = await postgres.database(t);
  const file = join(temporaryHome(t), 'new.key');
  const cli = makeCli(t, { FLM_DATABASE_URL: url, FLM_STORE_KEY_FILE: file });
  const made = (await ok(cli, 'db', 'key', 'create', file, '--json')).json<{ id: string }>();
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const status = (await ok(cli, 'db', 'status', '--json')).json<{ storeKey: { id: string } }>();
  assert.equal(status.storeKey.id, made.id);
  assert.equal((await cli.run('db', 'key', 'create', file)).code, 1);
});
