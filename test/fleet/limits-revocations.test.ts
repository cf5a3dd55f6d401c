/** A key that is revoked on one machine while the database is away ends on every machine, through the server of limits. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Redis } from 'iovalkey';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import { eventually } from '../helpers/eventually.ts';
import { noPostgres, postgresForFile } from '../helpers/postgres-server.ts';
import { testStoreKeyText } from '../helpers/postgres-store.ts';
import { noRedis, startRedis } from '../helpers/redis-server.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';
import { temporaryHome } from '../helpers/temporary-store.ts';

const postgres = postgresForFile();

async function status(baseUrl: string, key: string): Promise<number> {
  const { status, body } = await fetch(`${baseUrl}/models`, { headers: { authorization: `Bearer ${key}` } });
  await body?.cancel();
  return status;
}

function machine(t: TestContext, database: string, valkey: string): TestCli {
  const file = join(temporaryHome(t), 'store.key');
  writeFileSync(file, testStoreKeyText, { mode: 0o600 });
  return makeCli(t, { FLM_DATABASE_URL: database, FLM_STORE_KEY_FILE: file, FLM_VALKEY_URL: valkey });
}

test('a revocation without the database reaches every machine, and is stored later', {
  skip: noPostgres || noRedis,
}, async (t) => {
  const server = await startRedis();
  t.after(() => server.close());
  const database = await postgres.database(t);
  const [here, there] = [machine(t, database, server.url), machine(t, database, server.url)];
  const [first, second] = [await startProxy(here, '--demo'), await startProxy(there, '--demo')];
  const { key, id } = await createKey(here, 'laptop');
  for (const { baseUrl } of [first, second])
    await eventually(
      () => status(baseUrl, key),
      (seen) => seen === 200,
    );
  const client = new Redis(server.port, '127.0.0.1');
  client.on('error', () => {});
  t.after(() => client.disconnect());
  await postgres.stop('crash');
  const revoked = await here.run('key', 'revoke', 'laptop', '--json');
  assert.equal(revoked.code, 0, revoked.stderr);
  await eventually(
    () => status(second.baseUrl, key),
    (seen) => seen === 401,
  );
  assert.equal(await client.hexists('{flm}:revoked', id), 1, 'kept for machines that connect later');
  await postgres.start();
  await eventually(
    () => client.hexists('{flm}:revoked', id),
    (seen) => seen === 0,
  );
  const listed = await there.run('key', 'list', '--json');
  assert.match(listed.stdout, /"revokedAt":"/);
  for (const cli of [here, there]) await cli.run('proxy', 'stop', '--all');
});
