/** Two machines with a proxy each that share one PostgreSQL database, as the built program, while the database is away. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { liveHandles } from '../../src/process/live-handles.ts';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import { eventually } from '../helpers/eventually.ts';
import { noPostgres, postgresForFile } from '../helpers/postgres-server.ts';
import { testStoreKeyText } from '../helpers/postgres-store.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';
import { temporaryHome } from '../helpers/temporary-store.ts';

const postgres = postgresForFile();
const skip = noPostgres;

interface Node {
  readonly cli: TestCli;
  readonly id: string;
  readonly url: string;
  /** The socket of its admin API. */
  readonly controlPath: string;
  /** The status of a request with that key, and the error code. */
  ask(key: string, path?: string): Promise<string>;
  warnings(): Promise<readonly string[]>;
}

/** The command line of one machine. */
function machine(
  t: TestContext,
  url: string,
  more: Readonly<Record<string, string>> = {},
  entry?: string,
): TestCli {
  const file = join(temporaryHome(t), 'store.key');
  writeFileSync(file, testStoreKeyText, { mode: 0o600 });
  return makeCli(t, { FLM_DATABASE_URL: url, FLM_STORE_KEY_FILE: file, ...more }, entry);
}

async function node(cli: TestCli): Promise<Node> {
  const { id, baseUrl } = await startProxy(cli, '--demo');
  const [handle] = await liveHandles(join(cli.home, 'run'));
  assert.ok(handle !== undefined);
  const url = baseUrl.replace(/\/v1$/, '');
  return {
    cli,
    id,
    url,
    controlPath: handle.controlPath,
    async ask(key, path = '/v1/models') {
      const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${key}` } });
      const text = await response.text();
      const code = response.ok ? '' : ` ${JSON.parse(text).error?.code ?? JSON.parse(text).status}`;
      return `${response.status}${code}`;
    },
    async warnings() {
      const ran = await ok(cli, 'proxy', 'status', '--json');
      return ran.json<{ proxies: { warnings: string[] }[] }>().proxies[0]?.warnings ?? [];
    },
  };
}

interface AdminAnswer {
  readonly status: number | undefined;
  readonly body: {
    readonly error?: { readonly code: string };
    readonly key?: unknown;
    readonly label?: string;
    readonly inMemoryOf?: readonly string[];
  };
}

/** A call of the admin API. */
async function admin(
  { controlPath }: Node,
  method: string,
  path: string,
  body?: object,
): Promise<AdminAnswer> {
  const sent = request({
    socketPath: controlPath,
    method,
    path: `/flm/api/v1${path}`,
    headers: { 'content-type': 'application/json' },
  });
  sent.end(body === undefined ? undefined : JSON.stringify(body));
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: response.statusCode, body: JSON.parse((await response.toArray()).join('')) };
}

async function ok(cli: TestCli, ...args: readonly string[]) {
  const ran = await cli.run(...args);
  assert.equal(ran.code, 0, `flm ${args.join(' ')}: ${ran.stderr}`);
  return ran;
}

test('while the database is away proxies serve, changes are refused, and a key can be revoked', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const [here, there] = [await node(machine(t, url)), await node(machine(t, url))];
  const { key, id } = await createKey(here.cli, 'laptop');
  const other = await createKey(there.cli, 'other');
  const second = await createKey(there.cli, 'second');
  await eventually(
    () => here.ask(other.key),
    (answer) => answer === '200',
  );
  await eventually(
    () => there.ask(key),
    (answer) => answer === '200',
  );
  await eventually(
    () => here.ask(second.key),
    (answer) => answer === '200',
  );
  assert.equal((await admin(here, 'GET', '/keys')).status, 200);
  await postgres.stop('crash');

  for (const each of [here, there]) assert.equal(await each.ask(key), '200');
  assert.equal(await here.ask(key, '/ready'), '200');
  await eventually(
    () => here.warnings(),
    (warnings) => warnings.some((warning) => /flm_\d+ cannot be reached: .*refused/.test(warning)),
  );
  const refused = await here.cli.run('key', 'create', 'x');
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /cannot be reached: .*refused.*Nothing was changed/);
  const noStart = await machine(t, url).run('proxy', 'start', '--demo', '--port', '0');
  assert.equal(noStart.code, 2);
  assert.match(noStart.stderr, /cannot be reached/);

  for (const made of [await admin(here, 'POST', '/keys', { label: 'y' }), await admin(here, 'GET', '/keys')])
    assert.deepEqual([made.status, made.body.error?.code], [503, 'STORE_UNREACHABLE']);

  // By its label, which only the proxies can look up now.
  const revoked = await ok(here.cli, 'key', 'revoke', 'laptop', '--json');
  assert.deepEqual(revoked.json(), { id, label: 'laptop', inMemoryOf: [here.id] });
  assert.match(revoked.stderr, /not stored: .*cannot be reached/);
  assert.equal(await here.ask(key), '401 invalid_api_key');
  assert.equal(await there.ask(key), '200', 'a machine that cannot be told yet');
  const { status, body } = await admin(there, 'POST', '/keys/second/revoke');
  assert.deepEqual([status, body.key, body.label, body.inMemoryOf], [200, null, 'second', [there.id]]);
  assert.equal(await there.ask(second.key), '401 invalid_api_key');
  const unknown = await here.cli.run('key', 'revoke', 'nobody');
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /cannot be reached/);

  await postgres.start();
  await eventually(
    () => here.ask(second.key),
    (answer) => answer === '401 invalid_api_key',
  );
  await eventually(
    () => there.ask(key),
    (answer) => answer === '401 invalid_api_key',
  );
  await eventually(
    () => here.warnings(),
    (warnings) => warnings.every((warning) => !/reached/.test(warning)),
  );
  assert.match((await ok(there.cli, 'key', 'list', '--json')).stdout, /"revokedAt":"/);
  assert.equal(await here.ask(other.key), '200');
  const nodes = await postgres.query(url, "SELECT id, url, report->>'draining' FROM flm.nodes ORDER BY id");
  assert.deepEqual(nodes, [here, there].map((each) => `${each.id}|${each.url}|false`).sort());
  for (const each of [here, there]) await ok(each.cli, 'proxy', 'stop', '--all');
  assert.deepEqual(await postgres.query(url, 'SELECT count(*) FROM flm.nodes'), ['0']);
});

test('keys are refused when the database was away for FLM_MAX_SNAPSHOT_AGE, and accepted when it is back', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const one = await node(machine(t, url, { FLM_MAX_SNAPSHOT_AGE: '3s' }));
  const { key } = await createKey(one.cli, 'laptop', '--scope', 'inference', '--scope', 'metrics');
  await eventually(
    () => one.ask(key),
    (answer) => answer === '200',
  );
  await postgres.stop('crash');
  await eventually(
    () => one.ask(key),
    (answer) => answer === '503 keys_outdated',
  );
  assert.equal(await one.ask(key, '/ready'), '503 outdated');
  assert.equal(await one.ask(key, '/health'), '200');
  assert.equal(await one.ask('flm_wrong'), '401 invalid_api_key');
  const warnings = await one.warnings();
  assert.ok(
    warnings.some((warning) =>
      /^Stored keys are refused, because the database was last read at 20/.test(warning),
    ),
    warnings.join('\n'),
  );
  const status = (await ok(one.cli, 'proxy', 'status', '--json')).json<{
    proxies: { store: { database: string; expired: boolean; maxAgeSeconds: number } }[];
  }>().proxies[0]?.store;
  assert.deepEqual([status?.expired, status?.maxAgeSeconds], [true, 3]);
  assert.match(status?.database ?? '', /^postgres:\/\/postgres@127\.0\.0\.1:\d+\/flm_\d+$/);
  await postgres.start();
  await eventually(
    () => one.ask(key),
    (answer) => answer === '200',
  );
  const metrics = await (
    await fetch(`${one.url}/metrics`, { headers: { authorization: `Bearer ${key}` } })
  ).text();
  assert.match(metrics, /^flm_store_expired 0$/m);
  assert.match(metrics, /^flm_store_unwritten_revocations 0$/m);
  assert.match(metrics, /^flm_store_age_seconds [0-9.]+$/m);
});

test('a restart hands over to a new process without losing usage, revocations or a request', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const one = await node(machine(t, url));
  const { key } = await createKey(one.cli, 'laptop');
  await eventually(
    () => one.ask(key),
    (answer) => answer === '200',
  );
  const chat = async (): Promise<number> => {
    const response = await fetch(`${one.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'flm-demo', messages: [{ role: 'user', content: 'hi' }] }),
    });
    await response.arrayBuffer();
    return response.status;
  };
  let over = false;
  let sent = 0;
  const clients = Array.from({ length: 3 }, async () => {
    while (!over) {
      assert.equal(await chat(), 200);
      sent++;
    }
  });
  // Once with the database, once without it: a successor that cannot read keys must not replace a proxy that can.
  await ok(one.cli, 'proxy', 'restart');
  await postgres.stop('crash');
  const refused = await one.cli.run('proxy', 'restart');
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /cannot be reached/);
  await postgres.start();
  over = true;
  await Promise.all(clients);
  await ok(one.cli, 'proxy', 'stop', '--all');
  const [stored] = await postgres.query(url, "SELECT sum(requests) FROM flm.usage_day WHERE model <> ''");
  assert.equal(Number(stored), sent);
});

