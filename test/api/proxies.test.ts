/** The admin API: proxies, their restart and logs, and warnings, over processes that run. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { readingCaller, startedAdmin } from '../helpers/admin-fixture.ts';
import { eventually } from '../helpers/eventually.ts';
import { ollamaTable, startFakeEngine } from '../helpers/fake-engine.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';

interface Warned {
  readonly code: string;
  readonly message: string;
  readonly command: string;
  readonly proxy: string | null;
}

test('a proxy is shown as flm proxy status --json shows it, and restarted without a refused connection', async (t) => {
  const { call, cli, flm } = await startedAdmin(t);
  const { id, baseUrl } = await startProxy(cli);
  const { items, total } = (await call('GET', '/proxies')).document;
  const [command] = (await cli.run('proxy', 'status', '--json')).json<{ proxies: object[] }>().proxies;
  const still = ({ uptimeSeconds: _, ...rest }: { uptimeSeconds?: number }): object => rest;
  assert.deepEqual([total, still(items[0])], [1, still(command ?? {})]);
  assert.equal((await call('GET', '/proxies/default')).document.id, id);
  const restarted = await call('POST', '/proxies/default/restart');
  assert.equal(restarted.status, 200, restarted.body);
  assert.notEqual(restarted.document.id, id);
  assert.equal(restarted.document.baseUrl, baseUrl);
  assert.equal((await fetch(`${baseUrl}/models`)).status, 401);
  const [entry] = (await flm.audit.list(10)).filter(({ action }) => action === 'proxy.restart');
  assert.equal(entry?.actor, 'ui:test');
  assert.equal((await call('GET', '/proxies/px_00000000')).document.error.code, 'PROXY_NOT_RUNNING');
  const forbidden = await call('POST', '/proxies/default/restart', { caller: readingCaller });
  assert.equal(forbidden.document.error.code, 'ADMIN_PATH_UNKNOWN');
});

test('a restart takes no program, file or setting from the request', async (t) => {
  const { call, cli } = await startedAdmin(t);
  await startProxy(cli);
  for (const path of ['?program=/bin/sh', '?mode=dev-selfsigned'])
    assert.equal((await call('POST', `/proxies/default/restart${path}`)).status, 422, path);
  const body = { program: { command: '/bin/sh', args: [] }, overrides: { port: 1 } };
  const refused = await call('POST', '/proxies/default/restart', { body });
  assert.equal(refused.document.error.code, 'ADMIN_INPUT_INVALID');
});

test('warnings are those of flm proxy status, each with its code and a command', async (t) => {
  const { call, cli } = await startedAdmin(t);
  const warnings = async (): Promise<readonly Warned[]> => (await call('GET', '/warnings')).document.items;
  assert.deepEqual(
    (await warnings()).map(({ code }) => code),
    ['NO_PROXY'],
  );
  const { id, pid } = await startProxy(cli);
  const found = await warnings();
  assert.deepEqual(
    found.map(({ code, command, proxy }) => [code, command, proxy]),
    [
      ['NO_KEY', 'flm key create LABEL', id],
      ['NO_ENGINE', 'flm engine add URL', id],
    ],
  );
  const status = (await cli.run('proxy', 'status')).stdout;
  for (const { message } of found) assert(status.includes(`! ${message}`), message);
  const engine = await startFakeEngine(ollamaTable);
  await createKey(cli, 'laptop');
  await cli.run('engine', 'add', engine.url, '--id', 'box');
  await engine.close();
  const [down] = await eventually(warnings, (seen) => seen[0]?.code === 'ENGINE_DOWN');
  assert.deepEqual([down?.command, down?.proxy], ['flm engine test box', id]);
  process.kill(pid, 'SIGKILL');
  const [none, crash] = await eventually(warnings, (seen) => seen[1]?.code === 'PROXY_CRASHED');
  assert.deepEqual([none?.code, crash?.command, crash?.proxy], ['NO_PROXY', 'flm proxy start default', id]);
  const { crashed } = (await call('GET', '/proxies')).document;
  assert.deepEqual([crashed[0].id, crashed[0].pid], [id, pid]);
});

test('the log of a proxy is read in pages from its end, filtered by level and text', async (t) => {
  const { call, cli } = await startedAdmin(t);
  const { id, baseUrl } = await startProxy(cli);
  for (const path of ['/models', '/chat/completions']) await fetch(`${baseUrl}${path}`);
  const lines = async (path: string) => (await call('GET', path)).document;
  const refused = await eventually(
    () => lines(`/proxies/${id}/logs?level=info&search=/V1/`),
    ({ items }) => items.length === 2,
  );
  assert.equal(refused.profile, 'default');
  assert.equal(refused.items[1].fields.path, '/v1/models');
  const seen: string[] = [];
  for (let cursor = ''; ; ) {
    const page = await lines(`/proxies/default/logs?limit=2${cursor}`);
    assert(page.items.length <= 2);
    seen.push(...page.items.map(({ time }: { time: string }) => time));
    if (page.nextCursor === null) break;
    cursor = `&cursor=${page.nextCursor}`;
  }
  assert(seen.length >= 3);
  assert.deepEqual(seen, seen.toSorted().toReversed());
  assert.equal((await lines('/proxies/default/logs?level=error')).items.length, 0);
});

test('a log is found by a proxy or a profile alone, and never by a path', async (t) => {
  const { call, cli } = await startedAdmin(t);
  mkdirSync(join(cli.home, 'logs'), { recursive: true, mode: 0o700 });
  writeFileSync(join(cli.home, 'secret.log'), 'secret\n');
  for (const name of ['../secret', '..%2Fsecret', 'x%00', '%2Fetc%2Fpasswd', 'secret.log', 'nobody'])
    for (const query of ['', '?cursor=../../secret']) {
      const answer = await call('GET', `/proxies/${name}/logs${query}`);
      assert(answer.status === 404, `${name}${query}: ${answer.status}`);
      assert.doesNotMatch(answer.body, /secret\\n/);
    }
  writeFileSync(
    join(cli.home, 'logs', 'gone.log'),
    'not JSON \u001b[31m\n{"level":"warn","msg":"m","n":1}\n',
  );
  const { items } = (await call('GET', '/proxies/gone/logs')).document;
  assert.deepEqual(items, [
    { time: null, level: 'warn', message: 'm', fields: { n: 1 } },
    { time: null, level: null, message: 'not JSON \u001b[31m', fields: {} },
  ]);
});
