/**
 * Settings for clients, requests as they happen, and what `flm` alone says: on one running proxy with the demo engine.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { makeCli } from '../helpers/cli.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';

async function ask(url: string, key: string | undefined, path = '/v1/models'): Promise<number> {
  const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const response = await fetch(`${url}${path}`, { headers: { ...headers, connection: 'close' } });
  await response.text();
  return response.status;
}

// --- connect

test('without a client there is the list of them, and no proxy is needed', async (t) => {
  const cli = makeCli(t);

  const list = (await cli.run('connect', '--json')).json<{ clients: { id: string }[] }>();
  const text = await cli.run('connect');

  assert.deepEqual([text.code, text.stdout.includes('Claude Code')], [0, true]);
  for (const id of ['openai', 'codex', 'open-webui', 'zed']) assert.ok(list.clients.some((c) => c.id === id));
});

test('settings name the running proxy, its model and the variable of the key', async (t) => {
  const cli = makeCli(t);
  const { url } = await startProxy(cli, '--demo');

  const { stdout, stderr, code } = await cli.run('connect', 'OpenAI SDKs');

  assert.equal(code, 0, stderr);
  assert.match(
    stdout,
    new RegExp(`^export OPENAI_BASE_URL=${url}/v1\nexport OPENAI_API_KEY="\\$FLM_API_KEY"$`, 'm'),
  );
  assert.match(stderr, /! There is no key yet; make one with --new-key/);
});

test('a new key is made on demand and works; a host that the proxy does not accept is reported', async (t) => {
  const cli = makeCli(t);
  const { url, port } = await startProxy(cli, '--demo');

  const ran = await cli.run('connect', 'codex', '--new-key', 'mine', '--host', 'elsewhere.example', '--json');

  const told = ran.json<{ baseUrl: string; key: string; model: string; warnings: string[] }>();
  assert.equal(told.baseUrl, `http://elsewhere.example:${port}/v1`);
  assert.equal(told.model, 'flm-demo');
  assert.equal(await ask(url, told.key), 200);
  assert.match(told.warnings.join('\n'), /does not answer for elsewhere\.example: .*--public-host/);
  assert.match(told.warnings.join('\n'), /only on this machine's loopback addresses/);
  const unknown = (await cli.run('connect', 'curl', '--model', 'flm-dmo')).stderr;
  assert.match(unknown, /! No engine has the model flm-dmo now; similar names: flm-demo\./);
  assert.match(told.warnings.join('\n'), /Codex asks for responses\.create, which demo does not speak/);
});

test('mistakes are reported before a key is created', async (t) => {
  const cli = makeCli(t);
  await startProxy(cli, '--demo');
  const told = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await cli.run('connect', ...args);
    assert.deepEqual([code, stdout], [1, '']);
    return stderr;
  };

  assert.match(await told('nothing'), /no settings for nothing; known clients: curl, /);
  assert.match(await told('zed', '--new-key', 'x', '--host', 'http://a/b'), /--host takes a host name/);
  assert.match(await told('zed', '--new-key', 'x', '--key', 'y'), /either --key or --new-key/);
  assert.deepEqual((await cli.run('key', 'list', '--json')).json(), { keys: [] });
});

test('--wait tells what was refused, and ends with the first request that comes through', async (t) => {
  const cli = makeCli(t);
  const { url } = await startProxy(cli, '--demo');
  const key = (await createKey(cli, 'laptop')).key;
  const waiting = cli.start('connect', 'curl', '--wait');
  await waiting.saw(/Waiting for a request of curl/, 'stderr');

  await ask(url, 'wrong');
  await waiting.saw(/was refused: GET \/v1\/models .* status 401, AUTH_MISSING/, 'stderr');
  await ask(url, key);

  const { stdout, code } = await waiting.ended;
  assert.equal(code, 0);
  assert.match(stdout, /It came through: GET \/v1\/models from 127\.0\.0\.1, key laptop; status 200/);
});

test('--wait with --json gives the settings, then the request', async (t) => {
  const cli = makeCli(t);
  const { url, id } = await startProxy(cli, '--demo');
  const key = (await createKey(cli, 'laptop')).key;
  const waiting = cli.start('connect', 'curl', '--wait', '--json');
  await waiting.saw(/Waiting for/, 'stderr');

  await ask(url, key);

  const [settings, request] = (await waiting.ended).stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, Record<string, unknown>>);
  assert.equal(settings?.client, 'curl');
  assert.deepEqual([request?.request?.status, request?.request?.proxy], [200, id]);
});

test('a proxy that ends during the wait is reported; Ctrl-C leaves', async (t) => {
  const cli = makeCli(t);
  await startProxy(cli, '--demo');
  const waiting = cli.start('connect', 'curl', '--wait');
  const left = cli.start('connect', 'curl', '--wait');
  await waiting.saw(/Waiting for/, 'stderr');
  await left.saw(/Waiting for/, 'stderr');

  left.child.kill('SIGINT');
  assert.equal((await left.ended).code, 1);
  await cli.run('proxy', 'stop');

  const { code, stderr } = await waiting.ended;
  assert.equal(code, 1);
  assert.match(stderr, /No proxy is running any more/);
});

// --- tail

test('each request is one line; a refusal names its rule; Ctrl-C ends it well', async (t) => {
  const cli = makeCli(t);
  const { url } = await startProxy(cli, '--demo');
  const key = (await createKey(cli, 'laptop')).key;
  const tail = cli.start('tail');
  await tail.saw(/Watching px_/, 'stderr');

  await ask(url, key);
  await ask(url, undefined);
  await cli.run('chat', '-m', 'hello');
  await tail.saw(/flm-demo/);
  tail.child.kill('SIGINT');

  const { stdout, code } = await tail.ended;
  assert.equal(code, 0);
  const lines = stdout.trim().split('\n');
  assert.match(lines[0] ?? '', /^200 .* laptop +GET \/v1\/models .* 127\.0\.0\.1 .* done$/);
  assert.match(lines[1] ?? '', /^401 .* - +GET \/v1\/models .* refused AUTH_MISSING \(.+\)$/);
  assert.match(lines.at(-1) ?? '', /^200 .* flm chat +flm-demo +demo +127\.0\.0\.1 .* done$/);
});

test('--refused --json prints one document for each refusal and nothing else', async (t) => {
  const cli = makeCli(t);
  const { url, id } = await startProxy(cli, '--demo');
  const key = (await createKey(cli, 'laptop')).key;
  const tail = cli.start('tail', '--refused', '--json', '--proxy', 'default');
  await tail.saw(/Watching px_/, 'stderr');

  await ask(url, key);
  await ask(url, key, '/v1/nothing');
  await tail.saw(/\n/);
  tail.child.kill('SIGTERM');

  const told = (await tail.ended).json<Record<string, unknown>>();
  assert.deepEqual([told.code, told.status, told.proxy, told.keyLabel], ['ROUTE_UNKNOWN', 404, id, 'laptop']);
  assert.match(String(told.at), /^\d{4}-.*Z$/);
});

test('it goes on through a restart and a stop, and says so', async (t) => {
  const cli = makeCli(t);
  const { url, port } = await startProxy(cli, '--demo');
  const key = (await createKey(cli, 'laptop')).key;
  const tail = cli.start('tail');
  await tail.saw(/Watching px_/, 'stderr');
  await ask(url, key);

  await cli.run('proxy', 'restart');
  await tail.saw(/has ended[\s\S]*Watching px_|Watching px_[\s\S]*Watching px_/, 'stderr');
  await ask(url, key, '/v1/after-restart');
  await tail.saw(/after-restart/);
  await cli.run('proxy', 'stop');
  await tail.saw(/has ended; waiting for its successor/, 'stderr');
  await startProxy(cli, '--demo', '--port', String(port));
  await tail.saw(/(Watching px_[\s\S]*){3}/, 'stderr');
  await ask(url, key, '/v1/after-stop');
  await tail.saw(/after-stop/);
  tail.child.kill('SIGINT');

  assert.equal((await tail.ended).code, 0);
});

test('where nothing runs there is nothing to watch', async (t) => {
  const { code, stderr } = await makeCli(t).run('tail');
  assert.deepEqual([code, /No proxy is running\./.test(stderr)], [1, true]);
});

// --- flm alone

test('alone it says how to begin, and with a proxy what to do with it', async (t) => {
  const cli = makeCli(t);

  const before = await cli.run();
  const { url } = await startProxy(cli, '--demo');
  const running = await cli.run();
  (await createKey(cli, 'laptop')).key;
  const json = (await cli.run('--json')).json<{ proxies: { url: string }[]; keys: number; next: object[] }>();

  assert.equal(before.code, 0);
  assert.match(before.stdout, /No proxy is running\.[\s\S]*flm up[\s\S]*flm key create LABEL/);
  assert.match(running.stdout, new RegExp(`Running: ${url}/v1`));
  assert.match(
    running.stdout,
    /! Only the built-in demo engine answers[\s\S]*flm key create LABEL[\s\S]*flm chat[\s\S]*flm connect[\s\S]*flm tail/,
  );
  assert.deepEqual([json.proxies.map((p) => p.url), json.keys], [[url], 1]);
  assert.deepEqual(json.next[0], { command: 'flm chat', does: 'talk to a model through the proxy' });
});

test('help and version open nothing', async (t) => {
  const cli = makeCli(t);

  assert.match((await cli.run('--help')).stdout, /Usage: flm/);
  assert.match((await cli.run('--version')).stdout, /^\d+\.\d+\.\d+\n$/);
  assert.equal(existsSync(cli.home), false);
});
