/** Root works as the owner of the data folder, and a user needs no account of the machine. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, globSync, lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { flmEntry, makeCli } from '../helpers/cli.ts';

const nobody = 65534;
const dist = join(import.meta.dirname, '../../dist/main.js');

const reason =
  process.getuid?.() !== 0
    ? 'only root can try this'
    : spawnSync('cat', [dist], { uid: nobody }).status !== 0
      ? 'this clone lies where only root can read'
      : false;

test('no command of root leaves a file in the data folder that its owner cannot write', {
  skip: reason,
}, async (t) => {
  const cli = makeCli(t);
  chmodSync(cli.folder, 0o755);
  mkdirSync(cli.home, { recursive: true });
  chmodSync(cli.home, 0o700);
  chownSync(cli.home, nobody, nobody);

  for (const command of [
    ['key', 'create', 'laptop'],
    ['policy', 'set', '--rpm', '100'],
    ['proxy', 'start', '--port', '0', '--demo'],
    ['cert', 'show'],
    ['cert', 'trust', '--remove', '--yes'],
    ['proxy', 'status'],
    ['proxy', 'stop'],
  ]) {
    const ran = await cli.run(...command);
    assert.equal(ran.code, 0, `${command.join(' ')}: ${ran.stderr}`);
  }

  const files = globSync('**', { cwd: cli.home });
  assert.ok(files.length > 3, files.join());
  for (const file of files) assert.equal(lstatSync(join(cli.home, file)).uid, nobody, file);
});

test('a data folder that this user may not make is refused with the advice to set FLM_HOME', {
  skip: reason,
}, (t) => {
  const { folder } = makeCli(t);
  chmodSync(folder, 0o755);
  const { stderr } = spawnSync(process.execPath, [flmEntry, 'key', 'list'], {
    uid: nobody,
    gid: nobody,
    cwd: '/',
    env: { FLM_HOME: join(folder, 'home'), FLM_SETUP: 'off' },
    encoding: 'utf8',
  });
  assert.match(stderr, /refused to make the folder .*\(EACCES\)\.\nSet FLM_HOME to a folder of this user/);
});

test('a user without an account and without HOME can use the command line', { skip: reason }, (t) => {
  const { folder, home } = makeCli(t);
  chmodSync(folder, 0o777);
  const noAccount = 54_321;
  const run = (...args: readonly string[]) =>
    spawnSync(process.execPath, [flmEntry, ...args], {
      uid: noAccount,
      gid: noAccount,
      cwd: folder,
      env: { FLM_HOME: home, FLM_DETECT_PORTS: '', FLM_SETUP: 'off' },
      encoding: 'utf8',
    });
  assert.equal(run('key', 'create', 'laptop').status, 0);
  assert.match(run('key', 'list').stdout, /laptop/);
  assert.doesNotMatch(run('service', 'status').stderr, /internal/);
});
