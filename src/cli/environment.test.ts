/** The home folder of the user, in a process of its own: this file changes the environment of the process. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { userInfo } from 'node:os';
import { test } from 'node:test';
import { makeCli } from '../../test/helpers/cli.ts';

const printHome = `
  import { homedir } from 'node:os';
  await import(${JSON.stringify(new URL('./environment.ts', import.meta.url).href)});
  process.stdout.write(homedir());
`;

function homeWith(value: string): string {
  return execFileSync(process.execPath, ['--input-type=module', '-e', printHome], {
    env: { HOME: value },
    encoding: 'utf8',
  });
}

test('an empty or relative HOME counts as not set, so that data does not lie in the working folder', (t) => {
  if (process.platform === 'win32') return t.skip('Windows does not use HOME');
  const { homedir: ofAccount } = userInfo();
  assert.equal(homeWith(''), ofAccount);
  assert.equal(homeWith('not/absolute'), ofAccount);
  assert.equal(homeWith('/somewhere/else'), '/somewhere/else');
});

test('a command with a relative HOME or cache folder leaves the working folder as it is', async (t) => {
  for (const places of [{ HOME: '' }, { HOME: 'not/absolute', XDG_CACHE_HOME: 'caches' }]) {
    const cli = makeCli(t, { ...places, NODE_COMPILE_CACHE: undefined });
    const before = readdirSync(cli.folder);
    const { code, stderr } = await cli.run('version');
    assert.deepEqual([code, stderr], [0, '']);
    assert.deepEqual(readdirSync(cli.folder), before);
  }
});

test('where no compile cache is wanted, a command makes no folder for it in the home folder', async (t) => {
  const off = { NODE_DISABLE_COMPILE_CACHE: '1', NODE_COMPILE_CACHE: undefined, XDG_CACHE_HOME: undefined };
  const cli = makeCli(t, off);
  const before = readdirSync(cli.folder);
  assert.equal((await cli.run('version')).code, 0);
  assert.deepEqual(readdirSync(cli.folder), before);
});
