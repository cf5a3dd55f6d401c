/** `--admin` and the control socket with the built program: the admin API in a running proxy. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { securityHeaders } from '../../src/ui/security-headers.ts';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import { freePort } from '../helpers/free-ports.ts';
import { createKey, type ProxyView, startProxy } from '../helpers/start-proxy.ts';
import { lockFile } from '../helpers/store-programs.ts';

interface Reply {
  readonly status: number;
  readonly text: string;
}

function ask(
  place: { readonly socketPath: string } | { readonly port: number },
  path: string,
  headers: Readonly<Record<string, string>> = {},
  method = 'GET',
  body = '',
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request({ ...place, host: '127.0.0.1', path, method, headers });
    sent.on('error', reject);
    sent.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.end(body);
  });
}

type Administered = ProxyView & { readonly dashboardUrl?: string };

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const keysPath = '/flm/api/v1/keys';
const json = { 'content-type': 'application/json' };

async function actors(cli: TestCli): Promise<readonly (string | undefined)[]> {
  const { text } = await ask(await socketOf(cli), '/flm/api/v1/audit');
  return (JSON.parse(text) as { items: { actor: string }[] }).items.map(({ actor }) => actor);
}

async function socketOf(cli: TestCli): Promise<{ readonly socketPath: string }> {
  const [{ id } = { id: '' }] = (await cli.run('proxy', 'status', '--json')).json<{ proxies: ProxyView[] }>()
    .proxies;
  return { socketPath: join(cli.home, 'run', `${id}.sock`) };
}

test('without --admin a key with the scope finds no API and no dashboard on the listener', async (t) => {
  const cli = makeCli(t);
  const { port, dashboardUrl } = await startProxy<Administered>(cli, '--demo');
  assert.equal(dashboardUrl, undefined);
  const { key } = await createKey(cli, 'boss', '--scope', 'admin');
  for (const path of [keysPath, '/flm/', '/flm/index.html'])
    assert.equal((await ask({ port }, path, bearer(key))).status, 404, path);
});

test('with --admin a key manages keys, and the audit names it; a reader changes nothing', async (t) => {
  const cli = makeCli(t);
  const { port, dashboardUrl } = await startProxy<Administered>(cli, '--demo', '--admin');
  assert.equal(dashboardUrl, `http://127.0.0.1:${port}/flm/`);
  assert.match((await cli.run('proxy', 'status', 'default')).stdout, /dashboard +http:\S+\/flm\//);
  const boss = await createKey(cli, 'boss', '--scope', 'admin');
  const reader = await createKey(cli, 'reader', '--scope', 'admin:read');
  const made = await ask({ port }, keysPath, { ...bearer(boss.key), ...json }, 'POST', '{"label":"friend"}');
  assert.equal(made.status, 201, made.text);
  const { key } = JSON.parse(made.text) as { key: string };
  // The new key works at once, and without the scope it sees no API.
  assert.equal((await ask({ port }, '/v1/models', bearer(key))).status, 200);
  assert.equal((await ask({ port }, keysPath, bearer(key))).status, 404);
  assert.equal((await ask({ port }, keysPath, bearer(reader.key))).status, 200);
  const refused = await ask({ port }, keysPath, { ...bearer(reader.key), ...json }, 'POST', '{"label":"x"}');
  assert.notEqual(Math.trunc(refused.status / 100), 2);
  assert.equal((await cli.run('key', 'list')).stdout.includes('friend'), true);
  assert.equal((await actors(cli))[0], `key:${boss.id}`);
  // Keys of the admin API are no key of an engine.
  assert.equal((await ask({ port }, '/v1/models', bearer(boss.key))).status, 403);
});

test('the control socket serves the API to its user, without --admin, and the audit says so', async (t) => {
  const cli = makeCli(t);
  await startProxy(cli, '--demo');
  const socket = await socketOf(cli);
  const made = await ask(socket, keysPath, json, 'POST', '{"label":"friend"}');
  assert.equal(made.status, 201, made.text);
  assert.match((await actors(cli))[0] ?? '', /^control:./);
  const large = await ask(socket, keysPath, json, 'POST', 'x'.repeat(1024 * 1024 + 1));
  assert.equal(large.status, 413);
  assert.equal((await ask(socket, '/flm/api/v1/nothing')).status, 404);
});

test('a locked database delays an admin call and no other request', async (t) => {
  const cli = makeCli(t);
  const { port } = await startProxy(cli, '--demo', '--admin');
  const boss = await createKey(cli, 'boss', '--scope', 'admin', '--scope', 'inference');
  await ask({ port }, keysPath, bearer(boss.key));
  const lock = await lockFile(t, join(cli.home, 'flm.db'));
  let done = false;
  const waiting = ask(
    { port },
    keysPath,
    { ...bearer(boss.key), ...json },
    'POST',
    '{"label":"late"}',
  ).finally(() => {
    done = true;
  });
  const body = JSON.stringify({ model: 'flm-demo', messages: [{ role: 'user', content: 'hi' }] });
  const chat = await ask({ port }, '/v1/chat/completions', { ...bearer(boss.key), ...json }, 'POST', body);
  assert.equal(chat.status, 200);
  assert.equal((await ask({ port }, '/v1/models', bearer(boss.key))).status, 200);
  assert.equal(done, false);
  await lock.release();
  assert.equal((await waiting).status, 201);
});

test('a call that restarts its own proxy is answered, and the successor serves the API', async (t) => {
  const cli = makeCli(t);
  const { port, id } = await startProxy(cli, '--demo', '--admin');
  const { key } = await createKey(cli, 'boss', '--scope', 'admin');
  const events = new Promise<void>((resolve, reject) => {
    const sent = request({
      port,
      host: '127.0.0.1',
      path: '/flm/api/v1/requests/events',
      headers: bearer(key),
    });
    sent.on('error', reject).on('response', (response) => response.resume().on('close', resolve));
    sent.end();
  });
  const restarted = await cli.run('proxy', 'restart', '--json');
  assert.equal(restarted.code, 0, restarted.stderr);
  // The stream of the old process has ended, so that the process can end.
  await events;
  assert.equal((await ask({ port }, keysPath, bearer(key))).status, 200);
  const [{ id: now } = { id: '' }] = (await cli.run('proxy', 'status', '--json')).json<{
    proxies: ProxyView[];
  }>().proxies;
  assert.notEqual(now, id);
});

const nginx = '/usr/sbin/nginx';

/** nginx before the proxy, with these lines beside `proxy_pass`. Returns its port. */
async function nginxBefore(t: TestContext, cli: TestCli, upstream: number, lines: string): Promise<number> {
  const port = await freePort();
  const file = join(cli.folder, `nginx-${port}.conf`);
  writeFileSync(
    file,
    `daemon off; master_process off; pid ${file}.pid; error_log stderr;
     events {}
     http {
       access_log off; client_body_temp_path ${cli.folder}/b; proxy_temp_path ${cli.folder}/p;
       fastcgi_temp_path ${cli.folder}/f; uwsgi_temp_path ${cli.folder}/u; scgi_temp_path ${cli.folder}/s;
       server { listen 127.0.0.1:${port}; location / { proxy_pass http://127.0.0.1:${upstream}; ${lines} } }
     }`,
  );
  const child = spawn(nginx, ['-c', file, '-p', cli.folder], { stdio: 'ignore' });
  t.after(async () => {
    child.kill('SIGTERM');
    await new Promise((resolve) => child.once('exit', resolve));
  });
  while (
    !(await ask({ port }, '/health').then(
      () => true,
      () => false,
    ))
  )
    assert.equal(child.exitCode, null, 'nginx ended');
  return port;
}

