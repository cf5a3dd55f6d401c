/** Surroundings in which flm can hardly work, or not: each of these gets one clear error with the next step. */
import assert from 'node:assert/strict';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { assertMistake, makeCli } from '../helpers/cli.ts';
import { InstalledCopy } from '../helpers/installed-copy.ts';

test("Node's permission model is refused with the option to remove", async (t) => {
  const granted = '--permission --allow-fs-read=* --allow-fs-write=* --no-warnings';
  for (const options of ['--permission', granted]) {
    const cli = makeCli(t, { NODE_OPTIONS: options });
    for (const words of [['status'], ['proxy', 'start', '--port', '0']])
      assertMistake(await cli.run(...words), /permission model.*\nRemove --permission from NODE_OPTIONS/);
  }
});

test('a Node without node:sqlite is refused with the option to remove', async (t) => {
  const cli = makeCli(t, { NODE_OPTIONS: '--no-experimental-sqlite' });
  assertMistake(await cli.run('status'), /needs node:sqlite.*\nRemove --no-experimental-sqlite/);
});

test('a file that is missing in the installation is named, with the advice to install again', async (t) => {
  const { folder } = makeCli(t);
  const { entry } = new InstalledCopy(join(folder, 'installed'));
  const dist = join(entry, '../../dist');
  for (const name of readdirSync(dist).filter((one) => one.startsWith('command-line-')))
    rmSync(join(dist, name));
  const cli = makeCli(t, {}, entry);
  assertMistake(await cli.run('status'), /cannot read its own files: .*command-line-.*\nInstall flm again/);
});

test('a file in place of the data folder is named, with the advice to choose another folder', async (t) => {
  const file = join(makeCli(t).folder, 'file');
  writeFileSync(file, '');
  const cli = makeCli(t, { FLM_HOME: file });
  const named = new RegExp(
    `make the folder ${file}: a file has this name .*\nSet FLM_HOME to another folder`,
  );
  assertMistake(await cli.run('key', 'list'), named);
  assertMistake(await cli.run('proxy', 'start', '--port', '0'), named);
});

test('a home or cache folder that accepts no folders, such as /proc, ends no command', {
  skip: process.platform !== 'linux' && 'only Linux has /proc',
  timeout: 120_000,
}, async (t) => {
  for (const places of [{ HOME: '/proc', XDG_CACHE_HOME: undefined }, { XDG_CACHE_HOME: '/proc' }]) {
    const cli = makeCli(t, {
      ...places,
      NODE_COMPILE_CACHE: undefined,
      NODE_DISABLE_COMPILE_CACHE: undefined,
    });
    const { code, stderr } = await cli.run('version');
    assert.deepEqual([code, stderr], [0, '']);
  }
  const cli = makeCli(t, { FLM_HOME: '/proc/flm' });
  assertMistake(
    await cli.run('key', 'list'),
    /make the folder \/proc\/flm.*\nSet FLM_HOME to another folder/,
  );
});
