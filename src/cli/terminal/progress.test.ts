import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitLine, whileWaiting } from './progress.ts';

/** A clock whose timers run when the test says so. */
function handClock() {
  const timers = new Set<() => void>();
  const add = (_ms: number, f: () => void) => {
    timers.add(f);
    return () => void timers.delete(f);
  };
  let nowMs = 0;
  return {
    clock: { after: add, every: add, monotonicMs: () => nowMs },
    tick(ms: number): void {
      nowMs += ms;
      for (const f of [...timers]) f();
    },
    timers,
  };
}

async function shown(talkIsTerminal: boolean, ticks: readonly number[]): Promise<readonly string[]> {
  const lines: string[] = [];
  const hand = handClock();
  const terminal = {
    talk: (text: string) => void lines.push(text),
    progress: (text: string) => void lines.push(`~${text}`),
    talkIsTerminal,
    paint: (_style: unknown, text: string) => text,
    columns: 80,
  };
  const wait = { text: 'Waiting', patienceMs: 1_000, limitMs: 90_000 };
  const result = await whileWaiting(terminal, hand.clock, wait, async () => {
    for (const ms of ticks) hand.tick(ms);
    return 7;
  });
  assert.equal(result, 7);
  return lines;
}

test('a wait counts its seconds on a terminal and takes its line back', async () => {
  assert.deepEqual(await shown(true, [27_000]), [
    '~Waiting [######--------------] 27 s of at most 90 s',
    '~',
  ]);
});

test('a wait is one plain line without a terminal, and nothing if it is short', async () => {
  assert.deepEqual(await shown(false, [1_000]), ['Waiting (90 s at most) ...']);
  assert.deepEqual(await shown(true, []), []);
});

test('a wait without a known end has no bar, and one that takes longer than expected a full one', () => {
  assert.equal(waitLine({ text: 'Waiting', patienceMs: 0 }, 125_000), 'Waiting (2 min)');
  assert.match(
    waitLine({ text: 'Waiting', patienceMs: 0, limitMs: 10_000 }, 60_000),
    /\[#{20}\] 60 s of at most 10 s/,
  );
});
