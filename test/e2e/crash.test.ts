/** What `flm proxy status` says of a proxy that was killed, and which advice fits what the system refuses. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertMistake, makeCli } from '../helpers/cli.ts';
import { startProxy } from '../helpers/start-proxy.ts';

interface Started {
  readonly id: string;
  readonly pid: number;
  readonly profile: string;
}

interface Status {
  readonly proxies: readonly Started[];
  readonly crashed?: readonly (Started & {
    readonly lastSeenAt: string | null;
    readonly log: string | null;
  })[];
}

test('a proxy that was killed is shown as ended without a stop, with its log, until its profile starts again', async (t) => {
  const cli = makeCli(t);
  const status = async () => (await cli.run('proxy', 'status', '--json')).json<Status>();
  const { id, pid } = await startProxy(cli);
  assert.equal((await status()).crashed, undefined);
  process.kill(pid, 'SIGKILL');
  while ((await status()).proxies.length > 0);

  const { crashed } = await status();
  const text = await cli.run('proxy', 'status');
  const again = await cli.run('proxy', 'start', '--port', '0', '--json');

  assert.deepEqual(
    crashed?.map((c) => [c.id, c.pid, c.profile, c.log]),
    [[id, pid, 'default', join(cli.home, 'logs/default.log')]],
  );
  assert.ok(Date.parse(crashed?.[0]?.lastSeenAt ?? '') > 0);
  assert.match(text.stdout, /^No proxy is running\./);
  assert.match(text.stdout, new RegExp(`^${id} +ended without a stop, profile default, pid ${pid}`, 'm'));
  assert.match(text.stdout, /`flm proxy logs default`/);
  assert.equal(again.code, 0, again.stderr);
  assert.equal((await status()).crashed, undefined);
});

test('a killed foreground proxy is shown as well, with its log where its standard error went', async (t) => {
  const cli = makeCli(t);
  const running = cli.start('proxy', 'run', '--port', '0', '--json');
  await running.saw(/\n/);
  running.child.kill('SIGKILL');
  await running.ended;

  const { crashed } = (await cli.run('proxy', 'status', '--json')).json<Status>();

  assert.deepEqual([crashed?.length, crashed?.[0]?.log, crashed?.[0]?.lastSeenAt], [1, null, null]);
  assert.match((await cli.run('proxy', 'status')).stdout, /Its log went to its standard error\./);
});

test('a proxy that was stopped is no crash', async (t) => {
  const cli = makeCli(t);
  await cli.run('proxy', 'start', '--port', '0');
  await cli.run('proxy', 'stop');
  assert.deepEqual((await cli.run('proxy', 'status', '--json')).json(), { proxies: [] });
});

test('a data folder that cannot be created is reported with the reason of the system and fitting advice', async (t) => {
  const cli = makeCli(t);
  writeFileSync(join(cli.folder, 'file'), '');
  const inFile = makeCli(t, { FLM_HOME: join(cli.folder, 'file/home') });
  const ran = await inFile.run('proxy', 'start');
  assertMistake(ran, /refused to make the folder .*: a part of the path is not a folder \(ENOTDIR\)/);
  assert.doesNotMatch(ran.stderr, /chown/);
});

test('a log that cannot be opened is reported with its name', async (t) => {
  const cli = makeCli(t);
  await cli.run('key', 'list');
  mkdirSync(join(cli.home, 'logs/default.log'));
  const ran = await cli.run('proxy', 'start', '--port', '0');
  assert.match(ran.stderr, /refused to open the log .*default\.log: .* \(EISDIR\)/);
  assert.equal(readFileSync(join(cli.folder, 'home/flm.db')).length > 0, true);
});
