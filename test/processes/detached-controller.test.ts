/** The controller that launches processes keeps the promises of the port, also where processes die or hang. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { after, before, type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { ProxyHandle } from '../../src/core/proxy/proxy-handle.ts';
import { DetachedController, livenessBySocket } from '../../src/process/detached-controller.ts';
import { processState } from '../../src/process/process-identity.ts';
import {
  assertFree,
  assertNothingLeft,
  bodyOf,
  type ControllerHarness,
  controllerContract,
  failsWith,
  isOpen,
  never,
  slowAnswer,
  startOptions,
  until,
} from '../contracts/controller-contract.ts';
import { freePort } from '../helpers/free-ports.ts';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import { type ProxyHome, proxyHome } from '../helpers/proxy-home.ts';
import { markerOf } from '../helpers/tiny-proxy.ts';

let stock: Stock;
before(() => {
  stock = takeStock();
});
after(() => assertNoLeaks(stock));

const program = new URL('../helpers/tiny-proxy-program.ts', import.meta.url).pathname;

interface DetachedHarness extends ControllerHarness {
  readonly controller: DetachedController;
  readonly home: ProxyHome;
}

interface HarnessParts {
  readonly clock?: Clock;
  readonly env?: Readonly<Record<string, string>>;
  /** A folder below the temporary one. */
  readonly below?: string;
}

function harnessOf(t: TestContext, parts: HarnessParts = {}): DetachedHarness {
  const home = proxyHome(t, endAll, parts.below);
  const controller = new DetachedController({
    launch: { command: process.execPath, args: [program], env: { ...process.env, ...parts.env } },
    paths: home.paths,
    handles: home.proxies,
    ...(parts.clock === undefined ? {} : { clock: parts.clock }),
  });
  return {
    controller,
    home,
    handles: () => home.proxies.listHandles(),
    sockets: home.sockets,
    processes: () => processesIn(home.paths.home),
    midway: (profile) => until(() => existsSync(markerOf(home.paths, profile))),
  };
}

/** What a failed test left: the test fails with its own reason, and the next one starts on clean ground. */
async function endAll(home: ProxyHome): Promise<void> {
  for (const pid of processesIn(home.paths.home)) process.kill(Number(pid), 'SIGKILL');
  await until(() => processesIn(home.paths.home).length === 0);
}

/** Processes whose environment names that home; none where the system does not tell. */
function processesIn(home: string): string[] {
  if (!existsSync('/proc/self/environ')) return [];
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/environ`, 'latin1').split('\0').includes(`FLM_HOME=${home}`);
    } catch {
      return false;
    }
  });
}

/** Asks are given up soon; a start has all its time. */
const impatientClock: Clock = {
  ...systemClock,
  after: (ms, f) => systemClock.after(ms < 20_000 ? Math.min(ms, 100) : ms, f),
};

async function killed(handle: ProxyHandle): Promise<void> {
  process.kill(handle.pid, 'SIGKILL');
  await until(() => processState(handle) === 'gone');
}

controllerContract('detached', async (t) => harnessOf(t));

test('the child runs on its own: a session of its own, in /, without NODE_OPTIONS, private, its configuration told by nothing but IPC', async (t) => {
  const harness = harnessOf(t, { env: { NODE_OPTIONS: '--stack-trace-limit=7' } });
  if (process.platform !== 'linux') return t.skip('looks at /proc');
  const handle = await harness.controller.start(startOptions({ profile: 'secretive' }), never);
  const proc = (file: string): string => readFileSync(`/proc/${handle.pid}/${file}`, 'latin1');
  assert.deepEqual(proc('cmdline').split('\0'), [process.execPath, program, '']);
  assert.doesNotMatch(proc('environ'), /NODE_OPTIONS|secretive/);
  assert.match(
    proc('environ'),
    /(?:^|\0)MALLOC_ARENA_MAX=1(?:\0|$)/,
    'all threads share the memory of malloc',
  );
  assert.equal(readlinkSync(`/proc/${handle.pid}/cwd`), '/');
  const session = proc('stat')
    .slice(proc('stat').lastIndexOf(')') + 2)
    .split(' ')[3];
  assert.equal(session, String(handle.pid));
  assert.match(proc('status'), /^Umask:\s+0077$/m);
  await harness.controller.stop(handle, 0);
});

test('a home too deep for a socket has its sockets elsewhere, and leaves none there', async (t) => {
  const harness = harnessOf(t, { below: 'deep'.repeat(30) });
  const handle = await harness.controller.start(startOptions(), never);
  assert(!handle.controlPath.startsWith(harness.home.paths.home));
  assert.notEqual(await harness.controller.inspect(handle), 'gone');
  await harness.controller.stop(handle, 0);
  assert(!existsSync(handle.controlPath));
  await assertNothingLeft(harness);
});

/** A launcher as a process of its own, that starts a proxy of that profile and ends as a command does. */
function launcherOf(harness: DetachedHarness, profile: string) {
  const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
  const code = `
    import { DetachedController } from ${url('../../src/process/detached-controller.ts')};
    import { never, startOptions } from ${url('../contracts/controller-contract.ts')};
    import { homePathsAt } from ${url('../helpers/proxy-home.ts')};
    const controller = new DetachedController({
      launch: { command: process.execPath, args: [${JSON.stringify(program)}], env: process.env },
      paths: homePathsAt(${JSON.stringify(harness.home.paths.home)}),
      handles: { listHandles: async () => [], deleteHandle: async () => {} },
    });
    await controller.start(startOptions({ profile: ${JSON.stringify(profile)} }), never);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'inherit' });
  return { child, ended: once(child, 'close') };
}

