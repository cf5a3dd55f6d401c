/** Backups with PostgreSQL: what is saved from one database is restored to the other, and nodes that run are in the way. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Repositories } from '../../src/store/store.ts';
import { assertMistake, makeCli, type TestCli } from '../helpers/cli.ts';
import { noPostgres, postgresForFile } from '../helpers/postgres-server.ts';
import { testPostgresStore, testStoreKeyText } from '../helpers/postgres-store.ts';
import { startProxy } from '../helpers/start-proxy.ts';
import { sampleKey, sampleShare, sampleUsage, sometimeMs } from '../helpers/store-samples.ts';
import { openedStore, temporaryHome } from '../helpers/temporary-store.ts';

const postgres = postgresForFile();
const skip = noPostgres;

function machine(t: TestContext, url: string): TestCli {
  const file = join(temporaryHome(t), 'store.key');
  writeFileSync(file, testStoreKeyText, { mode: 0o600 });
  return makeCli(t, { FLM_DATABASE_URL: url, FLM_STORE_KEY_FILE: file });
}

async function ok(cli: TestCli, ...args: readonly string[]) {
  const ran = await cli.run(...args);
  assert.equal(ran.code, 0, `flm ${args.join(' ')}: ${ran.stderr}`);
  return ran;
}

async function backUp(cli: TestCli): Promise<string> {
  return (await ok(cli, 'backup', 'create', '--plaintext', '--json')).json<{ file: string }>().file;
}

interface Restored {
  readonly kept: string | null;
  readonly stayedRevoked: number;
  readonly stayedDeleted: number;
}

async function restore(cli: TestCli, file: string, ...flags: readonly string[]): Promise<Restored> {
  return (await ok(cli, 'backup', 'restore', file, '--yes', '--json', ...flags)).json<Restored>();
}

const audit = (action: string, subject: string) => ({ atMs: sometimeMs, actor: 'cli:me', action, subject });

async function fill(store: Repositories): Promise<void> {
  for (const name of ['a', 'b', 'c'])
    await store.security.insertKey(
      sampleKey(name, { note: 'two\nlines' }),
      audit('key.create', `key_${name}`),
    );
  const apiKey = { from: 'value', value: 'engine-secret' } as const;
  await store.engines.saveEngine({ id: 'box', url: 'http://box:8000', apiKey, slots: 3, createdAtMs: 1 });
  await store.shares.insertShare(sampleShare('s'), audit('share.create', 'sh_s'));
  await store.usage.addUsage([sampleUsage(), sampleUsage({ atMs: sometimeMs - 40 * 86_400_000 })]);
}

async function contentOf(store: Repositories) {
  const everything = { fromMs: 0, toMs: Date.UTC(2100, 0), where: {} } as const;
  return {
    configuration: await store.configuration.read(),
    shares: await store.shares.listShares(),
    usage: await store.usage.listUsage('0000-01-01'),
    slots: await store.usage.usageSlots({ ...everything, by: ['key', 'model', 'engine', 'ending'] }),
    lastUsed: [...(await store.security.lastUsed())].sort(),
  };
}

async function actions(store: Repositories): Promise<readonly string[]> {
  return (await store.audit.list(9)).map(({ action }) => action).toReversed();
}

test('a backup of PostgreSQL is restored to SQLite without the store key, and from there to PostgreSQL', {
  skip,
}, async (t) => {
  const [url, otherUrl] = [await postgres.database(t), await postgres.database(t)];
  const shared = testPostgresStore(t, url);
  await fill(shared);
  const content = await contentOf(shared);
  const alone = makeCli(t);

  await restore(alone, await backUp(machine(t, url)));

  const local = openedStore(t, alone.home);
  assert.deepEqual(await contentOf(local), content);
  const created = ['key.create', 'key.create', 'key.create', 'share.create'];
  assert.deepEqual(await actions(local), [...created, 'backup.restore']);

  await restore(machine(t, otherUrl), await backUp(alone));

  const other = testPostgresStore(t, otherUrl);
  assert.deepEqual(await contentOf(other), content);
  assert.deepEqual(await actions(other), [...created, 'backup.restore', 'backup.restore']);
  const text = await postgres.query(otherUrl, 'SELECT e.* FROM flm.engine e');
  assert.doesNotMatch(String(text), /engine-secret/);
});

test('revoked and deleted keys stay so in PostgreSQL, the audit goes on, and the old data is kept', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const cli = machine(t, url);
  const shared = testPostgresStore(t, url);
  await fill(shared);
  const file = await backUp(cli);
  await ok(cli, 'key', 'revoke', 'key_a');
  // Nobody wrote an entry about it.
  await shared.security.deleteKey('key_b');

  const { kept, stayedRevoked, stayedDeleted } = await restore(cli, file);

  assert.deepEqual([stayedRevoked, stayedDeleted], [1, 1]);
  const keys = await shared.security.listKeys();
  assert.deepEqual(
    keys.map(({ id, revokedAtMs }) => [id, revokedAtMs !== null]),
    [
      ['key_a', true],
      ['key_c', false],
    ],
  );
  assert.deepEqual((await actions(shared)).slice(-2), ['key.revoke', 'backup.restore']);
  assert.ok((await shared.audit.verify()).every(({ fault }) => fault === undefined));
  assert.ok(kept !== null && existsSync(join(kept, 'flm.db')));

  await restore(cli, file, '--revive-keys');

  assert.equal(
    (await shared.security.listKeys()).filter(({ revokedAtMs }) => revokedAtMs === null).length,
    3,
  );
});

test('certificates that nodes share are in the backup', { skip }, async (t) => {
  const url = await postgres.database(t);
  const cli = machine(t, url);
  const files = testPostgresStore(t, url).sharedFiles;
  await files.write('certificate/acme-account.key', Buffer.from('secret of the account'));
  const file = await backUp(cli);
  await files.remove('certificate/acme-account.key');

  await restore(cli, file);

  assert.equal(String(await files.read('certificate/acme-account.key')), 'secret of the account');
});

test('a restore is refused while a node of another machine runs', { skip }, async (t) => {
  const url = await postgres.database(t);
  const [here, there] = [machine(t, url), machine(t, url)];
  await ok(here, 'key', 'create', 'anna');
  const file = await backUp(here);
  await startProxy(there, '--demo');

  assertMistake(await here.run('backup', 'restore', file, '--yes'), /proxies that share the database run/);
});
