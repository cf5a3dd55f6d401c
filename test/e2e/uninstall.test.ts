/** `flm uninstall`: shown first, refused while proxies run, and nothing of flm's data is left with --data. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertMistake, makeCli } from '../helpers/cli.ts';

test('uninstall refuses while a proxy runs, unless it may stop the proxy', async (t) => {
  const cli = makeCli(t);
  assert.equal((await cli.run('proxy', 'start', '--demo', '--port', '0')).code, 0);
  assertMistake(
    await cli.run('uninstall', '--data', '--yes'),
    /These proxies run and are in the way: px_\w+ \(profile default\)/,
  );
  const shown = await cli.run('uninstall', '--data', '--dry-run');
  assert.match(shown.stdout, /stop px_\w+ \(profile default\).*delete the data/s);
  assert.ok(existsSync(cli.home));
  const done = await cli.run('uninstall', '--data', '--stop', '--yes');
  assert.equal(done.code, 0, done.stderr);
  assert.equal(existsSync(cli.home), false);
});

test('uninstall deletes the data of flm alone where the folder holds other files', async (t) => {
  const cli = makeCli(t);
  await cli.run('key', 'create', 'laptop');
  writeFileSync(join(cli.home, 'thesis.txt'), 'mine');
  const done = await cli.run('uninstall', '--data', '--yes');
  assert.equal(done.code, 0, done.stderr);
  assert.match(done.stderr, /rm -r \S+\/flm\.db\n.*\(other files in \S+ stay\)/s);
  assert.deepEqual(readdirSync(cli.home), ['thesis.txt']);
});

test('uninstall without --data keeps the data and says where', async (t) => {
  const cli = makeCli(t);
  await cli.run('key', 'create', 'laptop');
  const done = await cli.run('uninstall', '--yes');
  assert.equal(done.code, 0, done.stderr);
  assert.ok(existsSync(cli.home));
  // Where there is nothing of flm, nothing is made either.
  const empty = makeCli(t);
  assert.match((await empty.run('uninstall', '--yes')).stderr, /There is nothing to change/);
  assert.equal(existsSync(empty.home), false);
});

test('service commands say plainly where there is no systemd, and change nothing', async (t) => {
  const cli = makeCli(t);
  const ran = await cli.run('service', 'install', '--yes');
  assert.equal(ran.code, 1);
  assert.match(
    ran.stderr,
    /flm cannot install a service here|no systemd user manager|sandbox of a system service|Only root/,
  );
  assert.equal(existsSync(cli.home), false);
});
