/**
 * A proxy that holds its port and waits for its first certificate: status, stop, restart and a second start know it, and
 * whichever way the start ends, nothing of it is left.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { after, type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { assertMistake, makeCli, type Running, type TestCli } from '../helpers/cli.ts';
import { startFakeCa } from '../helpers/fake-ca.ts';
import { assertNoLeaks, takeStock } from '../helpers/leaks.ts';

const stock = takeStock();
after(() => assertNoLeaks(stock));

interface Proxy {
  readonly id: string;
  readonly pid: number;
  readonly port: number;
  readonly state: string;
  readonly warnings?: readonly string[];
}

interface Scene {
  readonly cli: TestCli;
  readonly start: Running;
  readonly proxy: Proxy;
  readonly flags: readonly string[];
}

/** A start that waits for a CA that never answers. */
async function starting(t: TestContext, port = '0'): Promise<Scene> {
  const cli = makeCli(t);
  const ca = await startFakeCa(t, cli.folder, () => Date.now());
  ca.says['/directory'] = () => {};
  const flags = [
    ...['--mode', 'https-acme', '--domain', 'llm.example.org', '--bind', '127.0.0.1', '--acme-accept-terms'],
    ...['--acme-directory', ca.directory, '--acme-ca', ca.caFile, '--acme-challenge', 'tls-alpn-01'],
  ];
  const start = cli.start('proxy', 'start', '--port', port, ...flags);
  return { cli, start, proxy: await seen(cli, (p) => p.state === 'starting'), flags };
}

async function proxies(cli: TestCli): Promise<readonly Proxy[]> {
  return (await cli.run('proxy', 'status', '--json')).json<{ proxies: readonly Proxy[] }>().proxies;
}

/** Looks until the store has such a proxy. */
async function seen(cli: TestCli, isMeant: (p: Proxy) => boolean): Promise<Proxy> {
  for (;;) {
    const found = (await proxies(cli)).find(isMeant);
    if (found !== undefined) return found;
  }
}

async function assertNothingLeft({ cli, proxy }: Scene): Promise<void> {
  assert.deepEqual(await proxies(cli), []);
  const sockets = readdirSync(join(cli.home, 'run')).filter((name) => name.endsWith('.sock'));
  assert.deepEqual(sockets, [], 'control sockets');
  await gone(proxy.pid);
  const server = createServer().listen({ port: proxy.port, host: '127.0.0.1', exclusive: true });
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  await new Promise((resolve) => server.close(resolve));
}

async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await setImmediate();
  }
}

test('status, a second start, up, chat and connect know a proxy that waits for its first certificate', async (t) => {
  const { cli, proxy, flags } = await starting(t);
  assert.match(proxy.warnings?.join() ?? '', /waits for its first certificate/);
  const text = (await cli.run('proxy', 'status')).stdout;
  assert.match(text, /starting, profile default/);
  assert.match((await cli.run()).stdout, /Starting: .*flm proxy status --watch/s);

  const already = new RegExp(`Profile default is already starting as ${proxy.id}`);
  assertMistake(await cli.run('proxy', 'start'), already);
  assertMistake(await cli.run('up', '--detach'), already);
  const saved = await cli.run('profile', 'save', 'other', ...flags, '--port', String(proxy.port));
  assert.equal(saved.code, 0, saved.stderr);
  assertMistake(
    await cli.run('proxy', 'start', 'other'),
    new RegExp(`already in use by the proxy ${proxy.id} \\(profile default, still starting\\)`),
  );
  const wait = new RegExp(`The proxy ${proxy.id} \\(profile default\\) is still starting`);
  assertMistake(await cli.pipe('hello', 'chat', 'm'), wait);
  assertMistake(await cli.run('connect', 'codex'), wait);
  assert.equal((await proxies(cli)).length, 1);
});

test('a stop ends a start that waits, the start says so, and nothing is left', async (t) => {
  const scene = await starting(t);
  const stopped = await scene.cli.run('proxy', 'stop', '--json');
  assert.equal(stopped.code, 0, stopped.stderr);
  assert.equal(stopped.json<{ stopped: readonly Proxy[] }>().stopped[0]?.id, scene.proxy.id);
  const ended = await scene.start.ended;
  assert.equal(ended.code, 2);
  assert.match(ended.stderr, /The proxy ended before it answered: it was stopped\./);
  await assertNothingLeft(scene);
});

test('after kill -9 of a proxy that starts nothing is left', async (t) => {
  const scene = await starting(t);
  process.kill(scene.proxy.pid, 'SIGKILL');
  assert.notEqual((await scene.start.ended).code, 0);
  await assertNothingLeft(scene);
});

test('a start that waits is given up with its command, also where that is killed', async (t) => {
  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    const scene = await starting(t);
    scene.start.child.kill(signal);
    await scene.start.ended;
    await gone(scene.proxy.pid);
    await assertNothingLeft(scene);
  }
});

test('a restart replaces a start that waits', async (t) => {
  const scene = await starting(t);
  const restart = scene.cli.start('proxy', 'restart');
  const next = await seen(scene.cli, (p) => p.state === 'starting' && p.id !== scene.proxy.id);
  assert.equal(next.port, scene.proxy.port);
  assert.match((await scene.start.ended).stderr, /it was stopped/);
  await gone(scene.proxy.pid);
  assert.deepEqual(
    (await proxies(scene.cli)).map((p) => p.id),
    [next.id],
  );
  assert.equal((await scene.cli.run('proxy', 'stop')).code, 0);
  assert.equal((await restart.ended).code, 2);
  await assertNothingLeft({ ...scene, proxy: next });
});

test('a start that fails after it was seen as starting leaves nothing', async (t) => {
  const cli = makeCli(t);
  const ca = await startFakeCa(t, cli.folder, () => Date.now());
  const asked = Promise.withResolvers<() => void>();
  ca.says['/directory'] = (response) => asked.resolve(() => void response.writeHead(500).end());
  const start = cli.start(
    ...['proxy', 'start', '--port', '0', '--mode', 'https-acme', '--domain', 'llm.example.org'],
    ...['--bind', '127.0.0.1', '--acme-accept-terms', '--acme-challenge', 'tls-alpn-01'],
    ...['--acme-directory', ca.directory, '--acme-ca', ca.caFile],
  );
  const proxy = await seen(cli, (p) => p.state === 'starting');
  ca.says['/directory'] = (response) => void response.writeHead(404).end();
  (await asked.promise)();
  assert.equal((await start.ended).code, 1);
  await assertNothingLeft({ cli, start, proxy, flags: [] });
});
