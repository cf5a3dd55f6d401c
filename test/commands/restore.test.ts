/** `flm backup restore` of the built program, and what happens when it is killed or refused. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { soundChains } from '../contracts/audit-contract.ts';
import { assertMistake, makeCli, type TestCli } from '../helpers/cli.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';
import { openedStore } from '../helpers/temporary-store.ts';

interface Restored {
  readonly kept: string | null;
  readonly stayedRevoked: number;
  readonly stayedDeleted: number;
  readonly lostKeys: number;
  readonly keptAudit: number;
}

interface Key {
  readonly label: string;
  readonly revokedAt: string | null;
  readonly pausedAt: string | null;
}

async function ok(cli: TestCli, ...args: readonly string[]) {
  const ran = await cli.run(...args);
  assert.equal(ran.code, 0, `${args.join(' ')}: ${ran.stderr}`);
  return ran;
}

async function backUp(cli: TestCli): Promise<string> {
  return (await ok(cli, 'backup', 'create', '--plaintext', '--json')).json<{ file: string }>().file;
}

async function restore(cli: TestCli, file: string, ...flags: readonly string[]): Promise<Restored> {
  return (await ok(cli, 'backup', 'restore', file, '--yes', '--json', ...flags)).json<Restored>();
}

async function states(cli: TestCli): Promise<Readonly<Record<string, string>>> {
  const { keys } = (await ok(cli, 'key', 'list', '--json')).json<{ keys: readonly Key[] }>();
  return Object.fromEntries(
    keys.map(({ label, revokedAt, pausedAt }) => [
      label,
      revokedAt !== null ? 'revoked' : pausedAt !== null ? 'paused' : 'active',
    ]),
  );
}

test('a fresh machine has everything after a restore: keys that work, usage, audit, the CA', async (t) => {
  const old = makeCli(t);
  await startProxy(old, '--demo', '--mode', 'dev-selfsigned', '--bind', '127.0.0.1');
  const { key } = await createKey(old, 'anna');
  await ok(old, 'policy', 'set', '--rpm', '77');
  const file = await backUp(old);
  const fresh = makeCli(t);

  const { kept, keptAudit } = await restore(fresh, file);

  assert.equal(kept, null);
  assert.equal(keptAudit, 0);
  assert.deepEqual(await states(fresh), { anna: 'active' });
  assert.match((await ok(fresh, 'policy', 'show', '--json')).stdout, /77/);
  const authority = (home: string) => readFileSync(join(home, 'tls', 'authority.pem'), 'utf8');
  assert.equal(authority(fresh.home), authority(old.home));
  const { baseUrl } = await startProxy(fresh, '--demo');
  const models = await fetch(`${baseUrl}/models`, { headers: { authorization: `Bearer ${key}` } });
  assert.equal(models.status, 200);
});

test('revoked, deleted, paused and rotated keys stay so, unless they are revived', async (t) => {
  const cli = makeCli(t);
  const labels = ['plain', 'revoked', 'deleted', 'paused', 'rotated'];
  const secrets = new Map<string, string>();
  for (const label of labels) secrets.set(label, (await createKey(cli, label)).key);
  const file = await backUp(cli);
  await ok(cli, 'key', 'revoke', 'revoked');
  await ok(cli, 'key', 'delete', 'deleted', '--yes');
  await ok(cli, 'key', 'pause', 'paused');
  await ok(cli, 'key', 'rotate', 'rotated');
  await createKey(cli, 'later');

  const first = await restore(cli, file);

  assert.deepEqual(await states(cli), {
    plain: 'active',
    revoked: 'revoked',
    paused: 'paused',
    rotated: 'revoked',
  });
  assert.equal(first.stayedRevoked, 3);
  assert.equal(first.stayedDeleted, 1);
  assert.equal(first.lostKeys, 2);
  // A second restore knows the deletion too.
  await restore(cli, file);
  assert.equal((await states(cli)).deleted, undefined);

  const revived = await restore(cli, file, '--revive-keys');

  assert.equal(revived.stayedRevoked + revived.stayedDeleted, 0);
  assert.deepEqual(await states(cli), Object.fromEntries(labels.map((label) => [label, 'active'])));
});

test('the current audit goes on after a restore, and its chain is sound', async (t) => {
  const cli = makeCli(t);
  await createKey(cli, 'anna');
  const file = await backUp(cli);
  await createKey(cli, 'berta');

  const { kept } = await restore(cli, file);

  const store = openedStore(t, cli.home);
  assert.deepEqual(await soundChains(store), [3, 0]);
  assert.deepEqual(
    (await store.audit.find({ limit: 9 })).toReversed().map(({ action, point }) => [action, point?.seq]),
    [
      ['key.create', 1],
      ['key.create', 2],
      ['backup.restore', 3],
    ],
  );
  // Everything that was there is in the folder.
  assert.ok(kept !== null);
  const old = new DatabaseSync(join(kept, 'flm.db'), { readOnly: true });
  assert.equal(old.prepare('SELECT count(*) AS total FROM api_key').get()?.total, 2);
  old.close();
});

test('a restore is refused while a proxy runs, without --yes, and for a file that is no sound backup', async (t) => {
  const cli = makeCli(t);
  await createKey(cli, 'anna');
  const file = await backUp(cli);
  const bytes = readFileSync(file);
  const broken = join(cli.folder, 'broken');
  const before = readFileSync(join(cli.home, 'flm.db'));

  assertMistake(await cli.run('backup', 'restore', file), /--yes/);
  for (const content of [bytes.subarray(0, 900), Buffer.from('SQLite format 3'), Buffer.alloc(0)]) {
    writeFileSync(broken, content);
    assertMistake(await cli.run('backup', 'restore', broken, '--yes'), /cannot be used/);
  }
  assert.ok(readFileSync(join(cli.home, 'flm.db')).equals(before));
  await startProxy(cli, '--demo');
  assertMistake(await cli.run('backup', 'restore', file, '--yes'), /proxies of this machine run/);
  assert.deepEqual(
    readdirSync(cli.home).filter((name) => name.startsWith('replaced-')),
    [],
  );
  assert.deepEqual(await states(cli), { anna: 'active' });
});

test('over a damaged database, keys come back only if that is asked for', async (t) => {
  const cli = makeCli(t);
  await createKey(cli, 'anna');
  const file = await backUp(cli);
  for (const end of ['-wal', '-shm']) rmSync(join(cli.home, `flm.db${end}`), { force: true });
  writeFileSync(join(cli.home, 'flm.db'), 'this is no database '.repeat(300));

  assertMistake(await cli.run('backup', 'restore', file, '--yes'), /--revive-keys/);
  const { kept } = await restore(cli, file, '--revive-keys');

  assert.deepEqual(await states(cli), { anna: 'active' });
  assert.match(readFileSync(join(kept ?? '', 'flm.db'), 'utf8'), /no database/);
});

test('a damaged usage.db does not hinder a restore that keeps revocations', async (t) => {
  const cli = makeCli(t);
  await createKey(cli, 'anna');
  const file = await backUp(cli);
  await ok(cli, 'key', 'revoke', 'anna');
  for (const end of ['-wal', '-shm']) rmSync(join(cli.home, `usage.db${end}`), { force: true });
  writeFileSync(join(cli.home, 'usage.db'), 'this is no database '.repeat(300));

  await restore(cli, file);

  assert.deepEqual(await states(cli), { anna: 'revoked' });
  await ok(cli, 'usage');
});

test('a restore that is killed at any moment leaves the old or the new state, and commands work', async (t) => {
  const cli = makeCli(t);
  await createKey(cli, 'anna');
  const file = await backUp(cli);
  await createKey(cli, 'berta');
  for (let waitMs = 100; waitMs < 2_000; waitMs += 60) {
    const running = cli.start('backup', 'restore', file, '--yes');
    const timer = setTimeout(() => running.child.kill('SIGKILL'), waitMs);
    const { code } = await running.ended;
    clearTimeout(timer);
    const labels = Object.keys(await states(cli))
      .sort()
      .join();
    assert.ok(['anna', 'anna,berta'].includes(labels), labels);
    if (code === 0) break;
  }
  await restore(cli, file);

  assert.deepEqual(await states(cli), { anna: 'active' });
  assert.ok(!existsSync(join(cli.home, 'restore.json')));
});

test('a backup that is killed at any moment leaves no file, and the next one works', async (t) => {
  const cli = makeCli(t);
  await createKey(cli, 'anna');
  const folder = join(cli.home, 'backups');
  for (let waitMs = 100; waitMs < 700; waitMs += 60) {
    const running = cli.start('backup', 'create', '--plaintext', '--keep', '30');
    const timer = setTimeout(() => running.child.kill('SIGKILL'), waitMs);
    await running.ended;
    clearTimeout(timer);
  }
  const made = await ok(cli, 'backup', 'create', '--plaintext', '--keep', '30');
  assert.match(made.stdout, /^Saved /);
  const named = readdirSync(folder).filter((name) => name.endsWith('.gz'));
  for (const name of named) await ok(cli, 'backup', 'verify', join(folder, name));
});
