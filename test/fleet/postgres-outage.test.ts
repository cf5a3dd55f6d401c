/** Two machines with a proxy each that share one PostgreSQL database, as the built program, while the database is away. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
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
  /** The status of a request with that key, and the error code. */
  ask(key: string, path?: string): Promise<string>;
  warnings(): Promise<readonly string[]>;
}

/** The command line of one machine. */
function machine(t: TestContext, url: string, more: Readonly<Record<string, string>> = {}): TestCli {
  const file = join(temporaryHome(t), 'store.key');
  writeFileSync(file, testStoreKeyText, { mode: 0o600 });
  return makeCli(t, { FLM_DATABASE_URL: url, FLM_STORE_KEY_FILE: file, ...more });
}

async function node(cli: TestCli): Promise<Node> {
  const { id, baseUrl } = await startProxy(cli, '--demo');
  const url = baseUrl.replace(/\/v1$/, '');
  return {
    cli,
    id,
    url,
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
  await eventually(
    () => here.ask(other.key),
    (answer) => answer === '200',
  );
  await eventually(
    () => there.ask(key),
    (answer) => answer === '200',
  );
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

  // By its label, which only the proxies can look up now.
  const revoked = await ok(here.cli, 'key', 'revoke', 'laptop', '--json');
  assert.deepEqual(revoked.json(), { id, label: 'laptop', inMemoryOf: [here.id] });
  assert.match(revoked.stderr, /not stored: .*cannot be reached/);
  assert.equal(await here.ask(key), '401 invalid_api_key');
  assert.equal(await there.ask(key), '200', 'a machine that cannot be told yet');
  const unknown = await here.cli.run('key', 'revoke', 'nobody');
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /cannot be reached/);

  await postgres.start();
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
