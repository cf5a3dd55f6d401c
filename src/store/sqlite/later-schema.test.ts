/**
 * After a later flm has migrated the files, this version continues to work with them: during an upgrade, or after a
 * failed upgrade.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startedProxyStore } from '../../../test/helpers/proxy-stores.ts';
import { sampleKey, sampleUsage } from '../../../test/helpers/store-samples.ts';
import { openedStore, temporaryHome } from '../../../test/helpers/temporary-store.ts';
import { systemClock } from '../../core/clock.ts';
import { Database } from './database.ts';
import { flmSchema, usageSchema } from './schema.ts';

/** Adds a column, a table and a trigger to both files, as a later flm may do. */
function migrateOn(home: string): void {
  const later = [
    [flmSchema, 'ALTER TABLE api_key ADD COLUMN later TEXT; ALTER TABLE proxy_handle ADD COLUMN note TEXT;'],
    [usageSchema, 'ALTER TABLE usage_day ADD COLUMN note TEXT;'],
  ] as const;
  for (const [schema, added] of later) {
    const migrations = [...schema.migrations, `${added} CREATE TABLE later (x INTEGER) STRICT;`];
    const db = new Database({
      home,
      schema: { ...schema, migrations },
      clock: systemClock,
      busyTimeoutMs: 2_000,
    });
    db.open();
    db.close();
  }
}

test('commands and a running proxy work on with files that a later flm has migrated', async (t) => {
  const home = temporaryHome(t);
  const store = openedStore(t, home);
  const key = sampleKey('a');
  await store.security.insertKey(key);
  const { proxy, heard } = await startedProxyStore(t, home);
  migrateOn(home);

  const other = sampleKey('b');
  await store.security.insertKey(other);
  await proxy.refresh();
  assert.deepEqual(
    heard.changes.at(-1)?.keys?.upserted.map(({ id }) => id),
    [other.id],
  );
  const audit = { atMs: 1, actor: 'test', action: 'key.revoke', subject: key.id };
  assert.equal(await proxy.revoke(key.id, audit).first, undefined);
  assert.notEqual((await store.security.findKey(key.id))?.revokedAtMs, null);
  proxy.add(sampleUsage({ keyId: other.id, inputTokens: 3, outputTokens: 4, atMs: Date.now() }));
  await proxy.writeUsage();
  assert.deepEqual(
    (await store.usage.listUsage('2020-01-01')).map((row) => row.inputTokens + row.outputTokens),
    [7],
  );
  assert.equal(heard.problems.length, 0);
});

test('tokens count once while one process writes them and another one decides by them', async (t) => {
  const home = temporaryHome(t);
  const draining = await startedProxyStore(t, home);
  const newest = await startedProxyStore(t, home);
  const use = (): void =>
    draining.proxy.add(
      sampleUsage({ keyId: 'key_a', familyId: 'a', inputTokens: 10, outputTokens: 0, atMs: Date.now() }),
    );
  use();
  await draining.proxy.writeUsage();
  use();
  for (const used of draining.proxy.exportUncounted()) newest.proxy.countUsed(used);
  draining.proxy.onUsed = (used) => newest.proxy.countUsed(used);
  assert.equal(newest.proxy.today('a') >= 20, true, 'nothing is forgotten');
  use();
  await draining.proxy.writeUsage();
  await draining.proxy.close();
  // The newest process reads every 250 ms.
  while (newest.proxy.today('a') !== 30) await new Promise((resolve) => setImmediate(resolve));
  for (let n = 0; n < 3; n++) {
    await newest.proxy.refresh();
    assert.equal(newest.proxy.today('a'), 30);
  }
});
