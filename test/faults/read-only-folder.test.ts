/** A data folder that became read-only, or full, under a proxy that runs: it can be looked at, stopped, and a key revoked. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';

interface Key {
  readonly id: string;
  readonly key: string;
  readonly revokedAt: string | null;
  readonly inMemoryOf?: readonly string[];
}
interface Proxy {
  readonly id: string;
  readonly baseUrl: string;
  readonly warnings: readonly string[];
}

/** A disk of its own for FLM_HOME; undefined where the test was skipped. */
function disk(t: TestContext): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'flm-disk-'));
  t.after(() => {
    // What is mounted on it twice is unmounted twice.
    for (let i = 0; i < 2; i++) spawnSync('umount', ['-l', folder]);
    rmSync(folder, { recursive: true, force: true });
  });
  if (process.platform !== 'linux') return void t.skip('needs tmpfs');
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=0700', 'tmpfs', folder]);
  if (mounted.status !== 0) return void t.skip('may not mount a tmpfs here');
  spawnSync('mount', ['--make-private', folder]);
  chmodSync(folder, 0o700);
  return folder;
}

async function ok(cli: TestCli, ...args: readonly string[]) {
  const ran = await cli.run(...args);
  assert.equal(ran.code, 0, `${args.join(' ')}: ${ran.stderr}`);
  return ran;
}

async function keysAndProxy(t: TestContext, home: string, cli = makeCli(t, { FLM_HOME: home })) {
  const [a, b] = [await createKey(cli, 'a'), await createKey(cli, 'b')];
  const proxy = await startProxy(cli, '--engine', 'http://127.0.0.1:9');
  const status = async (key: string): Promise<number> => {
    const answer = await fetch(`${proxy.baseUrl}/models`, { headers: { authorization: `Bearer ${key}` } });
    await answer.body?.cancel();
    return answer.status;
  };
  const warnings = async () =>
    (await ok(cli, 'proxy', 'status', '--json')).json<{ proxies: Proxy[] }>().proxies[0]?.warnings ?? [];
  return { cli, a, b, proxy, status, warnings };
}

async function stored(cli: TestCli, id: string): Promise<boolean> {
  const { keys } = (await ok(cli, 'key', 'list', '--json')).json<{ keys: Key[] }>();
  return keys.find((key) => key.id === id)?.revokedAt !== null;
}

test('with a data folder that became read-only the proxy is shown and stopped, keys are listed, and one is revoked in memory until it can be written', async (t) => {
  const home = disk(t);
  if (home === undefined) return;
  const { cli, a, b, proxy, status, warnings } = await keysAndProxy(t, home);
  // The proxy has its files open, so that it could write them still; another writer keeps it from that.
  const lock = new DatabaseSync(join(home, 'flm.db'));
  t.after(() => lock.isOpen && lock.close());
  lock.exec('BEGIN IMMEDIATE');
  assert.equal(spawnSync('mount', ['--bind', home, home]).status, 0);
  assert.equal(spawnSync('mount', ['-o', 'remount,bind,ro', home]).status, 0);

  const { keys } = (await ok(cli, 'key', 'list', '--json')).json<{ keys: Key[] }>();
  assert.deepEqual(
    keys.map(({ id, revokedAt }) => [id, revokedAt]),
    [
      [a.id, null],
      [b.id, null],
    ],
  );
  const refused = await cli.run('key', 'create', 'c');
  assert.deepEqual([refused.code, refused.stdout], [2, '']);
  assert.match(refused.stderr, /flm\.db cannot be written: its file system is read-only/);

  assert.deepEqual([await status(a.key), await status(b.key)], [200, 200]);
  const revoked = await ok(cli, 'key', 'revoke', 'b', '--json');
  assert.deepEqual(revoked.json<Key>().inMemoryOf, [proxy.id]);
  assert.match(revoked.stderr, /The revocation is not stored: .*read-only/);
  assert.deepEqual([await status(a.key), await status(b.key)], [200, 401]);
  assert.ok(
    (await warnings()).some((text) => text.includes(`${b.id} is revoked only in the memory of this proxy`)),
  );
  const log = join(home, 'logs', 'default.log');
  assert.match(readFileSync(log, 'utf8'), /key revoked only in memory/);
  assert.equal(await stored(cli, b.id), false);

  lock.close();
  assert.equal(spawnSync('umount', ['-l', home]).status, 0);
  while (!(await stored(cli, b.id)));
  assert.match(readFileSync(log, 'utf8'), /the revocation is written/);
  assert.ok(!(await warnings()).some((text) => text.includes(b.id)));

  assert.equal(spawnSync('mount', ['--bind', home, home]).status, 0);
  assert.equal(spawnSync('mount', ['-o', 'remount,bind,ro', home]).status, 0);
  const stop = await ok(cli, 'proxy', 'stop');
  assert.match(stop.stdout, /^Stopped px_/);
  assert.match(stop.stderr, /The audit does not have this proxy\.stop/);
  assert.match((await ok(cli, 'proxy', 'status')).stdout, /No proxy is running/);
  assert.equal((await ok(cli, 'key', 'list', '--json')).json<{ keys: Key[] }>().keys.length, 2);
});

test('a proxy that ends with a revocation in its memory alone says that the key is valid again', async (t) => {
  const cli = makeCli(t);
  const { b } = await keysAndProxy(t, cli.home, cli);
  // A file in which no key can be changed.
  const db = new DatabaseSync(join(cli.home, 'flm.db'));
  db.exec('CREATE TRIGGER broken AFTER UPDATE ON api_key BEGIN INSERT INTO missing VALUES (1); END');
  db.close();
  assert.match((await ok(cli, 'key', 'revoke', 'b')).stdout, /^Revoked key_\w+ \(b\) in the memory of px_/);
  const stop = await ok(cli, 'proxy', 'stop');
  assert.match(
    stop.stderr,
    new RegExp(`Key ${b.id} .* is valid again at the next start: run .flm key revoke ${b.id}`),
  );
});

test('on a full disk no command says that nothing was changed when something was, and a key is revoked', async (t) => {
  const home = disk(t);
  if (home === undefined) return;
  const { cli, a, b, status } = await keysAndProxy(t, home);
  const filler = join(home, 'filler');
  const { bavail, bsize } = statfsSync(home);
  writeFileSync(filler, Buffer.alloc(bavail * bsize));

  const policy = async () => (await ok(cli, 'policy', 'show', '--json')).stdout;
  const before = { policy: await policy(), keys: (await ok(cli, 'key', 'list', '--json')).stdout };
  const changes = [
    ['key', 'create', 'c', '--json'],
    ['key', 'rotate', 'a', '--json'],
    ['policy', 'set', '--rpm', '5'],
  ];
  for (const args of changes) {
    const ran = await cli.run(...args);
    const after = { policy: await policy(), keys: (await ok(cli, 'key', 'list', '--json')).stdout };
    const changed = after.policy !== before.policy || after.keys !== before.keys;
    // A change of a few bytes may find its place in the log that is there.
    assert.equal(ran.code === 0, changed, `${args.join(' ')}: ${ran.stderr}`);
    if (changed && args[0] === 'key') assert.match(ran.json<Key>().key, /^flm_\w{49}$/);
    if (!changed) assert.match(ran.stderr, /is full/);
    Object.assign(before, after);
  }
  assert.match((await ok(cli, 'key', 'revoke', 'b')).stdout, /^Revoked key_/);
  assert.equal(await status(b.key), 401);
  rmSync(filler);
  while (!(await stored(cli, b.id)));
  await ok(cli, 'proxy', 'stop');
  assert.ok(a.id);
});
