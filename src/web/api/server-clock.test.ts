import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ServerClock } from './server-clock.ts';

const hourMs = 3_600_000;
const serverMs = Date.UTC(2026, 10, 27, 12, 0, 0);

/** A browser whose clock is at `nowMs`. */
function startBrowser(t: TestContext, nowMs: number) {
  t.mock.timers.enable({ apis: ['Date'], now: nowMs });
  const clock = new ServerClock();
  return {
    clock,
    passes: (ms: number) => t.mock.timers.setTime(Date.now() + ms),
    /** A response takes `tookMs`. The server sends it at `atMs`; the header has whole seconds. */
    answer(atMs: number, tookMs: number) {
      const sentAtMs = Date.now();
      t.mock.timers.setTime(sentAtMs + tookMs);
      clock.learn({ headers: new Headers({ date: new Date(atMs).toUTCString() }) }, sentAtMs);
    },
    isNear(expectedMs: number) {
      const wrongMs = Math.abs(clock.nowMs() - expectedMs);
      assert(wrongMs <= 1_000, `${wrongMs} ms wrong`);
    },
  };
}

test('a response tells the time of the server, whichever clock is ahead', (t) => {
  const browser = startBrowser(t, serverMs + hourMs);
  browser.answer(serverMs + 900, 0);
  browser.isNear(serverMs + 900);
  browser.passes(10_000);
  browser.isNear(serverMs + 10_900);
  browser.passes(-2 * hourMs);
  browser.answer(serverMs + 20_000, 0);
  browser.isNear(serverMs + 20_000);
});

test('the time of a right clock is not changed, however long a response takes', (t) => {
  const browser = startBrowser(t, serverMs + 950);
  browser.answer(serverMs + 950, 0);
  browser.answer(serverMs + 950, 5_000);
  browser.answer(serverMs + 6_010, 100);
  assert.equal(browser.clock.nowMs(), serverMs + 6_050);
});

test('a response without a time changes nothing', (t) => {
  const { clock } = startBrowser(t, serverMs);
  clock.learn({ headers: new Headers() }, serverMs - hourMs);
  clock.learn({ headers: new Headers({ date: 'yesterday' }) }, serverMs - hourMs);
  assert.equal(clock.nowMs(), serverMs);
});
