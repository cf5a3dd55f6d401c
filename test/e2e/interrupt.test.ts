/** Ctrl-C ends a command that waits for a file or for its input. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import { eventually } from '../helpers/eventually.ts';

const skip = process.platform !== 'linux' && 'only Linux shows which files a process has open';

function namedPipe(t: TestContext): { readonly cli: TestCli; readonly pipe: string } {
  const cli = makeCli(t);
  const pipe = join(cli.folder, 'pipe.csv');
  execFileSync('mkfifo', [pipe]);
  return { cli, pipe };
}

/** Interrupts a command as soon as it has that file open. */
async function interrupted(cli: TestCli, file: string, words: readonly string[]): Promise<void> {
  const { child, ended } = cli.start(...words);
  await eventually(
    () => openFiles(child.pid ?? 0),
    (files) => files.includes(file),
  );
  child.kill('SIGINT');
  const { code, stderr } = await ended;
  assert.deepEqual([code, stderr], [1, 'Interrupted.\n'], words.join(' '));
}

function openFiles(pid: number): readonly string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap((name) => {
    try {
      return readlinkSync(join(folder, name));
    } catch {
      // Closed meanwhile.
      return [];
    }
  });
}

test('a command that waits for a named pipe without a writer ends with Ctrl-C', {
  skip,
  timeout: 120_000,
}, async (t) => {
  const { cli, pipe } = namedPipe(t);
  for (const words of [
    ['apply', '--file', pipe],
    ['policy', 'set', '--file', pipe],
    ['profile', 'import', pipe],
    ['key', 'import', pipe],
    ['audit', 'verify', '--heads-in', pipe],
  ])
    await interrupted(cli, pipe, words);
});

test('a command that waits for its standard input ends with Ctrl-C', {
  skip,
  timeout: 120_000,
}, async (t) => {
  const cli = makeCli(t);
  for (const words of [
    ['apply', '--file', '-'],
    ['key', 'import', 'anna'],
    ['engine', 'add', 'http://127.0.0.1:9', '--key-stdin'],
  ])
    await interrupted(cli, join(cli.home, 'flm.db'), words);
});

test('a named pipe is read to its end, however late its writer comes', { skip }, async (t) => {
  const { cli, pipe } = namedPipe(t);
  const { child, ended } = cli.start('apply', '--file', pipe, '--dry-run');
  await eventually(
    () => openFiles(child.pid ?? 0),
    (files) => files.includes(pipe),
  );
  writeFileSync(pipe, 'keys: []\n');
  assert.equal((await ended).stdout, 'Nothing would change.\n');
});

test('a backup in a named pipe is refused at once', { skip }, async (t) => {
  const { cli, pipe } = namedPipe(t);
  const { code, stderr } = await cli.run('backup', 'verify', pipe);
  assert.equal(code, 1);
  assert.match(stderr, /pipe\.csv cannot be used: it is a pipe\./);
});
