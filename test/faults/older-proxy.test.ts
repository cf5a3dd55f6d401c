/** A proxy of an older flm that runs on while a newer command migrates the database: it serves, and takes no change over. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { nonceField } from '../../src/process/control-socket.ts';

import { openStore } from '../../src/store/sqlite/open-store.ts';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import { sampleHandle } from '../helpers/store-samples.ts';

/** The control socket of flm 0.1.0 once its database is newer than itself, and its handle in the store. */
async function olderProxy(t: TestContext, cli: TestCli): Promise<string> {
  const controlPath = join(cli.home, 'run', 'px_old.sock');
  mkdirSync(join(cli.home, 'run'), { recursive: true, mode: 0o700 });
  const handle = sampleHandle('old', { controlPath, pid: process.pid, processStart: '' });
  const newer = { code: 'STORE_NEWER', params: { file: 'flm.db', found: 5, known: 2 }, faults: [] };
  const unknown = { code: 'REQUEST_MALFORMED', params: { reason: 'there is no such path' }, faults: [] };
  const server = createServer((request, response) => {
    response.setHeader(nonceField, handle.nonce);
    if (request.url === '/nonce') return void response.end(`${handle.nonce}\n`);
    const isReload = request.url === '/reload';
    response.statusCode = isReload ? 500 : 404;
    response.end(JSON.stringify({ error: isReload ? newer : unknown }));
  });
  server.listen(controlPath);
  await once(server, 'listening');
  t.after(() => server.close());
  const store = openStore({ home: cli.home, clock: { nowMs: Date.now }, liveness: async () => true });
  await store.proxies.saveHandle(handle);
  store.close();
  return handle.id;
}

test('a revocation that a running proxy of an older flm does not take over is no full success', async (t) => {
  const cli = makeCli(t);
  await cli.run('key', 'create', 'laptop');
  const id = await olderProxy(t, cli);
  const { code, stdout, stderr } = await cli.run('key', 'revoke', 'laptop');
  assert.equal(code, 1, stderr);
  assert.match(stdout, /^Revoked key_\w+ \(laptop\)\.\n$/);
  assert.match(stderr, new RegExp(`${id} did not apply the change: .*\\bflm proxy restart default`));
  assert.match(stderr, new RegExp(`${id} .*may still accept the key; end it: flm proxy stop ${id}`));
});

test('any other change says which running proxy of an older flm does not take it over', async (t) => {
  const cli = makeCli(t);
  await cli.run('key', 'create', 'laptop');
  const id = await olderProxy(t, cli);
  for (const change of [
    ['key', 'pause', 'laptop'],
    ['policy', 'set', '--rpm', '60'],
    ['model', 'alias', 'gpt', 'qwen'],
  ]) {
    const { stderr } = await cli.run(...change);
    assert.match(
      stderr,
      new RegExp(`${id} did not apply the change: .*written by a newer flm`),
      change.join(' '),
    );
  }
});
