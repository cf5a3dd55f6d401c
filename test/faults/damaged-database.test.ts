/** A database of keys and handles that is damaged under a proxy that runs: the proxy is shown, and can be stopped. */
import assert from 'node:assert/strict';
import { rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeCli } from '../helpers/cli.ts';
import { startProxy } from '../helpers/start-proxy.ts';

interface Proxy {
  readonly id: string;
  readonly warnings: readonly string[];
}

test('with a damaged flm.db a running proxy is shown and stopped, by its control socket', async (t) => {
  const cli = makeCli(t);
  const { id } = await startProxy(cli, '--engine', 'http://127.0.0.1:9');
  truncateSync(join(cli.home, 'flm.db'), 4_096 * 3);
  const shown = await cli.run('proxy', 'status', '--json');
  assert.equal(shown.code, 0, shown.stderr);
  assert.deepEqual(
    shown.json<{ proxies: readonly Proxy[] }>().proxies.map((proxy) => proxy.id),
    [id],
  );
  assert.match(shown.stderr, /flm\.db is damaged/);
  const stopped = await cli.run('proxy', 'stop', id);
  assert.equal(stopped.code, 0, stopped.stderr);
  assert.match(stopped.stdout, new RegExp(`^Stopped ${id}`));
  const none = await cli.run('proxy', 'status', '--json');
  assert.deepEqual(none.json<{ proxies: readonly Proxy[] }>().proxies, []);
});

test('where flm.db was removed under a proxy, the proxy is shown and stopped all the same', async (t) => {
  const cli = makeCli(t);
  const { id } = await startProxy(cli, '--engine', 'http://127.0.0.1:9');
  for (const end of ['', '-wal', '-shm']) rmSync(join(cli.home, `flm.db${end}`), { force: true });
  const shown = await cli.run('proxy', 'status', '--json');
  assert.deepEqual(
    shown.json<{ proxies: readonly Proxy[] }>().proxies.map((proxy) => proxy.id),
    [id],
  );
  const stopped = await cli.run('proxy', 'stop');
  assert.equal(stopped.code, 0, stopped.stderr);
});

test('with a damaged flm.db a command that needs it says so and changes nothing', async (t) => {
  const cli = makeCli(t);
  await cli.run('key', 'create', 'laptop');
  truncateSync(join(cli.home, 'flm.db'), 4_096 * 3);
  const { code, stderr } = await cli.run('key', 'create', 'phone');
  assert.equal(code, 2);
  assert.match(stderr, /flm\.db is damaged .*left as it is/);
});
