/** `flm proxy restart` of a background proxy: the new process takes over the listening sockets of the old one. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { controlClient } from '../../src/process/control-client.ts';
import { liveHandles } from '../../src/process/live-handles.ts';
import { assertMistake, makeCli, type TestCli } from '../helpers/cli.ts';
import { ask, longStream, newConnections, pooled, type Target } from '../helpers/restless-clients.ts';
import { type SteadyEngine, startSteadyEngine } from '../helpers/steady-engine.ts';

interface Proxy {
  readonly id: string;
  readonly pid: number;
  readonly port: number;
  readonly url: string;
  readonly state: string;
  readonly inFlight?: number;
  readonly certificate?: { readonly authorityFile?: string };
}

interface Scene {
  readonly cli: TestCli;
  readonly engine: SteadyEngine;
  readonly proxy: Proxy;
  readonly target: Target;
}

async function started(t: TestContext, ...flags: readonly string[]): Promise<Scene> {
  const cli = makeCli(t);
  const engine = await startSteadyEngine();
  t.after(() => engine.close());
  const { key } = (await cli.run('key', 'create', 'laptop', '--json')).json<{ key: string }>();
  const ran = await cli.run('proxy', 'start', '--port', '0', '--engine', engine.url, ...flags, '--json');
  assert.equal(ran.code, 0, ran.stderr);
  const proxy = ran.json<Proxy>();
  const ca = proxy.certificate?.authorityFile;
  const target = { url: proxy.url, key, ...(ca === undefined ? {} : { ca: readFileSync(ca, 'utf8') }) };
  return { cli, engine, proxy, target };
}

async function proxies(cli: TestCli): Promise<readonly Proxy[]> {
  return (await cli.run('proxy', 'status', '--json')).json<{ proxies: readonly Proxy[] }>().proxies;
}

for (const [name, flags] of [
  ['plain HTTP', []],
  ['HTTPS', ['--mode', 'dev-selfsigned', '--bind', '127.0.0.1', '--bind', '::1']],
] as const) {
  test(`restarts over ${name} refuse no connection and cut no stream`, async (t) => {
    const { cli, engine, proxy, target } = await started(t, ...flags);
    const fresh = newConnections(t, target);
    const kept = pooled(t, target);
    const streams = Array.from({ length: 20 }, () => longStream(target));
    await Promise.all([fresh.more(20), kept.more(20)]);

    const ids = [proxy.id];
    for (let n = 0; n < 3; n++) {
      const ran = await cli.run('proxy', 'restart', '--json');
      assert.equal(ran.code, 0, ran.stderr);
      const next = ran.json<Proxy>();
      assert.equal(next.port, proxy.port);
      assert.equal(next.state, 'running');
      ids.push(next.id);
      await Promise.all([fresh.more(20), kept.more(20)]);
    }
    const during = await proxies(cli);
    engine.finish();

    assert.deepEqual(await Promise.all(streams), Array(20).fill(undefined));
    assert.deepEqual((await fresh.stop()).faults, []);
    assert.deepEqual((await kept.stop()).faults, []);
    assert.equal(new Set(ids).size, 4);
    assert.equal(during.find((p) => p.id === proxy.id)?.state, 'draining');
    assert.equal(during.find((p) => p.id === ids.at(-1))?.state, 'running');
  });
}

test('a draining process obeys a revocation, stays in status, and a stop ends the serving one alone', async (t) => {
  const { cli, engine, proxy, target } = await started(t);
  const { key } = (await cli.run('key', 'create', 'other', '--json')).json<{ key: string }>();
  const [kept, ended] = [longStream(target), longStream({ ...target, key })];
  while (engine.running < 2) await setImmediate();
  const restarted = await cli.run('proxy', 'restart');
  assert.equal(restarted.code, 0, restarted.stderr);
  assert.match(restarted.stderr, new RegExp(`${proxy.id} finishes its last answers`));
  const next = (await proxies(cli)).find((p) => p.state === 'running');
  assert.ok(next !== undefined);
  assert.match((await cli.run('proxy', 'status')).stdout, new RegExp(`draining, replaced by ${next.id}`));
  assert.match((await cli.run('proxy', 'restart', proxy.id)).stderr, /cannot be restarted/);

  assert.equal((await cli.run('key', 'revoke', 'other')).code, 0);
  assert.match((await ended) ?? '', /ended early|KEY_ENDED|aborted/);
  const stopped = await cli.run('proxy', 'stop');
  assert.match(stopped.stdout, new RegExp(`Stopped ${next.id}`));
  assert.match(stopped.stderr, new RegExp(`${proxy.id} finishes its last answers`));
  engine.finish();
  assert.equal(await kept, undefined);
  // The last connection of the old process is closed, so it ends by itself.
  while ((await proxies(cli)).length > 0) await setImmediate();
});

test('with --grace the old process ends its answers when the time is over', async (t) => {
  const { cli, engine, target } = await started(t);
  const stream = longStream(target);
  while (engine.running < 1) await setImmediate();
  assert.equal((await cli.run('proxy', 'restart', '--grace', '0')).code, 0);
  assert.match((await stream) ?? '', /ended early/);
  while ((await proxies(cli)).length > 1) await setImmediate();
});

test('a restart that cannot be leaves the old process serving: a faulty profile, a port that is taken', async (t) => {
  const { cli, proxy, target } = await started(t);
  const other = await startSteadyEngine();
  t.after(() => other.close());
  const clients = newConnections(t, target);
  const port = new URL(other.url).port;
  assertMistake(await cli.run('proxy', 'restart', '--port', port), /is already in use/);
  assertMistake(
    await cli.run('proxy', 'restart', '--bind', '192.0.2.1', '--allow-insecure-bind'),
    /no address/,
  );
  const all = ['--bind', '0.0.0.0', '--allow-insecure-bind', '--port', String(proxy.port)];
  assertMistake(await cli.run('proxy', 'restart', ...all), /0\.0\.0\.0 overlaps 127\.0\.0\.1/);
  await clients.more(10);
  assert.deepEqual((await clients.stop()).faults, []);
  assert.deepEqual(
    (await proxies(cli)).map(({ id, state }) => [id, state]),
    [[proxy.id, 'running']],
  );
});

test('a restart changes the mode on the same port', async (t) => {
  const { cli, proxy } = await started(t);
  const ran = await cli.run(
    'proxy',
    'restart',
    '--mode',
    'dev-selfsigned',
    '--port',
    String(proxy.port),
    '--bind',
    '127.0.0.1',
    '--json',
  );
  assert.equal(ran.code, 0, ran.stderr);
  const next = ran.json<Proxy>();
  assert.equal(next.port, proxy.port);
  assert.ok(next.certificate?.authorityFile !== undefined);
  const ca = readFileSync(next.certificate.authorityFile, 'utf8');
  await ask({ url: next.url.replace('localhost', '127.0.0.1'), key: '', ca }, { path: '/health' });
});

test('a proxy in the foreground is not replaced, and the command of its supervisor is named', async (t) => {
  const cli = makeCli(t);
  const running = cli.start('proxy', 'run', '--port', '0', '--json');
  await running.saw(/\n/);
  assertMistake(await cli.run('proxy', 'restart'), /runs in the foreground \(pid \d+\)/);
  assert.equal((await proxies(cli)).length, 1);
});

/** The status of an admin call over the control socket, which starts the admin thread. */
function adminStatus(socketPath: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path: '/flm/api/v1/keys' }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.on('error', reject).end();
  });
}

