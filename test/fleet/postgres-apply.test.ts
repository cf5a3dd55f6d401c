/** A configuration file and the first admin key on machines that share one PostgreSQL database. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import { eventually } from '../helpers/eventually.ts';
import { noPostgres, postgresForFile } from '../helpers/postgres-server.ts';
import { testStoreKeyText } from '../helpers/postgres-store.ts';
import { temporaryHome } from '../helpers/temporary-store.ts';

const postgres = postgresForFile();
const skip = noPostgres;

interface Applied {
  readonly changes: readonly { readonly kind: string; readonly name: string; readonly change: string }[];
}

/** Machines of one fleet, each with a data folder of its own. */
function machines(t: TestContext, url: string, count: number, more: Readonly<Record<string, string>> = {}) {
  const file = join(temporaryHome(t), 'store.key');
  writeFileSync(file, testStoreKeyText, { mode: 0o600 });
  const env = { FLM_DATABASE_URL: url, FLM_STORE_KEY_FILE: file, FLM_PROXY_PORT: '0', ...more };
  return Array.from({ length: count }, () => makeCli(t, env));
}

async function running(cli: TestCli): Promise<string> {
  const [, url = ''] = await cli.start('proxy', 'run', '--json').saw(/"url":"([^"]+)"/);
  return url;
}

async function statusOf(url: string, secret: string, path = '/v1/models'): Promise<number> {
  const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${secret}` } });
  await response.arrayBuffer();
  return response.status;
}

test('a file that several machines apply at once is applied once, and every gateway follows it', {
  skip,
}, async (t) => {
  const fleet = machines(t, await postgres.database(t), 3);
  const [first, second] = fleet;
  assert.ok(first !== undefined && second !== undefined);
  const urls = await Promise.all([running(first), running(second)]);
  const secret = randomBytes(24).toString('base64url');
  const secretFile = join(first.folder, 'secret');
  writeFileSync(secretFile, secret);
  const file = JSON.stringify({
    policy: { requestsPerMinutePerKey: 6000 },
    keys: [{ label: 'ci', secret: { from: 'file', path: secretFile } }],
    engines: [{ id: 'box', url: 'http://127.0.0.1:9', kind: 'vllm' }],
    aliases: { gpt: 'llama3' },
    profiles: { lab: { port: 0 } },
  });
  const apply = async (
    cli: TestCli,
    text: string,
    ...flags: readonly string[]
  ): Promise<readonly string[]> => {
    const ran = await cli.pipe(text, 'apply', '-f', '-', '--json', ...flags);
    assert.equal(ran.code, 0, ran.stderr);
    return ran.json<Applied>().changes.map(({ kind, name, change }) => `${change} ${kind} ${name}`);
  };

  const made = await Promise.all(fleet.map((cli) => apply(cli, file)));
  assert.deepEqual(made.flat().sort(), [
    'change policy policy',
    'create alias gpt',
    'create engine box',
    'create key ci',
    'create profile lab',
  ]);
  for (const url of urls)
    await eventually(
      () => statusOf(url, secret),
      (status) => status === 200,
    );
  assert.deepEqual((await second.run('export')).stdout, (await first.run('export')).stdout);

  assert.deepEqual(await apply(second, '{ keys: [] }', '--prune'), ['remove key ci']);
  for (const url of urls)
    await eventually(
      () => statusOf(url, secret),
      (status) => status === 401,
    );
  assert.deepEqual(await apply(first, '{ keys: [] }', '--prune'), []);
});

test('gateways that start at once make one first admin key, which works on each of them', {
  skip,
}, async (t) => {
  const file = join(temporaryHome(t), 'admin-key');
  const secret = randomBytes(24).toString('base64url');
  writeFileSync(file, secret);
  const more = { FLM_ADMIN_KEY_FILE: file, FLM_PROXY_ADMIN: 'true' };
  const fleet = machines(t, await postgres.database(t), 3, more);
  const urls = await Promise.all(fleet.map(running));
  for (const url of urls)
    await eventually(
      () => statusOf(url, secret, '/flm/api/v1/keys'),
      (status) => status === 200,
    );
  const keys = (await fleet[0]?.run('key', 'list', '--json'))?.json<{ keys: { scopes: string[] }[] }>().keys;
  assert.deepEqual(
    keys?.map(({ scopes }) => scopes),
    [['admin']],
  );
});
