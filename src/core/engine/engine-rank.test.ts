import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type EngineAnswer, EngineRank } from './engine-rank.ts';

interface Time {
  nowMs: number;
}

function ranked(): { readonly rank: EngineRank; readonly time: Time } {
  const time = { nowMs: 1_000 };
  return { rank: new EngineRank(() => time.nowMs), time };
}

function answer(family: string, verdict: EngineAnswer['verdict'], model = 'm'): EngineAnswer {
  return { family, verdict, model, what: verdict === 'key-refused' ? 'status 401' : 'status 500' };
}

/** One request of a key, from begin to end. */
function ask(rank: EngineRank, family: string, verdict: EngineAnswer['verdict']): boolean {
  rank.begin();
  return rank.record(answer(family, verdict));
}

test('after failures of one key the engine ranks last for that key alone, however many they are', () => {
  const { rank } = ranked();
  for (let i = 0; i < 100; i++) ask(rank, 'x', 'failed');
  assert.equal(rank.ranksLastFor('x'), true);
  assert.equal(rank.ranksLastFor('y'), false);
  assert.equal(rank.ranksLast, false);
  assert.deepEqual(rank.reading, {
    state: 'last-for-keys',
    reason: 'a request failed with status 500',
    keys: ['x'],
    keyCount: 1,
  });
});

test("a key's mark runs out, doubles when the next request fails, and ends with a good answer", () => {
  const { rank, time } = ranked();
  const pauses: number[] = [];
  for (let i = 0; i < 7; i++) {
    ask(rank, 'x', 'failed');
    const from = time.nowMs;
    while (rank.ranksLastFor('x')) time.nowMs += 1_000;
    pauses.push((time.nowMs - from) / 1_000);
  }
  assert.deepEqual(pauses, [15, 30, 60, 120, 240, 300, 300]);
  ask(rank, 'x', 'failed');
  ask(rank, 'x', 'good');
  assert.equal(rank.ranksLastFor('x'), false);
  assert.equal(rank.reading, undefined);
});

test('failures of two keys make the engine rank last for everybody', () => {
  const { rank } = ranked();
  assert.equal(ask(rank, 'x', 'failed'), false);
  assert.equal(ask(rank, 'y', 'failed'), true);
  assert.equal(rank.ranksLastFor('anybody'), true);
  assert.equal(rank.reading?.state, 'last');
  assert.equal(rank.reading?.reason, 'requests of more than one key failed, the last one with status 500');
});

test('two prompts that fail among many good answers leave the rank as it is', () => {
  const { rank } = ranked();
  for (let i = 0; i < 50; i++) {
    ask(rank, `bad${i}`, 'failed');
    for (let j = 0; j < 4; j++) ask(rank, `good${j}`, 'good');
  }
  assert.equal(rank.ranksLast, false);
});

test('a good answer between the failures of two keys does not hide an engine that fails', () => {
  const { rank } = ranked();
  ask(rank, 'x', 'failed');
  ask(rank, 'y', 'good');
  assert.equal(ask(rank, 'y', 'failed'), true);
});

test("an engine that refuses flm's own key ranks last at once", () => {
  const { rank } = ranked();
  assert.equal(ask(rank, 'x', 'key-refused'), true);
  assert.equal(rank.ranksLastFor('y'), true);
  assert.match(rank.reading?.reason ?? '', /refuses the key that flm has for it \(status 401\)/);
});

test('an engine ranks last when another one answers what failed on it', () => {
  const { rank } = ranked();
  ask(rank, 'x', 'failed');
  assert.equal(rank.twinAnswered('y', 'm', 'twin'), false, 'of another key');
  assert.equal(rank.twinAnswered('x', 'n', 'twin'), false, 'for another model');
  assert.equal(rank.twinAnswered('x', undefined, 'twin'), false, 'for no model of the catalogue');
  assert.equal(rank.ranksLast, false);
  assert.equal(rank.twinAnswered('x', 'm', 'twin'), true);
  assert.equal(rank.ranksLastFor('y'), true);
  assert.match(rank.reading?.reason ?? '', /status 500, and twin answered the same key/);
});

test('an engine that answered somebody since is not judged by its twin', () => {
  const { rank } = ranked();
  ask(rank, 'x', 'failed');
  ask(rank, 'y', 'good');
  assert.equal(rank.twinAnswered('x', 'm', 'twin'), false);
  assert.equal(rank.ranksLast, false);
});

test('an engine that has just answered another key is not judged by its twin', () => {
  const { rank, time } = ranked();
  for (let i = 0; i < 20; i++) {
    ask(rank, 'y', 'good');
    ask(rank, 'x', 'good');
    ask(rank, 'x', 'failed');
    assert.equal(rank.twinAnswered('x', 'm', 'twin'), false);
    assert.equal(rank.ranksLastFor('x'), true);
    assert.equal(rank.ranksLastFor('y'), false);
  }
  time.nowMs += 15_000;
  ask(rank, 'x', 'failed');
  assert.equal(rank.twinAnswered('x', 'm', 'twin'), true, 'the good answer is too long ago');
});

