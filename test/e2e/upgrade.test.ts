/** `flm upgrade` of a clone; executables and packages are upgraded in test/machine/installed.test.ts. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertMistake, makeCli } from '../helpers/cli.ts';

interface Report {
  readonly handedOver: readonly { readonly id: string; readonly from: string }[];
  readonly failed: readonly { readonly id: string; readonly code: string }[];
}

test('flm upgrade hands every running proxy over to the installed files', async (t) => {
  const cli = makeCli(t);
  const none = (await cli.run('upgrade', '--json')).json<Report>();
  assert.deepEqual(none, { handedOver: [], failed: [] });
  await cli.run('profile', 'save', 'lab', '--port', '0');
  const first = (await cli.run('proxy', 'start', '--port', '0', '--json')).json<{
    id: string;
    port: number;
  }>();
  const second = (await cli.run('proxy', 'start', 'lab', '--json')).json<{ id: string }>();

  const upgraded = await cli.run('upgrade', '--json');

  assert.equal(upgraded.code, 0, upgraded.stderr);
  const report = upgraded.json<Report>();
  assert.deepEqual(report.failed, []);
  assert.deepEqual(report.handedOver.map(({ from }) => from).sort(), [first.id, second.id].sort());
  const { proxies } = (await cli.run('proxy', 'status', '--json')).json<{
    proxies: { id: string; port: number; state: string }[];
  }>();
  const serving = proxies.filter(({ state }) => state === 'running');
  assert.deepEqual(serving.map(({ id }) => id).sort(), report.handedOver.map(({ id }) => id).sort());
  assert.ok(serving.some(({ port }) => port === first.port));
  assert.match((await cli.run('upgrade')).stderr, /git pull/);
});

test('flm upgrade --to refuses what cannot be installed here, and says why', async (t) => {
  const cli = makeCli(t);
  const file = (name: string, bytes: Buffer): string => {
    const path = join(cli.folder, name);
    writeFileSync(path, bytes);
    return path;
  };
  const elf = Buffer.alloc(64);
  elf.write('\x7fELF', 'latin1');
  elf.writeUInt16LE(62, 18);

  assertMistake(await cli.run('upgrade', '--to', '/nowhere/flm'), /\/nowhere\/flm/);
  assertMistake(await cli.run('upgrade', '--to', file('a', Buffer.from('text'))), /neither an executable/);
  assertMistake(await cli.run('upgrade', '--to', file('b', elf)), /installed as a clone of the repository/);
  const deb = file('c.deb', Buffer.from('!<arch>\ndebian-binary'));
  assertMistake(await cli.run('upgrade', '--to', deb), /without a release key.*\n.*--sha256/);
  assertMistake(await cli.run('upgrade', '--to', deb, '--sha256', 'zz'), /64 hexadecimal digits/);
  assertMistake(await cli.run('upgrade', '--to', deb, '--sha256', 'a'.repeat(64)), /another SHA-256/);
  assertMistake(await cli.run('upgrade', '--sha256', 'a'.repeat(64)), /goes with --to FILE/);
});