test('a proxy that is killed in an outage loses no revocation and no usage that its disk holds', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const cli = machine(t, url);
  const { pid, baseUrl } = await startProxy(cli, '--demo');
  const { key, id } = await createKey(cli, 'laptop');
  const chat = async (): Promise<number> => {
    const response = await fetch(`${baseUrl}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'flm-demo', messages: [{ role: 'user', content: 'hi' }] }),
    });
    await response.arrayBuffer();
    return response.status;
  };
  await eventually(chat, (status) => status === 200);
  await postgres.stop('crash');
  assert.equal(await chat(), 200);
  await ok(cli, 'key', 'revoke', 'laptop');
  const folder = join(cli.home, 'unwritten');
  await eventually(
    () => readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8')),
    (texts) => texts.some((text) => text.includes(id) && text.includes('"requests":1')),
  );
  process.kill(pid, 'SIGKILL');
  await postgres.start();
  const stored = () =>
    postgres.query(url, 'SELECT sum(requests), (SELECT revoked_at > 0 FROM flm.api_key) FROM flm.usage_day');
  assert.notDeepEqual(await stored(), ['2|t']);
  await startProxy(cli, '--demo');
  assert.deepEqual(await stored(), ['2|t']);
  assert.deepEqual(readdirSync(folder), []);
});

test('a proxy whose program files were deleted follows a database that restarts', { skip }, async (t) => {
  const url = await postgres.database(t);
  const folder = temporaryHome(t);
  for (const name of ['bin/flm.mjs', 'dist', 'package.json'])
    cpSync(join(import.meta.dirname, '../..', name), join(folder, name), { recursive: true });
  const cli = machine(t, url);
  const copy = machine(t, url, {}, join(folder, 'bin/flm.mjs'));
  const one = await node(copy);
  for (const name of ['bin', 'dist']) rmSync(join(folder, name), { recursive: true });
  const { key } = await createKey(cli, 'laptop');
  await eventually(
    () => one.ask(key),
    (answer) => answer === '200',
  );
  await postgres.stop('crash');
  await postgres.start();
  await ok(cli, 'key', 'revoke', 'laptop');
  await eventually(
    () => one.ask(key),
    (answer) => answer === '401 invalid_api_key',
  );
  assert.equal((await admin(one, 'GET', '/keys')).status, 200);
});

test('a server that answers nothing delays a command and a stop by seconds only', { skip }, async (t) => {
  const url = await postgres.database(t);
  const cli = machine(t, url);
  const running = cli.start('proxy', 'run', '--demo', '--port', '0', '--json');
  await running.saw(/\n/);
  const { key } = await createKey(cli, 'laptop');
  await postgres.freeze();
  const refused = await cli.run('key', 'create', 'x');
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /cannot be reached/);
  await ok(cli, 'key', 'revoke', 'laptop');
  const { url: base } = JSON.parse(running.stdout().split('\n')[0] ?? '') as { url: string };
  const response = await fetch(`${base}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
  assert.equal(response.status, 401);
  running.child.kill('SIGTERM');
  assert.equal((await running.ended).code, 0);
  postgres.thaw();
});
