/** Full and read-only disks: writes fail with a clear error, reads and running proxies continue, no file is damaged. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { sampleKey, sampleUsage } from '../../../test/helpers/store-samples.ts';
import { atEnd, failsAs, openedStore, temporaryHome } from '../../../test/helpers/temporary-store.ts';
import { systemClock } from '../../core/clock.ts';
import { openProxyStore } from './proxy-store.ts';

/** A small disk for the test, or undefined if the test was skipped with a reason. */
function smallDisk(t: TestContext): string | undefined {
  const home = temporaryHome(t);
  if (process.platform !== 'linux') return void t.skip('needs tmpfs');
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=0700', 'tmpfs', home]);
  if (mounted.status !== 0) return void t.skip('may not mount a tmpfs here');
  atEnd(t, () => spawnSync('umount', [home]));
  chmodSync(home, 0o700);
  return home;
}

function fill(home: string): string {
  const filler = join(home, 'filler');
  const { bavail, bsize } = statfsSync(home);
  writeFileSync(filler, Buffer.alloc(bavail * bsize));
  return filler;
}

test('a write on a full disk fails as full and changes nothing', async (t) => {
  const home = smallDisk(t);
  if (home === undefined) return;
  const store = openedStore(t, home);
  await store.security.insertKey(sampleKey('a'));
  const filler = fill(home);
  const large = sampleKey('b', { models: ['x'.repeat(100_000)] });
  await assert.rejects(store.security.insertKey(large), failsAs('STORE_FULL', /Free some disk space/));
  assert.deepEqual(await store.security.listKeys(), [sampleKey('a')]);
  rmSync(filler);
  await store.security.insertKey(large);
  assert.equal((await store.security.listKeys()).length, 2);
  assert.deepEqual(store.faults(), []);
});

test('a store cannot be made on a full disk, and says why', (t) => {
  const home = smallDisk(t);
  if (home === undefined) return;
  fill(home);
  assert.throws(() => openedStore(t, home), failsAs('STORE_FULL'));
});

test('a disk that became read-only can be read, and a write says why it cannot be made', async (t) => {
  const home = smallDisk(t);
  if (home === undefined) return;
  const store = openedStore(t, home);
  await store.security.insertKey(sampleKey('a'));
  await store.usage.addUsage([sampleUsage()]);
  store.close();
  remount('ro', home);
  const again = openedStore(t, home);
  assert.deepEqual(await again.security.listKeys(), [sampleKey('a')]);
  assert.equal((await again.usage.listUsage('2025-01-01')).length, 1);
  const readOnly = failsAs('STORE_READ_ONLY', /flm\.db cannot be written: its file system is read-only/);
  await assert.rejects(again.security.insertKey(sampleKey('b')), readOnly);
  assert.deepEqual(again.faults(), []);
  remount('rw', home);
  await again.security.insertKey(sampleKey('b'));
  assert.equal((await again.security.listKeys()).length, 2);
});

test('beside a program that has it open, a file on a disk that became read-only is read with its latest changes', async (t) => {
  const home = smallDisk(t);
  if (home === undefined) return;
  // After the stores: SQLite closes descriptors of one file together.
  atEnd(t, () => spawnSync('umount', [home]));
  const owner = openedStore(t, home);
  await owner.security.insertKey(sampleKey('a'));
  // The owner's descriptors belong to the mount below. Files opened by name from now on are read-only.
  spawnSync('mount', ['--make-private', home]);
  const bound = spawnSync('mount', ['--bind', home, home]);
  assert.equal(bound.status, 0, String(bound.stderr));
  remount('bind,ro', home);
  const reader = openedStore(t, home);
  assert.equal((await reader.security.listKeys()).length, 1);
  await owner.security.insertKey(sampleKey('b'));
  assert.equal((await reader.security.listKeys()).length, 2);
  await assert.rejects(reader.security.deleteKey('key_a'), failsAs('STORE_READ_ONLY', /read-only/));
});

function remount(options: string, home: string): void {
  const { status, stderr } = spawnSync('mount', ['-o', `remount,${options}`, home]);
  assert.equal(status, 0, String(stderr));
}

test('a proxy on a full disk keeps counting in memory and writes it all once there is space', async (t) => {
  const home = smallDisk(t);
  if (home === undefined) return;
  const cli = openedStore(t, home);
  await cli.usage.addUsage([sampleUsage({ keyId: 'key_b' })]);
  await cli.security.insertKey(sampleKey('a'));
  const proxy = openProxyStore({ home, clock: systemClock });
  atEnd(t, () => proxy.close());
  let tell: (text: string | undefined) => void = () => {};
  const nextProblem = (): Promise<string | undefined> =>
    new Promise((resolve) => {
      tell = resolve;
    });
  let problem = nextProblem();
  await proxy.start({ changed: () => {}, problem: (text) => tell(text), expired: () => {} });
  const filler = fill(home);
  const address = 'x'.repeat(100_000);
  const entry = sampleUsage({ atMs: Date.now(), address });
  proxy.add(entry);
  assert.match((await problem) ?? '', /is full/);
  proxy.add(entry);
  assert.equal(proxy.today('key_a'), 14);
  problem = nextProblem();
  rmSync(filler);
  assert.equal(await problem, undefined);
  await proxy.close();
  const rows = await cli.usage.listUsage('2025-01-01');
  assert.equal(
    rows.reduce((sum, row) => sum + row.requests, 0),
    3,
  );
});
