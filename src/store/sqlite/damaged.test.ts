/** Damaged files are named in the error, distinguished from other problems, and left unchanged, byte for byte. */
import assert from 'node:assert/strict';
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { startedProxyStore } from '../../../test/helpers/proxy-stores.ts';
import { sampleKey } from '../../../test/helpers/store-samples.ts';
import { failsAs, openedStore, temporaryHome } from '../../../test/helpers/temporary-store.ts';

async function filledStore(t: TestContext): Promise<{ home: string; file: string }> {
  const home = temporaryHome(t);
  const store = openedStore(t, home);
  for (let i = 0; i < 50; i++)
    await store.security.insertKey(sampleKey(`k${i}`, { models: ['x'.repeat(500)] }));
  store.close();
  return { home, file: join(home, 'flm.db') };
}

function overwrite(file: string, bytes: string, at: number): void {
  const fd = openSync(file, 'r+');
  writeSync(fd, bytes, at);
  closeSync(fd);
}

const asDamage = failsAs(
  'STORE_CORRUPT',
  /flm\.db is damaged/,
  /left as it is/,
  /backups/,
  /sqlite3 .*flm\.db \.recover/,
);

test('a file with a garbage header is refused and left as it is', async (t) => {
  const { home, file } = await filledStore(t);
  overwrite(file, 'garbage garbage garbage', 0);
  const before = readFileSync(file);
  const names = readdirSync(home);
  assert.throws(() => openedStore(t, home), asDamage);
  assert.deepEqual(readFileSync(file), before);
  assert.deepEqual(readdirSync(home), names);
});

test('a file that was cut off is refused and left as it is', async (t) => {
  const { home, file } = await filledStore(t);
  truncateSync(file, 20_000);
  const before = readFileSync(file);
  assert.throws(() => openedStore(t, home), asDamage);
  assert.deepEqual(readFileSync(file), before);
});

test('damage in the middle is told where it is met', async (t) => {
  const { home, file } = await filledStore(t);
  const size = readFileSync(file).length;
  // Pages of rows, not the pages of the schema at the start of the file.
  for (let at = 24 * 4096; at < size; at += 4096) overwrite(file, '\u0007'.repeat(64), at);
  const store = openedStore(t, home);
  await assert.rejects(store.security.listKeys(), asDamage);
  await assert.rejects(store.security.insertKey(sampleKey('new')), asDamage);
  assert.notDeepEqual(store.faults(), []);
});

test('a row that no flm wrote is damage, not a crash', async (t) => {
  const { home, file } = await filledStore(t);
  const db = new DatabaseSync(file);
  db.exec("UPDATE api_key SET models = '{}' WHERE id = 'key_k1'");
  db.close();
  const store = openedStore(t, home);
  await assert.rejects(store.security.listKeys(), asDamage);
  assert.equal((await store.security.findKey('key_k2'))?.id, 'key_k2');
});

test('a digest of a key that is no digest is damage, and no proxy starts with it', async (t) => {
  for (const digest of ['x', 'g'.repeat(64)]) {
    const { home, file } = await filledStore(t);
    const db = new DatabaseSync(file);
    db.exec(`UPDATE api_key SET digest = '${digest}' WHERE id = 'key_k1'`);
    db.close();
    await assert.rejects(startedProxyStore(t, home), failsAs('STORE_CORRUPT', /digest of a key/));
  }
});

test('a database of another program is refused', async (t) => {
  const home = temporaryHome(t);
  const db = new DatabaseSync(join(home, 'flm.db'));
  db.exec('CREATE TABLE profile (x); PRAGMA user_version = 0');
  db.close();
  assert.throws(() => openedStore(t, home), failsAs('STORE_UNUSABLE', /flm\.db/));
});

test('a file in place of the data folder is told as such', (t) => {
  const home = temporaryHome(t);
  writeFileSync(join(home, 'file'), '');
  assert.throws(() => openedStore(t, join(home, 'file')), {
    code: 'SYSTEM_REFUSED',
    message: `The system refused to make the folder ${join(home, 'file')}: a file has this name (EEXIST).`,
    hint: 'Set FLM_HOME to another folder, or rename the file.',
  });
});
