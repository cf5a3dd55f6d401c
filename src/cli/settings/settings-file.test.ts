import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { smallDisk } from '../../../test/helpers/small-disk.ts';
import { makeFolders } from './settings-file.ts';

test('a folder and its missing parents are made for this user alone; a read-only disk is named as such', (t) => {
  const disk = smallDisk(t);
  if (disk === undefined) return;
  makeFolders(join(disk, 'a/b'));
  makeFolders(join(disk, 'a/b'));
  for (const folder of ['a', 'a/b']) assert.equal(statSync(join(disk, folder)).mode & 0o777, 0o700);
  assert.equal(spawnSync('mount', ['-o', 'remount,ro', disk]).status, 0);
  makeFolders(join(disk, 'a/b'));
  for (const folder of ['a/c', 'c/d'])
    assert.throws(() => makeFolders(join(disk, folder)), { code: 'EROFS' });
});