test('a proxy whose program files were deleted serves on, its admin API too, and renews its certificate', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'flm-copy-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const root = join(import.meta.dirname, '../..');
  for (const name of ['bin/flm.mjs', 'dist', 'package.json'])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  const { cli, engine, target, proxy } = await started(t, '--mode', 'dev-selfsigned', '--bind', '127.0.0.1');
  const stream = longStream(target);
  while (engine.running < 1) await setImmediate();
  const [handle] = await liveHandles(join(cli.home, 'run'));
  assert.ok(handle !== undefined);
  const client = controlClient(handle);
  const status = await client.status();
  assert.ok(status !== 'gone');
  const { config, overrides } = status;
  const args = [join(folder, 'bin/flm.mjs'), 'proxy', 'run', '--launched'];
  const env = { PATH: '', HOME: cli.folder, FLM_DETECT_PORTS: '' };
  const options = { config: { ...config, port: proxy.port }, profile: 'default', overrides };
  const next = await client.handOver({ options, program: { command: process.execPath, args, env } }, 60_000);
  assert.ok(typeof next !== 'string');

  // Otherwise the process that was replaced, whose files are there, could make the certificate for both.
  engine.finish();
  assert.equal(await stream, undefined);
  while ((await liveHandles(join(cli.home, 'run'))).length > 1) await setImmediate();

  rmSync(folder, { recursive: true, force: true });
  assert.equal(await adminStatus(next.controlPath), 200);
  // A new authority needs code for certificates and makes the running proxy issue new ones.
  assert.equal((await cli.run('cert', 'authority', 'renew', '--yes')).code, 0);
  const renewed = await controlClient(next).status();
  assert.ok(renewed !== 'gone' && status.certificate !== undefined);
  assert.equal(renewed.certificate?.problem, undefined);
  assert.notEqual(renewed.certificate?.fingerprint, status.certificate.fingerprint);
  const { key } = (await cli.run('key', 'create', 'later', '--json')).json<{ key: string }>();
  const ca = readFileSync(renewed.certificate?.authorityFile ?? '', 'utf8');
  assert.equal(await longStream({ ...target, key, ca }), undefined);
});
