/**
 * Hand-overs that go wrong: whichever process fails or dies, and whenever, the old proxy serves on or the new one does,
 * and nothing is left behind.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { FlmError } from '../../src/core/errors.ts';
import type { SuccessorProgram } from '../../src/core/proxy/ports.ts';
import type { ProxyHandle } from '../../src/core/proxy/proxy-handle.ts';
import { controlClient } from '../../src/process/control-client.ts';
import { liveHandles } from '../../src/process/live-handles.ts';
import { assertMistake, flmEntry, makeCli, processesOf, type TestCli } from '../helpers/cli.ts';
import { ask, newConnections } from '../helpers/restless-clients.ts';

interface Proxy {
  readonly id: string;
  readonly pid: number;
  readonly port: number;
  readonly url: string;
  readonly state: string;
}

interface Scene {
  readonly cli: TestCli;
  readonly proxy: Proxy;
  readonly handle: ProxyHandle;
}

const strange = join(import.meta.dirname, '../helpers/strange-successor.ts');
const dying = join(import.meta.dirname, '../helpers/dying-hand-over.ts');

async function started(t: TestContext): Promise<Scene> {
  const cli = makeCli(t);
  const ran = await cli.run('proxy', 'start', '--port', '0', '--json');
  assert.equal(ran.code, 0, ran.stderr);
  const proxy = ran.json<Proxy>();
  const [handle] = await liveHandles(join(cli.home, 'run'));
  assert.ok(handle !== undefined);
  return { cli, proxy, handle };
}

async function handOver(
  handle: ProxyHandle,
  program: SuccessorProgram,
  signal?: AbortSignal,
): Promise<unknown> {
  const client = controlClient(handle);
  const status = await client.status();
  assert.ok(status !== 'gone');
  const { config, overrides } = status;
  const options = { config: { ...config, port: handle.port }, profile: handle.profile, overrides };
  return client.handOver({ options, program }, 60_000, signal);
}

/** Only these proxies run, and nothing of another one is left. */
async function assertOnly(cli: TestCli, expected: readonly string[]): Promise<readonly Proxy[]> {
  const { proxies } = (await cli.run('proxy', 'status', '--json')).json<{ proxies: readonly Proxy[] }>();
  assert.deepEqual(
    proxies.map(({ id }) => id),
    expected,
  );
  const sockets = readdirSync(join(cli.home, 'run')).filter((name) => name.endsWith('.sock'));
  assert.deepEqual(
    sockets.map((name) => name.replace('.sock', '')),
    expected,
  );
  const pids = new Set(proxies.map(({ pid }) => pid));
  // A process that was killed may take a moment to go.
  while (processesOf(cli.home).some((pid) => !pids.has(pid))) await setImmediate();
  return proxies;
}

const failsWith =
  (code: string, text = /./) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof FlmError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, text);
    return true;
  };

for (const [how, code, text] of [
  ['exits', 'PROXY_HAND_OVER_FAILED', /exit code 3/],
  ['nonsense', 'PROXY_HAND_OVER_FAILED', /something strange/],
  ['fails', 'PROXY_CERT_FAILED', /it is old/],
  ['nonsense after the state', 'PROXY_HAND_OVER_FAILED', /something strange/],
  ['hangs after the state', 'PROXY_HAND_OVER_TIMEOUT', /within 10 s/],
] as const) {
  test(`a successor that ${how} leaves the old proxy serving, with the reason told`, async (t) => {
    const { cli, proxy, handle } = await started(t);
    const clients = newConnections(t, { url: proxy.url, key: '' });
    const program = { command: process.execPath, args: [strange, how], env: { PATH: '' } };
    await assert.rejects(handOver(handle, program), failsWith(code, text));
    await clients.more(10);
    assert.deepEqual((await clients.stop()).faults, []);
    await assertOnly(cli, [proxy.id]);
    // The next restart works.
    const ran = await cli.run('proxy', 'restart', '--json');
    assert.equal(ran.code, 0, ran.stderr);
  });
}

test('a program that is not there leaves the old proxy serving', async (t) => {
  const { cli, proxy, handle } = await started(t);
  const program = { command: '/nowhere/flm', args: [], env: {} };
  await assert.rejects(handOver(handle, program), failsWith('PROXY_HAND_OVER_FAILED', /ENOENT/));
  await assertOnly(cli, [proxy.id]);
});

