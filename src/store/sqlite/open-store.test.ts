/** The SQLite adapter keeps the guarantees of the ports, also with other processes, and protects its files. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { repositoryContract } from '../../../test/contracts/repository-contract.ts';
import { lockFile, startProgram } from '../../../test/helpers/store-programs.ts';
import { sampleKey, sampleUsage } from '../../../test/helpers/store-samples.ts';
import { atEnd, failsAs, openedStore, temporaryHome } from '../../../test/helpers/temporary-store.ts';

repositoryContract('sqlite', (t, liveness) =>
  Promise.resolve(openedStore(t, temporaryHome(t), { liveness })),
);

test('what was written is there after the store was closed and opened again', async (t) => {
  const home = temporaryHome(t);
  const first = openedStore(t, home);
  await first.security.insertKey(sampleKey('a'));
  await first.usage.addUsage([sampleUsage()]);
  first.close();
  const second = openedStore(t, home);
  assert.deepEqual(await second.security.listKeys(), [sampleKey('a')]);
  assert.equal((await second.usage.listUsage('2025-01-01')).length, 1);
  assert.deepEqual(second.faults(), []);
});

test('folder and files are private from the start, whatever the umask', async (t) => {
  const before = process.umask(0);
  atEnd(t, () => process.umask(before));
  const home = join(temporaryHome(t), 'data');
  const store = openedStore(t, home);
  await store.usage.addUsage([sampleUsage()]);
  await store.security.insertKey(sampleKey('a'));
  assert.equal(statSync(home).mode & 0o777, 0o700);
  const names = readdirSync(home).sort();
  assert.deepEqual(
    names.filter((name) => name.endsWith('.db')),
    ['flm.db', 'usage.db'],
  );
  for (const name of names) assert.equal(statSync(join(home, name)).mode & 0o777, 0o600, name);
});

test('a database that others could read is made private again', (t) => {
  const home = temporaryHome(t);
  openedStore(t, home).close();
  chmodSync(join(home, 'flm.db'), 0o644);
  openedStore(t, home);
  assert.equal(statSync(join(home, 'flm.db')).mode & 0o777, 0o600);
});

test('a folder that others may enter is refused and left as it is', (t) => {
  const home = temporaryHome(t);
  chmodSync(home, 0o755);
  assert.throws(() => openedStore(t, home), failsAs('HOME_UNSAFE', /755/, /chmod 700/));
  assert.equal(statSync(home).mode & 0o777, 0o755);
  assert.deepEqual(readdirSync(home), []);
});

test('a folder of another user is refused', (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root can give a folder away');
  const home = temporaryHome(t);
  chownSync(home, 65_534, 65_534);
  assert.throws(() => openedStore(t, home), failsAs('HOME_UNSAFE', /another user/));
});

test('a database that is a link to elsewhere is refused', (t) => {
  const home = temporaryHome(t);
  symlinkSync(join(home, 'elsewhere.db'), join(home, 'flm.db'));
  assert.throws(() => openedStore(t, home), failsAs('STORE_UNUSABLE', /plain file/));
});

test('a folder on a network file system is refused', (t) => {
  const home = temporaryHome(t);
  const probe = () => ({ magic: 0x6969 });
  assert.throws(() => openedStore(t, home, { probe }), failsAs('STORE_NETWORK_FS', /NFS/, /FLM_HOME/));
  assert.deepEqual(readdirSync(home), []);
});

test('the journal is a write-ahead log and every table holds its types', (t) => {
  const home = temporaryHome(t);
  openedStore(t, home);
  const db = new DatabaseSync(join(home, 'flm.db'));
  atEnd(t, () => db.close());
  assert.equal(db.prepare('PRAGMA journal_mode').get()?.journal_mode, 'wal');
  const strict = db
    .prepare("SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND type = 'table'")
    .all();
  for (const { name, strict: isStrict } of strict) {
    if (!String(name).startsWith('sqlite_')) assert.equal(isStrict, 1, String(name));
  }
});

test('two processes that open a new store at the same moment both work', async (t) => {
  const home = temporaryHome(t);
  const writers = ['a', 'b', 'c'].map((name) =>
    startProgram(
      t,
      `
      const store = open(${JSON.stringify(home)});
      for (let i = 0; i < 40; i++) await store.security.insertKey(sampleKey('${name}' + i));
      store.close();`,
    ),
  );
  for (const writer of writers) assert.equal(await writer.exitCode, 0, writer.errors());
  assert.equal((await openedStore(t, home).security.listKeys()).length, 120);
});

test('two processes that add to the same usage lose nothing', async (t) => {
  const home = temporaryHome(t);
  const writers = [0, 1].map(() =>
    startProgram(
      t,
      `
      const store = open(${JSON.stringify(home)});
      for (let i = 0; i < 100; i++) await store.usage.addUsage([sampleUsage()]);
      store.close();`,
    ),
  );
  for (const writer of writers) assert.equal(await writer.exitCode, 0, writer.errors());
  const [row] = await openedStore(t, home).usage.listUsage('2025-01-01');
  assert.equal(row?.requests, 200);
});

test('a write beside a program that holds the lock fails as busy after the time-out, and reads go on', async (t) => {
  const home = temporaryHome(t);
  const store = openedStore(t, home, { busyTimeoutMs: 50 });
  await store.security.insertKey(sampleKey('a'));
  const lock = await lockFile(t, join(home, 'flm.db'));
  await assert.rejects(store.security.deleteKey('key_a'), failsAs('STORE_BUSY', /flm\.db/));
  assert.equal((await store.security.listKeys()).length, 1);
  await lock.release();
  assert.equal(await store.security.deleteKey('key_a'), true);
});

test('opening a file that another program keeps locked waits for one time-out, not for one at each try', (t) => {
  const home = temporaryHome(t);
  openedStore(t, home).close();
  const other = new DatabaseSync(join(home, 'flm.db'));
  atEnd(t, () => other.close());
  other.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  let tries = 0;
  const probe = () => {
    tries += 1;
    return { magic: 0xef53 };
  };
  assert.throws(() => openedStore(t, home, { probe, busyTimeoutMs: 100 }), failsAs('STORE_BUSY', /flm\.db/));
  assert.ok(tries <= 2, `${tries} tries`);
});

test('a change whose audit entry cannot be written is not made', async (t) => {
  const home = temporaryHome(t);
  const store = openedStore(t, home);
  await store.security.insertKey(sampleKey('a'));
  const other = new DatabaseSync(join(home, 'flm.db'));
  other.exec('DROP TABLE audit');
  other.close();
  const entry = { atMs: 1, actor: 'cli:me', action: 'key.revoke', subject: 'key_a' };
  await assert.rejects(
    store.security.updateKey(sampleKey('a', { revokedAtMs: 5 }), entry),
    failsAs('STORE_UNUSABLE'),
  );
  assert.deepEqual(await store.security.listKeys(), [sampleKey('a')]);
});

test('a damaged usage file keeps nobody from revoking a key', async (t) => {
  const home = temporaryHome(t);
  const store = openedStore(t, home);
  await store.security.insertKey(sampleKey('a'));
  writeFileSync(join(home, 'usage.db'), 'this is no database '.repeat(300));
  await store.security.updateKey(sampleKey('a', { revokedAtMs: 5 }));
  await assert.rejects(store.usage.listUsage('2025-01-01'), failsAs('STORE_CORRUPT', /usage\.db/));
});

test('a second store in this process keeps the locks of the first', {
  skip: existsSync('/proc/locks') ? false : 'needs /proc/locks',
}, async (t) => {
  const home = temporaryHome(t);
  const first = openedStore(t, home);
  await first.security.insertKey(sampleKey('one'));
  const { ino } = statSync(join(home, 'flm.db'));
  // Without its lock, the next program that closes the file removes the log that this one still uses.
  const readLocks = () =>
    readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .filter((line) => line.includes(` ${process.pid} `) && line.includes(`:${ino} `))
      .map((line) => line.replace(/^\d+: /, ''));
  // A reading may repeat or miss a line while other programs take and free locks.
  const locks = () => new Set(Array.from({ length: 5 }, readLocks).flat());
  const before = locks();
  assert.equal(before.size, 1);
  await openedStore(t, home).security.listKeys();
  assert.deepEqual(locks(), before);
});
