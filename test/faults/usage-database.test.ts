/**
 * Changes of keys, policy, engines, aliases and profiles do not depend on `usage.db`: damaged, locked or read-only, it
 * hides usage and nothing else.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { makeCli, type TestCli } from '../helpers/cli.ts';

interface Key {
  readonly id: string;
  readonly key: string;
  readonly label: string;
  readonly revokedAt: string | null;
}

type Break = (t: TestContext, file: string) => void;

/** `file` is there, and a proxy has it open. */
const ways: Readonly<Record<string, Break>> = {
  damaged: (_, file) => writeFileSync(file, 'this is no database '.repeat(300)),
  'locked by another process': (t, file) => {
    const db = new DatabaseSync(file);
    db.exec('BEGIN EXCLUSIVE');
    t.after(() => db.close());
  },
  'a folder': (_, file) => {
    for (const end of ['', '-wal', '-shm']) rmSync(`${file}${end}`, { force: true });
    mkdirSync(file);
  },
  'of a newer flm': (_, file) => {
    const db = new DatabaseSync(file);
    db.exec('PRAGMA user_version = 999');
    db.close();
  },
};

async function ok(cli: TestCli, ...args: readonly string[]) {
  const ran = await cli.run(...args);
  assert.equal(ran.code, 0, `${args.join(' ')}: ${ran.stderr}`);
  return ran;
}

for (const [how, damage] of Object.entries(ways)) {
  test(`every change is made and told while usage.db is ${how}`, async (t) => {
    const cli = makeCli(t);
    for (const label of ['a', 'b', 'c']) await ok(cli, 'key', 'create', label);
    await ok(cli, 'proxy', 'start', '--port', '0', '--engine', 'http://127.0.0.1:9');
    damage(t, join(cli.home, 'usage.db'));

    const made = (await ok(cli, 'key', 'create', 'new', '--json')).json<Key>();
    const rotated = (await ok(cli, 'key', 'rotate', 'a', '--json')).json<Key>();
    for (const { key } of [made, rotated]) assert.match(key, /^flm_\w{49}$/);
    assert.match((await ok(cli, 'key', 'revoke', 'b')).stdout, /^Revoked key_/);
    await ok(cli, 'key', 'delete', 'c', '--yes');
    const imported = await cli.pipe(`sk-${randomBytes(32).toString('base64url')}\n`, 'key', 'import', 'old');
    assert.equal(imported.code, 0, imported.stderr);
    await ok(cli, 'policy', 'set', '--rpm', '777');
    await ok(cli, 'engine', 'add', 'http://127.0.0.1:9', '--id', 'far', '--kind', 'vllm');
    await ok(cli, 'engine', 'remove', 'far');
    await ok(cli, 'model', 'alias', 'fast', 'm');
    await ok(cli, 'profile', 'save', 'lab', '--port', '0');

    const { keys } = (await ok(cli, 'key', 'list', '--json')).json<{ keys: Key[] }>();
    assert.deepEqual(
      keys.map(({ label, revokedAt }) => [label, revokedAt === null]),
      [
        ['a', false],
        ['b', false],
        ['new', true],
        ['a', true],
        ['old', true],
      ],
    );
    assert.equal(
      (await ok(cli, 'policy', 'show', '--json')).json<{ requestsPerMinute: number }>().requestsPerMinute,
      777,
    );
    await ok(cli, 'proxy', 'status');
    assert.match((await ok(cli, 'proxy', 'stop')).stdout, /^Stopped px_/);
  });
}

test('the secret of a new key is shown though standard output cannot be written', async (t) => {
  if (!existsSync('/dev/full')) return t.skip('needs /dev/full');
  const cli = makeCli(t);
  for (const args of [
    ['key', 'create', 'x'],
    ['key', 'create', 'y', '--json'],
    ['key', 'rotate', 'x'],
  ]) {
    const ran = await cli.runInto('/dev/full', ...args);
    assert.equal(ran.code, 1, args.join(' '));
    assert.match(ran.stderr, /^flm_\w{49}$/m, args.join(' '));
  }
  const shown = await cli.run('key', 'create', 'z');
  assert.doesNotMatch(shown.stderr, /flm_\w{49}/);
});

test('a command whose result standard output did not accept fails and says why', async (t) => {
  if (!existsSync('/dev/full')) return t.skip('needs /dev/full');
  const cli = makeCli(t);
  for (const args of [['key', 'list'], ['completion', 'bash'], ['--help']]) {
    const ran = await cli.runInto('/dev/full', ...args);
    assert.equal(ran.code, 1, args.join(' '));
    assert.match(ran.stderr, /^Error: The system refused to write to standard output: the disk is full/);
  }
  const piped = cli.start('completion', 'bash');
  piped.child.stdout?.destroy();
  assert.equal((await piped.ended).code, 0, 'a reader may leave');
});