test('a launcher ends by itself once the proxy runs, and the proxy stays', async (t) => {
  const harness = harnessOf(t);
  const { ended } = launcherOf(harness, 'default');
  assert.deepEqual(await ended, [0, null]);
  const [handle] = await harness.handles();
  assert(handle !== undefined);
  assert.equal(await bodyOf(handle, '/'), 'ok');
  await harness.controller.stop(handle, 0);
  await assertNothingLeft(harness);
});

test('a launcher that is killed in the middle of a start leaves nothing', async (t) => {
  const harness = harnessOf(t);
  const { child, ended } = launcherOf(harness, 'stuck');
  await harness.midway('stuck');
  child.kill('SIGKILL');
  await ended;
  await until(() => harness.processes().length === 0);
  await assertNothingLeft(harness);
});

test('a child that ends before it answers is reported with its reason, and nothing is left', async (t) => {
  const harness = harnessOf(t);
  const cases = [
    ['broken', /ended before it answered: the frobnicator is missing\./],
    ['dying', /ended before it answered: exit code 7\./],
    ['crashing', /ended before it answered: TypeError: the crankshaft is not a function\./],
  ] as const;
  for (const [profile, sentence] of cases) {
    const port = await freePort();
    const start = harness.controller.start(startOptions({ port, profile }), never);
    await assert.rejects(start, (error: Error) => {
      assert(failsWith('PROXY_START_FAILED')(error), String(error));
      assert.match(error.message, sentence);
      return true;
    });
    await assertNothingLeft(harness);
    await assertFree(port);
  }
  assert.match(readFileSync(harness.home.paths.logFile('broken'), 'utf8'), /frobnicator/);
});

test('a missing program is reported as such', async (t) => {
  const home = proxyHome(t, async () => {});
  const controller = new DetachedController({
    launch: { command: '/nowhere/node', args: [], env: {} },
    paths: home.paths,
    handles: home.proxies,
  });
  await assert.rejects(controller.start(startOptions(), never), {
    code: 'SYSTEM_REFUSED',
    message: 'The system refused to start /nowhere/node: a part of the path does not exist (ENOENT).',
  });
});

test('a child that hangs in its start is killed when the time is up, and what it wrote is removed', async (t) => {
  const harness = harnessOf(t, {
    clock: {
      ...systemClock,
      // The time is up when the child has everything in place; then it is given no time to give up.
      after: (ms, f) => {
        if (ms < 10_000) return systemClock.after(0, f);
        let wanted = true;
        void until(async () => !wanted || (await harness.handles()).length > 0).then(() => wanted && f());
        return () => {
          wanted = false;
        };
      },
    },
  });
  const port = await freePort();
  const start = harness.controller.start(startOptions({ port, profile: 'deaf' }), never);
  await assert.rejects(start, failsWith('PROXY_START_TIMEOUT'));
  await assertNothingLeft(harness);
  await assertFree(port);
});

