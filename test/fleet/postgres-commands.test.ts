/** Commands of two machines that share one PostgreSQL database, as the built program. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Fleet } from '../../src/core/proxy/fleet-node.ts';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import { eventually } from '../helpers/eventually.ts';
import { noPostgres, postgresForFile } from '../helpers/postgres-server.ts';
import { testStoreKeyText } from '../helpers/postgres-store.ts';
import { startProxy } from '../helpers/start-proxy.ts';
import { temporaryHome } from '../helpers/temporary-store.ts';

const postgres = postgresForFile();
const skip = noPostgres;
const faketimeFile = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1';
const noFaketime = existsSync(faketimeFile) ? false : 'faketime is not installed';

/** The command line of one machine. */
function machine(
  t: TestContext,
  url: string,
  more: Readonly<Record<string, string | undefined>> = {},
): TestCli {
  const file = join(temporaryHome(t), 'store.key');
  writeFileSync(file, testStoreKeyText, { mode: 0o600 });
  return makeCli(t, { FLM_DATABASE_URL: url, FLM_STORE_KEY_FILE: file, ...more });
}

async function ok(cli: TestCli, ...args: readonly string[]) {
  const ran = await cli.run(...args);
  assert.equal(ran.code, 0, `flm ${args.join(' ')}: ${ran.stderr}`);
  return ran;
}

test('what one machine changes, another machine has', { skip }, async (t) => {
  const url = await postgres.database(t);
  const [here, there] = [machine(t, url), machine(t, url)];
  await ok(here, 'key', 'create', 'laptop', '--json');
  await ok(here, 'policy', 'set', '--rpm', '77');
  const engine = ['engine', 'add', 'http://127.0.0.1:9', '--id', 'box', '--kind', 'vllm', '--key-stdin'];
  assert.equal((await here.pipe('s3cret', ...engine)).code, 0);
  await ok(here, 'model', 'alias', 'fast', 'llama3');
  const keys = (await ok(there, 'key', 'list', '--json')).json<{ keys: { label: string }[] }>();
  assert.deepEqual(
    keys.keys.map(({ label }) => label),
    ['laptop'],
  );
  assert.match((await ok(there, 'policy', 'show')).stdout, /77/);
  assert.match((await ok(there, 'engine', 'list')).stdout, /box/);
  await ok(there, 'key', 'revoke', 'laptop');
  assert.match((await ok(here, 'key', 'list', '--json')).stdout, /revoked/);
});

test('a proxy keeps its name in the fleet when a shell with another name, or without one, restarts it', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const cli = machine(t, url, { FLM_NODE_NAME: 'gateway-1' });
  await startProxy(cli, '--demo');
  for (const FLM_NODE_NAME of ['gateway-2', undefined]) {
    const other = machine(t, url, { FLM_HOME: cli.home, FLM_NODE_NAME });
    const restarted = (await ok(other, 'proxy', 'restart', '--json')).json<{ id: string }>();
    const node = await eventually(
      async () => {
        const { nodes } = (await ok(cli, 'proxy', 'status', '--fleet', '--json')).json<Fleet>();
        return nodes.find(({ id }) => id === restarted.id);
      },
      (found) => found !== undefined,
    );
    assert.equal(node?.name, 'gateway-1');
  }
});

test('a shell without the database does not restart a proxy that uses one, in both languages', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const cli = machine(t, url);
  const { id } = await startProxy(cli, '--demo');
  const other = makeCli(t, { FLM_HOME: cli.home });
  const refused = await other.run('proxy', 'restart');
  assert.equal(refused.code, 1, refused.stderr);
  const shown = url.replace(/:[^:@/]*@/, '@');
  assert.match(refused.stderr, /FLM_DATABASE_URL/);
  assert.ok(refused.stderr.includes(`the database of the proxy, ${shown}`), refused.stderr);
  const japanese = await other.run('proxy', 'restart', '--lang', 'ja');
  assert.ok(japanese.stderr.includes(`プロキシのデータベース（${shown}）`), japanese.stderr);
  const { proxies } = (await ok(cli, 'proxy', 'status', '--json')).json<{ proxies: { id: string }[] }>();
  assert.deepEqual(
    proxies.map((proxy) => proxy.id),
    [id],
  );
  await ok(cli, 'proxy', 'restart');
});

test('without a store key, every command says so and changes nothing', { skip }, async (t) => {
  const url = await postgres.database(t);
  const cli = machine(t, url, { FLM_STORE_KEY_FILE: undefined });
  const ran = await cli.run('key', 'create', 'laptop');
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, /FLM_STORE_KEY_FILE\) cannot be used: it is not set/);
  assert.match(ran.stderr, /flm db key create/);
  assert.deepEqual(await postgres.query(url, "SELECT to_regnamespace('flm') IS NULL"), ['t']);
});

test('a database that is away is named with the reason, and never with its password', { skip }, async (t) => {
  const url = new URL(await postgres.database(t));
  url.password = 'hunter2';
  url.port = '1';
  const cli = machine(t, url.href);
  for (const args of [
    ['key', 'list'],
    ['key', 'create', 'x'],
    ['key', 'list', '--json'],
    ['engine', 'list'],
  ]) {
    const ran = await cli.run(...args);
    assert.equal(ran.code, 2, args.join(' '));
    assert.match(ran.stderr, /postgres:\/\/postgres@127\.0\.0\.1:1\/flm_\d+ cannot be reached: .*refused/);
    assert.doesNotMatch(ran.stdout + ran.stderr, /hunter2/);
  }
});

test('a URL with a mistake is refused before anything is opened', { skip }, async (t) => {
  const cli = machine(t, 'mysql://u:hunter2@h/d');
  const ran = await cli.run('key', 'list', '--json');
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, /STORE_SETTINGS_INVALID/);
  assert.doesNotMatch(ran.stderr, /hunter2/);
});

test('the doctor names a database whose clock differs from that of the machine', {
  skip: skip === false ? noFaketime : skip,
}, async (t) => {
  const url = await postgres.database(t);
  const right = machine(t, url);
  await ok(right, 'key', 'create', 'laptop');
  const wrong = machine(t, url, {
    LD_PRELOAD: faketimeFile,
    FAKETIME: '+90s',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  });
  const clocks = async (cli: TestCli) =>
    (await cli.run('doctor', '--json'))
      .json<{ findings: { code: string; message: string }[] }>()
      .findings.filter(({ code }) => code === 'CLOCK_DIFFERS')
      .map(({ message }) => message);

  assert.deepEqual(await clocks(right), []);
  const [found = ''] = await clocks(wrong);
  assert.match(found, /^The clock of the database differs from this machine's by (?:89|9\d) s; /);
  const status = (await ok(right, 'db', 'status', '--json')).json<{ clockAheadMs: number }>();
  assert.ok(Math.abs(status.clockAheadMs) < 5_000, String(status.clockAheadMs));
});
