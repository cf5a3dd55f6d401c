/** A data folder of flm 0.1.0 opens: its keys still work, key families are restored, the audit has moved. */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { writeFolderOf010 } from '../../../test/helpers/folder-of-010.ts';
import { sampleKey, sampleUsage } from '../../../test/helpers/store-samples.ts';
import { openedStore, temporaryHome } from '../../../test/helpers/temporary-store.ts';

/** A folder with the two files. */
function folderOf010(
  t: TestContext,
  keys: readonly string[],
  rotations: readonly (readonly [from: string, to: string])[] = [],
): string {
  const home = temporaryHome(t);
  writeFolderOf010(home, keys, rotations);
  return home;
}

test('a data folder of 0.1.0 opens with every key, and each is its own family', async (t) => {
  const store = openedStore(t, folderOf010(t, ['a', 'b']));
  assert.deepEqual(await store.security.listKeys(), [sampleKey('a'), sampleKey('b')]);
  await store.usage.addUsage([sampleUsage()]);
  const [row] = await store.usage.listUsage('2025-01-01');
  assert.deepEqual([row?.keyId, row?.familyId, row?.requests], ['key_a', 'key_a', 2]);
  const slots = await store.usage.usageSlots({ fromMs: 0, toMs: 2 ** 42, by: ['ending'], where: {} });
  assert.deepEqual(
    slots.map(({ startMs, group, requests }) => [
      new Date(startMs).toISOString(),
      group !== 'other' && group.ending,
      requests,
    ]),
    [
      ['2025-06-15T12:00:00.000Z', 'done', 1],
      // The day, counted before hours existed, is unchanged.
      ['2025-06-15T12:00:00.000Z', '', 1],
    ],
  );
  assert.deepEqual(store.faults(), []);
});

test('keys that 0.1.0 rotated are one family, over several rotations and where the first is gone', async (t) => {
  const rotations = [
    ['a', 'b'],
    ['gone', 'd'],
    ['b', 'c'],
  ] as const;
  const store = openedStore(t, folderOf010(t, ['a', 'b', 'c', 'd', 'e'], rotations));
  const families = (await store.security.listKeys()).map((key) => [key.id, key.familyId]);
  assert.deepEqual(families, [
    ['key_a', 'key_a'],
    ['key_b', 'key_a'],
    ['key_c', 'key_a'],
    ['key_d', 'key_gone'],
    ['key_e', 'key_e'],
  ]);
});

test('what keys used before they were rotated by 0.1.0 counts for their family', async (t) => {
  const home = folderOf010(
    t,
    ['a', 'b', 'c', 'd'],
    [
      ['a', 'b'],
      ['b', 'c'],
    ],
  );
  const old = new DatabaseSync(join(home, 'usage.db'));
  for (const name of ['b', 'c', 'd'])
    old.prepare("INSERT INTO usage_day VALUES ('2025-06-15', ?, 'llama3:8b', 1, 3, 4, 0)").run(`key_${name}`);
  old.close();
  const rows = await openedStore(t, home).usage.listUsage('2025-01-01');
  assert.deepEqual(
    rows.map(({ keyId, familyId }) => [keyId, familyId]),
    [
      ['key_a', 'key_a'],
      ['key_b', 'key_a'],
      ['key_c', 'key_a'],
      ['key_d', 'key_d'],
    ],
  );
});

test('the audit of 0.1.0 has moved to flm.db once, refused logins stay in usage.db', async (t) => {
  const home = folderOf010(t, ['a', 'b'], [['a', 'b']]);
  const actions = async () => (await openedStore(t, home).audit.list(9)).map(({ action }) => action);
  const checkpoint = 'audit.checkpoint';
  // Each of the two chains begins with the old entries.
  const all = [checkpoint, checkpoint, 'auth.refused', 'key.rotate', 'key.create'];
  assert.deepEqual(await actions(), all);
  assert.deepEqual(await actions(), all);
  rmSync(join(home, 'usage.db'));
  assert.deepEqual(await actions(), [checkpoint, 'key.rotate', 'key.create']);
});

test('a usage file that is damaged keeps no folder of 0.1.0 from opening, and families follow once it is whole', async (t) => {
  const home = folderOf010(t, ['a', 'b'], [['a', 'b']]);
  const file = join(home, 'usage.db');
  const whole = new DatabaseSync(file);
  const backup = join(home, 'whole.db');
  whole.prepare('VACUUM INTO ?').run(backup);
  whole.close();
  writeFileSync(file, 'this is no database '.repeat(300));
  const damaged = openedStore(t, home);
  assert.equal((await damaged.security.findKey('key_b'))?.familyId, 'key_b');
  // The key was rotated meanwhile: a family that is found later applies to the new key too.
  await damaged.security.insertKey(sampleKey('c', { familyId: 'key_b' }));
  damaged.close();
  rmSync(file);
  const again = new DatabaseSync(backup);
  again.prepare('VACUUM INTO ?').run(file);
  again.close();
  const store = openedStore(t, home);
  const families = (await store.security.listKeys()).map((key) => key.familyId);
  assert.deepEqual(families, ['key_a', 'key_a', 'key_a']);
});

test('an older flm writes keys without a family, and each of them is its own', async (t) => {
  const home = temporaryHome(t);
  const store = openedStore(t, home);
  await store.security.insertKey(sampleKey('b', { familyId: 'key_a' }));
  const older = new DatabaseSync(join(home, 'flm.db'));
  older.exec(
    `INSERT INTO api_key (id, label, digest, prefix, scopes, models, engines, endpoints, addresses, created_at)
     VALUES ('key_x', 'x', 'digest of x', 'flm_', '["inference"]', '[]', '[]', '[]', '[]', 1)`,
  );
  older.close();
  assert.equal((await store.security.findKey('key_x'))?.familyId, 'key_x');
  assert.equal((await store.security.findKey('key_b'))?.familyId, 'key_a');
});
