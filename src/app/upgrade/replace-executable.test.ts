import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fill, smallDisk } from '../../../test/helpers/small-disk.ts';
import { copyBeside, replace } from './replace-executable.ts';

function folderWith(t: TestContext, old: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'flm-replace-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'flm'), old, { mode: 0o755 });
  chmodSync(join(folder, 'flm'), 0o755);
  return folder;
}

function newFile(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'flm-new-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'new'), text);
  return join(folder, 'new');
}

test('a new program takes the place and the mode of the old one, which can come back', (t) => {
  const folder = folderWith(t, 'old');
  const target = join(folder, 'flm');

  const candidate = copyBeside(newFile(t, 'new'), target);
  assert.equal(candidate.hash, createHash('sha256').update('new').digest('hex'));
  assert.equal(readFileSync(target, 'utf8'), 'old');
  const replaced = replace(candidate, target);
  assert.equal(readFileSync(target, 'utf8'), 'new');
  assert.equal(statSync(target).mode & 0o777, 0o755);
  assert.equal(readFileSync(replaced.previous, 'utf8'), 'old');

  replaced.undo();
  assert.equal(readFileSync(target, 'utf8'), 'old');
  assert.deepEqual(readdirSync(folder), ['flm']);
  replace(copyBeside(newFile(t, 'new'), target), target).finish();
  assert.equal(readFileSync(target, 'utf8'), 'new');
  assert.deepEqual(readdirSync(folder), ['flm']);
});

test('a full disk leaves the old program and nothing else', (t) => {
  const disk = smallDisk(t);
  if (disk === undefined) return;
  writeFileSync(join(disk, 'flm'), 'old');
  const file = newFile(t, 'x'.repeat(100_000));
  fill(disk);

  assert.throws(() => copyBeside(file, join(disk, 'flm')), /disk is full/);
  assert.deepEqual(readdirSync(disk).sort(), ['filler', 'flm']);
  assert.equal(readFileSync(join(disk, 'flm'), 'utf8'), 'old');
});

test('the copy of an upgrade that was killed is removed by the next one', (t) => {
  const folder = folderWith(t, 'old');
  // The largest pid of Linux is 2^22.
  writeFileSync(join(folder, '.flm-upgrade-99999999'), 'half');
  copyBeside(newFile(t, 'new'), join(folder, 'flm')).discard();
  assert.deepEqual(readdirSync(folder), ['flm']);
});

test('a file that cannot be read is named', (t) => {
  const folder = folderWith(t, 'old');
  assert.throws(() => copyBeside('/nowhere/flm', join(folder, 'flm')), /\/nowhere\/flm/);
  assert.deepEqual(readdirSync(folder), ['flm']);
});