test('a successor that hangs is ended with the command that asked for it, and a second restart is refused meanwhile', async (t) => {
  const { cli, proxy, handle } = await started(t);
  const program = { command: process.execPath, args: [strange, 'hangs'], env: { PATH: '' } };
  const leaving = new AbortController();
  const first = handOver(handle, program, leaving.signal);
  const log = join(cli.home, 'logs/default.log');
  while (!readFileSync(log, 'utf8').includes('"handing over"')) await setImmediate();
  assertMistake(await cli.run('proxy', 'restart'), /A new process is already replacing the proxy/);
  leaving.abort(new Error('enough'));
  await assert.rejects(first, /enough/);
  while (!readFileSync(log, 'utf8').includes('"the hand-over failed"')) await setImmediate();
  await ask({ url: proxy.url, key: '' }, { path: '/health' });
  await assertOnly(cli, [proxy.id]);
});

test('a stop during a hand-over ends both processes', async (t) => {
  const { cli, handle } = await started(t);
  const program = { command: process.execPath, args: [strange, 'hangs'], env: { PATH: '' } };
  const failed = assert.rejects(
    handOver(handle, program),
    failsWith('PROXY_HAND_OVER_FAILED', /it was stopped/),
  );
  while (!readFileSync(join(cli.home, 'logs/default.log'), 'utf8').includes('"handing over"'))
    await setImmediate();
  const stopped = await cli.run('proxy', 'stop');
  assert.equal(stopped.code, 0, stopped.stderr);
  await failed;
  await assertOnly(cli, []);
});

test('a stop while the successor takes over ends both processes', async (t) => {
  const { cli, handle } = await started(t);
  const program = { command: process.execPath, args: [strange, 'serves late'], env: { PATH: '' } };
  const failed = assert.rejects(
    handOver(handle, program),
    failsWith('PROXY_HAND_OVER_FAILED', /it was stopped/),
  );
  while (!readFileSync(join(cli.home, 'logs/default.log'), 'utf8').includes('it has the state'))
    await setImmediate();
  await controlClient(handle).stop(0);
  await failed;
  await assertOnly(cli, []);
});

function dyingProgram(cli: TestCli, dies: string): SuccessorProgram {
  const env = { PATH: '', HOME: cli.folder, FLM_SETUP: 'off', FLM_DETECT_PORTS: '', FLM_TEST_DIES: dies };
  const args = ['--import', dying, flmEntry, 'proxy', 'run', '--launched'];
  return { command: process.execPath, args, env };
}

for (const stage of ['start', 'prepared', 'ready', 'kept']) {
  test(`after kill -9 of the successor at the message "${stage}" the old proxy serves on`, async (t) => {
    const { cli, proxy, handle } = await started(t);
    const clients = newConnections(t, { url: proxy.url, key: '' });
    await assert.rejects(
      handOver(handle, dyingProgram(cli, `self:${stage}`)),
      failsWith('PROXY_HAND_OVER_FAILED', /SIGKILL/),
    );
    await clients.more(10);
    const { faults } = await clients.stop();
    // What the successor had accepted dies with it; nothing is refused.
    assert.deepEqual(stage === 'start' || stage === 'prepared' ? faults : [], []);
    assert.ok(!faults.some((fault) => fault.includes('ECONNREFUSED')), faults.join());
    await assertOnly(cli, [proxy.id]);
  });

  test(`after kill -9 of the old proxy at the message "${stage}" the successor serves`, async (t) => {
    const { cli, proxy, handle } = await started(t);
    await handOver(handle, dyingProgram(cli, `predecessor:${stage}`)).catch(() => {});
    for (;;) {
      const found = (await liveHandles(join(cli.home, 'run'))).find((h) => h.starting !== true);
      if (found === undefined || found.id === proxy.id) {
        await setImmediate();
        continue;
      }
      assert.equal(found.port, proxy.port);
      await ask({ url: proxy.url, key: '' }, { path: '/health' });
      assert.equal((await cli.run('proxy', 'stop')).code, 0);
      return;
    }
  });

  test(`a stop of the old proxy at the message "${stage}" ends both processes`, async (t) => {
    const { cli, handle } = await started(t);
    await handOver(handle, dyingProgram(cli, `stop:${stage}`)).catch(() => {});
    while (processesOf(cli.home).length > 0) await setImmediate();
    await assertOnly(cli, []);
  });
}