test('behind nginx nothing is reached without a credential, and with forwarding fields nothing at all', {
  skip: existsSync(nginx) && process.platform === 'linux' ? false : 'nginx is not installed',
}, async (t) => {
  const cli = makeCli(t);
  const { port } = await startProxy(cli, '--demo', '--admin');
  const boss = await createKey(cli, 'boss', '--scope', 'admin');
  const friend = await createKey(cli, 'friend');
  const plain = { port: await nginxBefore(t, cli, port, '') };
  const passed = {
    port: await nginxBefore(t, cli, port, 'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;'),
  };
  const named = { port: await nginxBefore(t, cli, port, 'proxy_set_header Host llm.example.org;') };
  for (const place of [plain, passed, named]) {
    assert.notEqual((await ask(place, keysPath)).status, 200);
    assert.equal((await ask(plain, keysPath, bearer('flm_wrong'))).status, 401);
    assert.notEqual((await ask(place, keysPath, bearer(friend.key))).status, 200);
  }
  assert.equal((await ask(passed, keysPath, bearer(boss.key))).status, 404);
  assert.equal((await ask(named, keysPath, bearer(boss.key))).status, 421);
  // nginx adds nothing by itself and writes a loopback Host, so this cannot be told from a local client. The key decides.
  assert.equal((await ask(plain, keysPath, bearer(friend.key))).status, 404);
  assert.equal((await ask(plain, keysPath, bearer(boss.key))).status, 200);
});

test('pages and answers on a listener have the headers of the dashboard, and no secret is logged', async (t) => {
  const cli = makeCli(t);
  const { url } = await startProxy(cli, '--demo', '--admin');
  const boss = await createKey(cli, 'boss', '--scope', 'admin');
  const headers = { ...bearer(boss.key), ...json };
  const made = await fetch(`${url}${keysPath}`, { method: 'POST', headers, body: '{"label":"friend"}' });
  const { key } = (await made.json()) as { key: string };
  const accept = { accept: 'text/html' };
  const responses = [
    made,
    await fetch(`${url}${keysPath}`, { headers }),
    await fetch(`${url}/`, { headers: accept }),
    ...(await Promise.all(
      ['', 'page.js', 'page.css', 'me', 'share'].map((name) => fetch(`${url}/flm/${name}`)),
    )),
  ];
  for (const response of responses) {
    assert.equal(Math.trunc(response.status / 100), 2, response.url);
    for (const [name, value] of Object.entries(securityHeaders))
      assert.equal(response.headers.get(name), value, `${name} of ${response.url}`);
    assert.equal(response.headers.get('set-cookie'), null, response.url);
  }
  for (const response of responses.slice(0, 2))
    assert.equal(response.headers.get('cache-control'), 'no-store');
  const page = await (await fetch(`${url}/`, { headers: accept })).text();
  assert.doesNotMatch(page, /demo|\d+\.\d+\.\d+/);
  const log = (await cli.run('proxy', 'logs', '--lines', '1000')).stdout;
  assert.match(log, /flm\/api\/v1\/keys/);
  for (const secret of [boss.key, key]) assert.equal(log.includes(secret), false);
});
