/** `flm backup` on a disk without space: a clear error, nothing half-written, and what was there stays. */
import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeCli } from '../helpers/cli.ts';
import { fill, smallDisk } from '../helpers/small-disk.ts';
import { createKey } from '../helpers/start-proxy.ts';

test('a backup for which the disk has no space leaves no part of it, and the older backups', async (t) => {
  const disk = smallDisk(t);
  if (disk === undefined) return;
  const cli = makeCli(t);
  await createKey(cli, 'anna');
  const create = () => cli.run('backup', 'create', '--plaintext', '--to', disk, '--keep', '1', '--json');
  const first = await create();
  assert.equal(first.code, 0, first.stderr);
  const { file } = first.json<{ file: string }>();
  const filler = fill(disk);

  const refused = await create();

  assert.equal(refused.code, 2, refused.stderr);
  assert.match(refused.stderr, /was not written: the disk is full/);
  assert.deepEqual(
    readdirSync(disk)
      .map((name) => join(disk, name))
      .sort(),
    [file, filler].sort(),
  );
  assert.equal((await cli.run('backup', 'verify', file)).code, 0);
  assert.deepEqual(
    readdirSync(cli.home).filter((name) => /staging|part/.test(name)),
    [],
  );
  rmSync(filler);
  assert.equal((await create()).code, 0, 'with space again');
});

test('a restore for which the disk has no space changes nothing', async (t) => {
  const disk = smallDisk(t, '160m');
  if (disk === undefined) return;
  const cli = makeCli(t, { FLM_HOME: join(disk, 'flm') });
  await createKey(cli, 'anna');
  const to = cli.folder;
  const made = await cli.run('backup', 'create', '--plaintext', '--to', to, '--json');
  assert.equal(made.code, 0, made.stderr);
  const { file } = made.json<{ file: string }>();
  await createKey(cli, 'bob');
  const before = filesOf(join(disk, 'flm'));
  const filler = fill(disk);

  const refused = await cli.run('backup', 'restore', '--yes', file);

  assert.equal(refused.code, 1, refused.stderr);
  assert.match(refused.stderr, /needs \d+ MB of free space/);
  rmSync(filler);
  assert.deepEqual(filesOf(join(disk, 'flm')), before);
  assert.match((await cli.run('key', 'list')).stdout, /bob/);
  const restored = await cli.run('backup', 'restore', '--yes', file);
  assert.equal(restored.code, 0, restored.stderr);
  assert.doesNotMatch((await cli.run('key', 'list')).stdout, /bob/);
});

/** Without the files that SQLite keeps beside an open database. */
function filesOf(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => !/-(?:wal|shm)$/.test(name))
    .sort();
}