test("good answers of a key do not speak for that key's own failures", () => {
  const { rank } = ranked();
  for (let i = 0; i < 20; i++) ask(rank, 'x', 'good');
  ask(rank, 'x', 'failed');
  assert.equal(rank.twinAnswered('x', 'm', 'twin'), true);
});

test('a 403 is about the key of flm, unless the engine has just answered another key', () => {
  assert.equal(ask(ranked().rank, 'x', 'forbidden'), true);
  const { rank } = ranked();
  ask(rank, 'y', 'good');
  assert.equal(ask(rank, 'x', 'forbidden'), false);
  assert.equal(rank.ranksLastFor('x'), true);
  assert.equal(rank.ranksLastFor('y'), false);
  ask(rank, 'x', 'forbidden');
  assert.equal(ask(rank, 'y', 'forbidden'), true, 'of two keys');
});

function fallen(): ReturnType<typeof ranked> {
  const made = ranked();
  ask(made.rank, 'x', 'key-refused');
  return made;
}

test('an engine returns only after its pause and a probe that answered', () => {
  const { rank, time } = fallen();
  time.nowMs += 60_000;
  assert.equal(rank.ranksLast, true, 'no probe answered');
  rank.probed();
  assert.equal(rank.ranksLast, false);
  assert.equal(rank.reading?.state, 'returning');

  const early = fallen();
  early.rank.probed();
  early.time.nowMs += 9_000;
  assert.equal(early.rank.ranksLast, true, 'the pause is not over');
});

test('a returning engine gets one request at a time, and ranks like the others after three good answers', () => {
  const { rank, time } = fallen();
  time.nowMs += 10_000;
  rank.probed();
  for (let i = 0; i < 3; i++) {
    assert.equal(rank.ranksLastFor('y'), false);
    rank.begin();
    assert.equal(rank.ranksLastFor('y'), true, 'one is under way');
    assert.equal(rank.record(answer('y', 'good')), i === 2);
  }
  assert.equal(rank.reading, undefined);
});

test('a trial that streams on, or whose client leaves, does not hold the return up', () => {
  const { rank, time } = fallen();
  time.nowMs += 10_000;
  rank.probed();
  rank.begin();
  time.nowMs += 5_000;
  assert.equal(rank.ranksLast, false);
  rank.begin();
  rank.record(undefined);
  assert.equal(rank.ranksLast, false);
});

test('an engine that falls again pauses twice as long, up to five minutes', () => {
  const { rank, time } = ranked();
  const pauses: number[] = [];
  for (let i = 0; i < 7; i++) {
    ask(rank, 'x', 'key-refused');
    rank.probed();
    const from = time.nowMs;
    while (rank.ranksLast) time.nowMs += 1_000;
    pauses.push((time.nowMs - from) / 1_000);
  }
  assert.deepEqual(pauses, [10, 20, 40, 80, 160, 300, 300]);
});

test('an engine that was down and came back has no marks, and still returns slowly', () => {
  const { rank } = fallen();
  ask(rank, 'y', 'failed');
  rank.cameBack();
  assert.equal(rank.ranksLastFor('y'), false);
  assert.equal(rank.reading?.state, 'returning');
});

test('what is remembered of keys is bounded', () => {
  const { rank } = ranked();
  // So many good answers in between that the rank stays.
  for (let i = 0; i < 5_000; i++) {
    ask(rank, `key${i}`, 'failed');
    for (let j = 0; j < 4; j++) ask(rank, 'good', 'good');
  }
  assert.equal(rank.reading?.keyCount, 1_000);
  assert.equal(rank.reading?.keys.length, 10);
  assert.equal(rank.ranksLastFor('key0'), false);
  assert.equal(rank.ranksLastFor('key4999'), true);
});

test('whatever one key does, an engine that refuses no key ranks last for that key alone', () => {
  const step = fc.oneof(
    fc.record({ family: fc.constant('x'), verdict: fc.constantFrom('good' as const, 'failed' as const) }),
    fc.record({ family: fc.constantFrom('y', 'z'), verdict: fc.constant('good' as const) }),
    fc.integer({ min: 1, max: 60_000 }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const { rank, time } = ranked();
      for (const s of steps) {
        if (typeof s === 'number') time.nowMs += s;
        else ask(rank, s.family, s.verdict);
        assert.equal(rank.ranksLastFor('y'), false);
      }
    }),
  );
});

test('an engine that answers well always ranks like the others again', () => {
  const verdicts = fc.constantFrom('good' as const, 'failed' as const, 'key-refused' as const);
  const steps = fc.array(fc.record({ family: fc.constantFrom('x', 'y'), verdict: verdicts }), {
    maxLength: 50,
  });
  fc.assert(
    fc.property(steps, (asked) => {
      const { rank, time } = ranked();
      for (const s of asked) ask(rank, s.family, s.verdict);
      time.nowMs += 300_000;
      rank.probed();
      for (let i = 0; i < 3; i++) ask(rank, 'z', 'good');
      assert.equal(rank.reading, undefined);
    }),
  );
});
