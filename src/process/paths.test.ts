/** Data folders by variable and by platform, and socket paths that are short enough. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { failsWith } from '../../test/contracts/controller-contract.ts';
import { privateFolder } from '../files/private-folder.ts';
import { homePaths, makeHomeFolders, type PathFacts, systemHome } from './paths.ts';

const linux: PathFacts = {
  env: {},
  platform: 'linux',
  userHome: '/home/ada',
  temporaryFolder: '/tmp',
  uid: 1000,
};

const homeOf = (parts: Partial<PathFacts>): string => homePaths({ ...linux, ...parts }).home;

test('FLM_HOME moves all data, and an empty one is none', () => {
  assert.equal(homeOf({ env: { FLM_HOME: '/data/flm', XDG_DATA_HOME: '/xdg' } }), '/data/flm');
  assert.equal(homeOf({ env: { FLM_HOME: '' } }), '/home/ada/.local/share/flm');
  assert.equal(homeOf({ env: { FLM_HOME: 'here/flm' } }), join(process.cwd(), 'here/flm'));
  const { run, logs, logFile } = homePaths({ ...linux, env: { FLM_HOME: '/data' } });
  assert.deepEqual([run, logs, logFile('work')], ['/data/run', '/data/logs', '/data/logs/work.log']);
});

test('without it each platform has its own place', () => {
  assert.equal(homeOf({}), '/home/ada/.local/share/flm');
  assert.equal(homeOf({ env: { XDG_DATA_HOME: '/xdg' } }), '/xdg/flm');
  assert.equal(homeOf({ env: { XDG_DATA_HOME: 'not/absolute' } }), '/home/ada/.local/share/flm');
  const mac = { platform: 'darwin', userHome: '/Users/ada' } as const;
  assert.equal(homeOf(mac), '/Users/ada/Library/Application Support/flm');
  const windows = { platform: 'win32', userHome: 'C:\\Users\\ada', uid: undefined } as const;
  assert.equal(homeOf(windows), 'C:\\Users\\ada\\AppData\\Local\\flm');
  assert.equal(homeOf({ ...windows, env: { LOCALAPPDATA: 'D:\\Local' } }), 'D:\\Local\\flm');
  assert.equal(homePaths({ ...linux, ...windows }).controlPath('px_1'), '\\\\.\\pipe\\flm-px_1');
});

test('a control socket whose path would be too long lies in the temporary folder', () => {
  // "/run/px_12345678.sock" has 21 bytes.
  const at = (bytes: number, parts: Partial<PathFacts> = {}): string =>
    homePaths({ ...linux, env: { FLM_HOME: `/${'h'.repeat(bytes - 22)}` }, ...parts }).controlPath(
      'px_12345678',
    );
  assert.equal(at(107).length, 107);
  assert.equal(at(108), '/tmp/flm-1000/px_12345678.sock');
  assert.equal(at(103, { platform: 'darwin' }).length, 103);
  assert.equal(at(104, { platform: 'darwin' }), '/tmp/flm-1000/px_12345678.sock');
  assert.equal(at(108, { temporaryFolder: `/${'t'.repeat(100)}` }), '/tmp/flm-1000/px_12345678.sock');
  assert.equal(at(108, { temporaryFolder: 'not/absolute' }), '/tmp/flm-1000/px_12345678.sock');
  // The limit counts bytes, not characters.
  const umlauts = { env: { FLM_HOME: `/${'ü'.repeat(50)}` } };
  assert.equal(at(22, umlauts), '/tmp/flm-1000/px_12345678.sock');
});

test('a name that would leave the folder is none', () => {
  const { logFile, controlPath } = homePaths(linux);
  assert.throws(() => logFile('../flm'));
  assert.throws(() => controlPath('../flm'));
});

test('the folders are made for this user alone, and are not changed where they exist', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'flm-paths-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const paths = homePaths({ ...linux, env: { FLM_HOME: join(folder, 'deep', 'home') } });
  makeHomeFolders(paths);
  makeHomeFolders(paths);
  for (const each of [paths.home, paths.run, paths.logs]) assert.equal(statSync(each).mode & 0o777, 0o700);
});

test('a place that takes no folder is told, and looking for one ends', {
  skip: process.platform !== 'linux',
}, () => {
  for (const folder of ['/proc/self/none', '/proc/self/none/deeper'])
    assert.throws(
      () => privateFolder(folder),
      /refused to make the folder \/proc\/self\/none.*: a part of the path does not exist \(ENOENT\)/,
    );
});

test('a link in a shared folder is not trusted', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'flm-paths-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const link = join(folder, 'flm-1000');
  privateFolder(join(folder, 'mine'));
  symlinkSync(join(folder, 'mine'), link);
  privateFolder(link);
  assert.throws(() => privateFolder(link, { noLink: true }), failsWith('HOME_UNSAFE'));
});

test('the advice about a folder quotes its name for a shell, and does not touch a file or folder of something else', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'flm paths '));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  const hint = `If only flm uses this folder, make it private to your user: \`chown "$USER" '${folder}' && chmod 700 '${folder}'\`. Otherwise set FLM_HOME to another folder.`;
  assert.throws(() => privateFolder(folder), { code: 'HOME_UNSAFE', hint });
});

test('a system service has its data in the standard place of each system', () => {
  assert.equal(systemHome({ platform: 'linux', env: {} }), '/var/lib/flm');
  assert.equal(systemHome({ platform: 'darwin', env: {} }), '/Library/Application Support/flm');
  assert.equal(systemHome({ platform: 'win32', env: { ProgramData: 'D:\\Data' } }), 'D:\\Data\\flm');
  assert.equal(systemHome({ platform: 'win32', env: {} }), 'C:\\ProgramData\\flm');
});

test('root works with the data of an installed system service, and FLM_HOME and other users with their own', () => {
  const root: Partial<PathFacts> = {
    uid: 0,
    userHome: '/root',
    serviceFiles: ['ssh.service', 'flm.service'],
  };
  assert.equal(homeOf(root), '/var/lib/flm');
  assert.equal(homePaths({ ...linux, ...root }).ofSystemService, true);
  assert.equal(homeOf({ ...root, serviceFiles: ['flm-lab.service'] }), '/var/lib/flm');
  assert.equal(homeOf({ ...root, serviceFiles: ['flmx.service'] }), '/root/.local/share/flm');
  assert.equal(homeOf({ ...root, env: { FLM_HOME: '/data' } }), '/data');
  assert.equal(homeOf({ ...root, uid: 1000, userHome: '/home/ada' }), '/home/ada/.local/share/flm');
  const mac: Partial<PathFacts> = { platform: 'darwin', serviceFiles: ['dev.flm.default.plist'] };
  assert.equal(homeOf({ ...root, ...mac }), '/Library/Application Support/flm');
});
