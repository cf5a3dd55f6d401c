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
import { assertMistake, makeCli, type Running, type TestCli } from '../helpers/cli.ts';
import { eventually } from '../helpers/eventually.ts';
import { type FakeCa, json, startFakeCa } from '../helpers/fake-ca.ts';
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

interface Fixture {
  readonly cli: TestCli;
  readonly ca: FakeCa;
  readonly start: Running;
  readonly proxy: Proxy;
  readonly flags: readonly string[];
}

/**
 * An order that the CA never gets done with: a start waits for it until its 90 seconds are over. Resolves when it is made.
 */
function pendingOrder(ca: FakeCa): Promise<void> {
  const base = ca.directory.replace(/\/directory$/, '');
  const ordered = Promise.withResolvers<void>();
  ca.says['/order'] = (response) => {
    ordered.resolve();
    response.setHeader('location', `${base}/order/1`);
    const authorizations = [`${base}/authorization`];
    json(response, 201, { status: 'pending', authorizations, finalize: `${base}/finalize` });
  };
  const challenge = {
    type: 'tls-alpn-01',
    url: `${base}/challenge`,
    token: 'a-token-that-is-long-enough',
    status: 'pending',
  };
  ca.says['/authorization'] = (response) => {
    const identifier = { type: 'dns', value: 'llm.example.org' };
    json(response, 200, { status: 'pending', identifier, challenges: [challenge] });
  };
  ca.says['/challenge'] = (response) => json(response, 200, { ...challenge, status: 'processing' });
  return ordered.promise;
}

/** A start that waits for its certificate. */
async function starting(t: TestContext, how: 'start' | 'run' = 'start'): Promise<Fixture> {
  const cli = makeCli(t);
  const ca = await startFakeCa(t, cli.folder, () => Date.now());
  const ordered = pendingOrder(ca);
  const flags = [
    ...['--mode', 'https-acme', '--domain', 'llm.example.org', '--bind', '127.0.0.1', '--acme-accept-terms'],
    ...['--acme-directory', ca.directory, '--acme-ca', ca.caFile, '--acme-challenge', 'tls-alpn-01'],
  ];
  const start = cli.start('proxy', how, '--port', '0', ...flags);
  await Promise.race([ordered, start.ended]);
  return { cli, ca, start, proxy: await seen(cli, start, (p) => p.state === 'starting'), flags };
}

async function proxies(cli: TestCli): Promise<readonly Proxy[]> {
  return (await cli.run('proxy', 'status', '--json')).json<{ proxies: readonly Proxy[] }>().proxies;
}

/** Looks until such a proxy is there, or the command that starts it has ended. */
async function seen(cli: TestCli, start: Running, isMeant: (p: Proxy) => boolean): Promise<Proxy> {
  let isOver = false;
  void start.ended.then(() => {
    isOver = true;
  });
  for (;;) {
    const found = (await proxies(cli)).find(isMeant);
    if (found !== undefined) return found;
    assert.equal(isOver, false, start.stderr());
  }
}

async function assertNothingLeft({ cli, proxy }: Fixture): Promise<void> {
  assert.deepEqual(await proxies(cli), []);
  const sockets = readdirSync(join(cli.home, 'run')).filter((name) => name.endsWith('.sock'));
  assert.deepEqual(sockets, [], 'control sockets');
  await gone(proxy.pid);
  const server = createServer().listen({ port: proxy.port, host: '127.0.0.1', exclusive: true });
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  await new Promise((resolve) => server.close(resolve));
}

async function gone(pid: number): Promise<void> {
  await eventually(
    () => runs(pid),
    (itRuns) => !itRuns,
  );
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('status, a second start, up, chat and connect know a proxy that waits for its first certificate', async (t) => {
  const { cli, proxy, flags } = await starting(t);
  assert.match(proxy.warnings?.join() ?? '', /waits for its first certificate/);
  const saved = await cli.run('profile', 'save', 'other', ...flags, '--port', String(proxy.port));
  assert.equal(saved.code, 0, saved.stderr);
  // All at once: the start ends after 90 seconds.
  const [text, next, start, up, other, chat, connect] = await Promise.all([
    cli.run('proxy', 'status'),
    cli.run(),
    cli.run('proxy', 'start'),
    cli.run('up', '--detach'),
    cli.run('proxy', 'start', 'other'),
    cli.pipe('hello', 'chat', 'm'),
    cli.run('connect', 'codex'),
  ]);
  assert.match(text.stdout, / starting +default /);
  assert.match(next.stdout, /Starting: .*flm proxy status --watch/s);
  const already = new RegExp(`Profile default is already starting as ${proxy.id}`);
  assertMistake(start, already);
  assertMistake(up, already);
  assertMistake(
    other,
    new RegExp(`already in use by the proxy ${proxy.id} \\(profile default, still starting\\)`),
  );
  const wait = new RegExp(`The proxy ${proxy.id} \\(profile default\\) is still starting`);
  assertMistake(chat, wait);
  assertMistake(connect, wait);
});

test('a proxy in the foreground that is starting is not replaced by one in the background', async (t) => {
  const { cli, proxy } = await starting(t, 'run');
  assertMistake(await cli.run('proxy', 'restart'), /runs in the foreground \(pid \d+\)/);
  assert.deepEqual(
    (await proxies(cli)).map(({ id, state }) => ({ id, state })),
    [{ id: proxy.id, state: 'starting' }],
  );
  assert.equal((await cli.run('proxy', 'stop')).code, 0);
});

test('a stop ends a start that waits, the start says so, and nothing is left', async (t) => {
  const fixture = await starting(t);
  const stopped = await fixture.cli.run('proxy', 'stop', '--json');
  assert.equal(stopped.code, 0, stopped.stderr);
  assert.equal(stopped.json<{ stopped: readonly Proxy[] }>().stopped[0]?.id, fixture.proxy.id);
  const ended = await fixture.start.ended;
  assert.equal(ended.code, 2);
  assert.match(ended.stderr, /The proxy ended before it answered: it was stopped\./);
  await assertNothingLeft(fixture);
});

test('after kill -9 of a proxy that starts nothing is left', async (t) => {
  const fixture = await starting(t);
  process.kill(fixture.proxy.pid, 'SIGKILL');
  assert.notEqual((await fixture.start.ended).code, 0);
  await assertNothingLeft(fixture);
});

test('a start that waits is given up with its command, also where that is killed', async (t) => {
  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    const fixture = await starting(t);
    fixture.start.child.kill(signal);
    await fixture.start.ended;
    await gone(fixture.proxy.pid);
    await assertNothingLeft(fixture);
  }
});

test('a restart replaces a start that waits', async (t) => {
  const fixture = await starting(t);
  const restart = fixture.cli.start('proxy', 'restart');
  const next = await seen(fixture.cli, restart, (p) => p.state === 'starting' && p.id !== fixture.proxy.id);
  assert.equal(next.port, fixture.proxy.port);
  assert.match((await fixture.start.ended).stderr, /it was stopped/);
  await gone(fixture.proxy.pid);
  assert.deepEqual(
    (await proxies(fixture.cli)).map((p) => p.id),
    [next.id],
  );
  assert.equal((await fixture.cli.run('proxy', 'stop')).code, 0);
  assert.equal((await restart.ended).code, 2);
  await assertNothingLeft({ ...fixture, proxy: next });
});

test('a start that fails after it was seen as starting leaves nothing', async (t) => {
  const fixture = await starting(t);
  fixture.ca.says['/authorization'] = (response) => void response.writeHead(404).end();
  assert.equal((await fixture.start.ended).code, 1);
  await assertNothingLeft(fixture);
});
