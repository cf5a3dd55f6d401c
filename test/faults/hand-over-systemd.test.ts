/** Hand-overs under systemd: its main process lives, whichever process is killed at whichever message. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import type { ProxyHandle } from '../../src/core/proxy/proxy-handle.ts';
import { controlClient } from '../../src/process/control-client.ts';
import { liveHandles } from '../../src/process/live-handles.ts';
import { flmEntry, makeCli, type Running, type TestCli } from '../helpers/cli.ts';
import { eventually } from '../helpers/eventually.ts';
import { listenForNotify, type NotifySocket, noNotifySocket } from '../helpers/notify-socket.ts';
import { ask } from '../helpers/restless-clients.ts';
import { createKey } from '../helpers/start-proxy.ts';

const skip = noNotifySocket;
const dying = join(import.meta.dirname, '../helpers/dying-hand-over.ts');

interface Scene {
  readonly cli: TestCli;
  readonly systemd: NotifySocket;
  readonly running: Running;
  readonly handle: ProxyHandle;
}

async function started(t: TestContext, kills?: number, flags = ['--json']): Promise<Scene> {
  const folder = makeCli(t).folder;
  const systemd = await listenForNotify(t, join(folder, 'notify'), kills);
  const cli = makeCli(t, { NOTIFY_SOCKET: systemd.path });
  const running = cli.start('proxy', 'run', '--port', '0', ...flags);
  await systemd.named(1);
  const [handle] = await liveHandles(join(cli.home, 'run'));
  assert.ok(handle !== undefined);
  assert.deepEqual(systemd.mainPids, [handle.pid]);
  return { cli, systemd, running, handle };
}

/** `dies`: see test/helpers/dying-hand-over.ts. */
async function handOver({ cli, handle, systemd }: Scene, dies: string): Promise<ProxyHandle> {
  const client = controlClient(handle);
  const status = await client.status();
  assert.ok(status !== 'gone');
  const { config, overrides } = status;
  const options = { config: { ...config, port: handle.port }, profile: handle.profile, overrides };
  const env = {
    PATH: '',
    HOME: cli.folder,
    FLM_SETUP: 'off',
    FLM_DETECT_PORTS: '',
    FLM_TEST_DIES: dies,
    NOTIFY_SOCKET: systemd.path,
  };
  const args = ['--import', dying, flmEntry, 'proxy', 'run', '--launched'];
  const program = { command: process.execPath, args, env };
  const newest = await client.handOver({ options, program }, 60_000);
  assert.ok(typeof newest === 'object');
  return newest;
}

function endAfter(t: TestContext, pid: number): void {
  t.after(() => {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  });
}

const serves = ({ handle }: Scene): Promise<unknown> =>
  ask({ url: `http://127.0.0.1:${handle.port}`, key: '' }, { path: '/health' });

test('the successor is the main process before its predecessor ends', { skip }, async (t) => {
  const scene = await started(t);
  // The successor keeps stderr open, so the streams of the process do not end.
  const ended = new Promise((resolve) => scene.running.child.once('exit', resolve));
  const newest = await handOver(scene, '');
  endAfter(t, newest.pid);
  // The predecessor names it, then the successor itself.
  await scene.systemd.named(3);
  assert.deepEqual(scene.systemd.mainPids.slice(1), [newest.pid, newest.pid]);
  assert.equal(await ended, 0);
  await serves(scene);
});

for (const stage of ['start', 'prepared', 'ready', 'kept']) {
  test(`a successor that is killed at "${stage}" never was the main process`, { skip }, async (t) => {
    const scene = await started(t);
    await assert.rejects(handOver(scene, `self:${stage}`), /SIGKILL/);
    // The old process names itself once more, in case.
    await scene.systemd.named(2);
    assert.deepEqual(scene.systemd.mainPids, [scene.handle.pid, scene.handle.pid]);
    await serves(scene);
  });

  test(`a successor names itself when its predecessor is killed at "${stage}"`, { skip }, async (t) => {
    const scene = await started(t);
    await handOver(scene, `predecessor:${stage}`).catch(() => {});
    await scene.systemd.named(2);
    const pid = scene.systemd.mainPids[1] ?? 0;
    assert.notEqual(pid, scene.handle.pid);
    endAfter(t, pid);
    await serves(scene);
  });
}

test('a successor serves on when nobody reads its log and its predecessor has ended', { skip }, async (t) => {
  const scene = await started(t);
  const { key } = await createKey(scene.cli, 'k');
  const { child } = scene.running;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const newest = await handOver(scene, '');
  endAfter(t, newest.pid);
  await ended;
  child.stderr?.pause();
  // Each request writes a line. All together are more than the pipe holds.
  const headers = { authorization: `Bearer ${key}` };
  const url = `http://127.0.0.1:${scene.handle.port}/v1/models`;
  for (let count = 0; count < 100; count += 1)
    await Promise.all(
      Array.from({ length: 20 }, () => fetch(url, { headers }).then((answer) => answer.text())),
    );
  child.stderr?.resume();
  await serves(scene);
});

test('a successor writes its log to the stream that its predecessor wrote to', { skip }, async (t) => {
  const scene = await started(t, undefined, ['--log-to', 'stdout']);
  const ended = new Promise((resolve) => scene.running.child.once('exit', resolve));
  const newest = await handOver(scene, '');
  endAfter(t, newest.pid);
  await ended;
  const line = new RegExp(`"proxy":"${newest.id}".*"msg":"started"`);
  await eventually(
    () => scene.running.stdout(),
    (log) => line.test(log),
  );
  assert.equal(scene.running.stderr(), '');
});

test('a successor that is killed while it is named leaves the old main process', { skip }, async (t) => {
  const scene = await started(t, 2);
  await assert.rejects(handOver(scene, ''), /SIGKILL/);
  await scene.systemd.named(3);
  assert.notEqual(scene.systemd.mainPids[1], scene.handle.pid);
  assert.equal(scene.systemd.mainPids[2], scene.handle.pid);
  await serves(scene);
});