test('after kill -9 it is gone, and a stop removes what it left', async (t) => {
  const harness = harnessOf(t);
  const handle = await harness.controller.start(startOptions(), never);
  assert.equal(await livenessBySocket()(handle), true);
  await killed(handle);
  assert.equal(await harness.controller.inspect(handle), 'gone');
  assert.equal(await livenessBySocket()(handle), false);
  assert.equal(harness.sockets().length, 1);
  await harness.controller.stop(handle, 0);
  await assertNothingLeft(harness);
});

test('after kill -9 the port can be taken by a new start', async (t) => {
  const harness = harnessOf(t);
  const dead = await harness.controller.start(startOptions(), never);
  await killed(dead);
  const handle = await harness.controller.start(startOptions({ port: dead.port }), never);
  assert.equal(await bodyOf(handle, '/'), 'ok');
  await harness.controller.release(dead, 0);
  assert.deepEqual(await harness.handles(), [handle]);
  await harness.controller.stop(handle, 0);
});

test('a pid that now belongs to another process is gone and is not killed', async (t) => {
  const harness = harnessOf(t);
  const other = await harness.controller.start(startOptions(), never);
  const stale: ProxyHandle = {
    ...other,
    id: 'px_00000000',
    nonce: 'of another life',
    processStart: 'long ago',
    controlPath: harness.home.paths.controlPath('px_00000000'),
  };
  await harness.home.proxies.saveHandle(stale);
  assert.equal(await harness.controller.inspect(stale), 'gone');
  assert.equal(await livenessBySocket()(stale), false);
  await harness.controller.stop(stale, 0);
  assert.deepEqual(await harness.handles(), [other]);
  assert.equal(await bodyOf(other, '/'), 'ok');
  await harness.controller.stop(other, 0);
});

test('where the start of a process is not known, no signal is sent', async (t) => {
  const harness = harnessOf(t);
  const handle = await harness.controller.start(startOptions(), never);
  const vague: ProxyHandle = { ...handle, processStart: '', nonce: 'n', controlPath: '/nowhere/a.sock' };
  await assert.rejects(harness.controller.stop(vague, 0), failsWith('PROXY_CONTROL_UNREACHABLE'));
  assert.equal(await bodyOf(handle, '/'), 'ok');
  await harness.controller.stop(handle, 0);
});

test('a process that hangs counts as alive, is reported as hanging, and a stop ends it', async (t) => {
  const harness = harnessOf(t, { clock: impatientClock });
  const handle = await harness.controller.start(startOptions(), never);
  process.kill(handle.pid, 'SIGSTOP');
  assert.equal(await livenessBySocket(impatientClock)(handle), true);
  await assert.rejects(harness.controller.inspect(handle), failsWith('PROXY_CONTROL_UNREACHABLE'));
  // Time runs until the wait for an end that does not come is over; then it stands, however long the kill takes.
  let nowMs = 0;
  const hasty = new DetachedController({
    launch: { command: process.execPath, args: [program], env: process.env },
    paths: harness.home.paths,
    handles: harness.home.proxies,
    clock: { ...impatientClock, monotonicMs: () => nowMs },
    async pause() {
      nowMs = Math.min(nowMs + 3_000, 6_000);
      await setImmediate();
    },
  });
  await hasty.stop(handle, 0);
  await assertNothingLeft(harness);
  await assertFree(handle.port);
});

test('SIGTERM drains, and SIGHUP does nothing', async (t) => {
  const harness = harnessOf(t);
  const handle = await harness.controller.start(startOptions(), never);
  const answer = await slowAnswer(handle);
  process.kill(handle.pid, 'SIGHUP');
  process.kill(handle.pid, 'SIGTERM');
  await until(async () => !(await isOpen(handle.port)));
  answer.finish();
  assert.equal(await answer.body, 'first last');
  await until(() => processState(handle) === 'gone');
  await assertNothingLeft(harness);
});

test('a second signal ends it at once', async (t) => {
  const harness = harnessOf(t);
  const handle = await harness.controller.start(startOptions(), never);
  const answer = await slowAnswer(handle);
  const cutOff = assert.rejects(answer.body);
  process.kill(handle.pid, 'SIGTERM');
  await until(async () => !(await isOpen(handle.port)));
  process.kill(handle.pid, 'SIGINT');
  await cutOff;
  await until(() => processState(handle) === 'gone');
  await harness.controller.stop(handle, 0);
  await assertNothingLeft(harness);
});
