/** Messages to systemd: their order, the watchdog by the event loop's own timer, and the end of all messages. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MovedClock } from '../../test/helpers/moved-clock.ts';
import type { Environment } from '../core/environment.ts';
import { runSystemdNotify, SystemdNotifier } from './systemd-notify.ts';

function scene(env: Environment = { WATCHDOG_USEC: '30000000', WATCHDOG_PID: '1' }) {
  const clock = new MovedClock();
  const sent: (readonly string[])[] = [];
  /** Each message waits here until the test releases it. */
  const waiting: (() => void)[] = [];
  let holds = false;
  const notifier = new SystemdNotifier({
    env,
    clock,
    run(assignments) {
      sent.push(assignments);
      return new Promise((resolve) => {
        if (holds) waiting.push(() => resolve(true));
        else resolve(true);
      });
    },
  });
  return {
    clock,
    sent,
    notifier,
    hold: () => (holds = true),
    letThrough() {
      holds = false;
      for (const go of waiting.splice(0)) go();
    },
  };
}

test('readiness names the main process, in one message', async () => {
  const { notifier, sent } = scene();
  assert.equal(await notifier.ready(812, 'Serving on http://127.0.0.1:8484\nMAINPID=1'), true);
  assert.deepEqual(sent, [['READY=1', 'MAINPID=812', 'STATUS=Serving on http://127.0.0.1:8484 MAINPID=1']]);
  notifier.release();
});

test('the watchdog is told twice within its time, by a timer of the event loop', async () => {
  const { notifier, sent, clock } = scene();
  await clock.move(60_000);
  assert.deepEqual(sent, [], 'not before the proxy is ready');
  await notifier.ready(812, 'up');
  await clock.move(45_000);
  assert.deepEqual(sent.slice(1), [['WATCHDOG=1'], ['WATCHDOG=1'], ['WATCHDOG=1']]);
  notifier.release();
  assert.equal(clock.timers, 0);
});

test('without a watchdog in the unit no watchdog message is sent', async () => {
  const { notifier, sent, clock } = scene({});
  await notifier.ready(812, 'up');
  await clock.move(600_000);
  assert.equal(sent.length, 1);
});

test('a slow systemd-notify does not pile up watchdog messages, and messages keep their order', async () => {
  const { notifier, sent, clock, hold, letThrough } = scene();
  await notifier.ready(812, 'up');
  hold();
  await clock.move(60_000);
  assert.deepEqual(sent.slice(1), [['WATCHDOG=1']]);
  const stopping = notifier.stopping(30_000);
  assert.equal(sent.length, 2);
  letThrough();
  await stopping;
  assert.deepEqual(sent[2]?.slice(0, 1), ['STOPPING=1']);
  // systemd waits for the grace time and the closing that follows.
  assert.ok(sent[2]?.includes('EXTEND_TIMEOUT_USEC=45000000'));
  notifier.release();
});

test('a process that is no longer the main process tells systemd nothing', async () => {
  const { notifier, sent, clock } = scene();
  await notifier.ready(812, 'up');
  notifier.release();
  await clock.move(60_000);
  await notifier.stopping(0);
  assert.equal(sent.length, 1);
});

test('a systemd-notify that is missing or fails is reported, and never throws', async () => {
  assert.equal(await runSystemdNotify('/nowhere/systemd-notify', {})(['READY=1']), false);
  assert.equal(await runSystemdNotify('/bin/false', {})(['READY=1']), false);
});
