/** A store thread that crashes, hangs and waits: the proxy goes on and gets another. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../../src/core/clock.ts';
import { openProxyStore } from '../../src/store/sqlite/proxy-store.ts';
import { type SpawnWorker, spawnStoreWorker } from '../../src/store/sqlite/spawn-worker.ts';
import type { FromThread } from '../../src/store/sqlite/thread-messages.ts';
import { eventually } from '../helpers/eventually.ts';
import { Heard, startedProxyStore, Threads } from '../helpers/proxy-stores.ts';
import { lockFile } from '../helpers/store-programs.ts';
import { enforcedPart, sampleHandle, sampleKey, sampleUsage } from '../helpers/store-samples.ts';
import { atEnd, failsAs, openedStore, temporaryHome } from '../helpers/temporary-store.ts';

test('a thread that crashes is reported, started again, and continues where the proxy is', async (t) => {
  const home = temporaryHome(t);
  const cli = openedStore(t, home);
  await cli.security.insertKey(sampleKey('a'));
  // The second thread dies with a question open: a crash between two questions may be over before anyone asks.
  let spawned = 0;
  const spawn: SpawnWorker = (start) =>
    ++spawned === 2
      ? new Worker("require('node:worker_threads').parentPort.on('message', () => process.exit(1))", {
          eval: true,
        })
      : spawnStoreWorker(start);
  const { proxy, heard, threads } = await startedProxyStore(t, home, { spawn });
  proxy.add(sampleUsage({ atMs: Date.now() }));
  await threads.last.terminate();
  await cli.security.insertKey(sampleKey('b'));
  await heard.until(({ changes }) => changes.length > 1);
  assert.deepEqual(heard.changes[1], {
    keys: { replaceAll: false, removedIds: [], upserted: [enforcedPart(sampleKey('b'))] },
  });
  await heard.until(({ problems }) => problems.length > 0 && problems.at(-1) === undefined);
  assert.match(heard.problems[0] ?? '', /thread/);
  assert.equal(threads.started.length, 3);
  await proxy.close();
  assert.equal((await cli.usage.listUsage('2025-01-01'))[0]?.requests, 1);
});

test('refresh does not wait for the pause after a crash', async (t) => {
  const home = temporaryHome(t);
  const { proxy, threads } = await startedProxyStore(t, home);
  await threads.last.terminate();
  await proxy.refresh();
  assert.equal(threads.started.length, 2);
});

test('a batch whose answer was lost in a crash counts once', async (t) => {
  const home = temporaryHome(t);
  const cli = openedStore(t, home);
  let first = true;
  const spawn: SpawnWorker = (start) => {
    const worker = spawnStoreWorker(start);
    if (!first) return worker;
    first = false;
    // It dies as soon as it has written, before the proxy hears of it.
    const emit = worker.emit.bind(worker);
    t.mock.method(worker, 'emit', (event: 'message', message: FromThread) => {
      if (event !== 'message' || message.answer.say !== 'done') return emit(event, message);
      void worker.terminate();
      return true;
    });
    return worker;
  };
  const { proxy, threads, heard } = await startedProxyStore(t, home, { spawn });
  proxy.add(sampleUsage());
  await heard.until(({ problems }) => problems.length > 1 && problems.at(-1) === undefined);
  await proxy.close();
  assert.equal(threads.started.length, 2);
  assert.equal((await cli.usage.listUsage('2025-01-01'))[0]?.requests, 1);
});

test('a thread that hangs is reported, ended and replaced', async (t) => {
  const home = temporaryHome(t);
  const cli = openedStore(t, home);
  const url = JSON.stringify(new URL('../../src/store/sqlite/worker.ts', import.meta.url).href);
  const code = `
    require('node:worker_threads').parentPort.on('message', (m) => { while (m.hang); });
    import(${url});`;
  // Time leaps, so that a busy machine makes no thread late that does not hang.
  let leapMs = 0;
  const { proxy, heard, threads } = await startedProxyStore(t, home, {
    clock: { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + leapMs },
    spawn: (start) => new Worker(code, { eval: true, workerData: start }),
  });
  threads.last.postMessage({ hang: true, n: 0, request: { do: 'next' } });
  await cli.security.insertKey(sampleKey('a'));
  const asked = proxy.refresh().catch(() => {});
  leapMs = 60_000;
  await heard.until(({ changes }) => changes.length > 1);
  assert.match(heard.problems[0] ?? '', /did not answer/);
  await heard.until(({ problems }) => problems.at(-1) === undefined);
  await asked;
  assert.equal(threads.started.length, 2);
});

test('a hanging thread does not hang the end', async (t) => {
  const home = temporaryHome(t);
  const threads = new Threads(() => new Worker('setInterval(() => {}, 1000)', { eval: true }));
  const clock = { ...systemClock, after: (_: number, f: () => void) => systemClock.after(50, f) };
  const proxy = openProxyStore({ home, clock, spawn: threads.spawn });
  const start = assert.rejects(proxy.start(new Heard()), failsAs('STORE_UNUSABLE', /did not answer/));
  await eventually(
    () => threads.started.length,
    (count) => count === 1,
  );
  await proxy.close();
  await start;
  assert.equal(threads.exited.length, 1);
});

test('a locked database delays the thread, and no turn of the proxy', async (t) => {
  const home = temporaryHome(t);
  openedStore(t, home);
  const { proxy } = await startedProxyStore(t, home, { busyTimeoutMs: 400 });
  const lock = await lockFile(t, join(home, 'flm.db'));
  let turns = 0;
  const beat = setInterval(() => turns++, 5);
  atEnd(t, () => clearInterval(beat));
  await assert.rejects(proxy.saveHandle(sampleHandle('a')), failsAs('STORE_BUSY'));
  assert(turns > 10, `${turns} turns`);
  await lock.release();
  await proxy.saveHandle(sampleHandle('a'));
});
