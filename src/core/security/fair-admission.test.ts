import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { moreRuns } from '../../../test/helpers/more-runs.ts';
import { MovedClock } from '../../../test/helpers/moved-clock.ts';
import {
  type Candidate,
  candidatesOf,
  type EngineDirectory,
  type EngineStatus,
} from '../engine/directory.ts';
import type { AdmissionDenial, Lease, QueueTicket } from './admission.ts';
import { type KeyView, noKeyLimits } from './api-key.ts';
import { FairAdmission } from './fair-admission.ts';

function keyOf(id: string, familyId = id): KeyView {
  return {
    id,
    familyId,
    label: id,
    digest: id,
    scopes: new Set(),
    anyModel: true,
    anyEngine: true,
    mayUseModel: () => true,
    mayUseEngine: () => true,
    mayUseEndpoint: () => true,
    mayComeFrom: () => true,
    limits: noKeyLimits,
    expiresAtMs: Number.POSITIVE_INFINITY,
    revoked: false,
    paused: false,
  };
}

/** Engines with so many slots each; undefined: as many as come. */
function room(
  slots: Record<string, number | undefined>,
  limits = { maxQueued: 1000, maxQueueWaitMs: 60_000 },
) {
  const listeners = new Set<() => void>();
  const inFlight = new Map<string, number>();
  const last = new Set<string>();
  const down = new Set<string>();
  const candidateOf = (id: string): Candidate => {
    const count = slots[id];
    const engine = { ref: { id } } as Candidate['engine'];
    const state = down.has(id) ? 'down' : 'running';
    return { engine, model: undefined, state, ...(count === undefined ? {} : { slots: count }) };
  };
  const directory = {
    engine: candidateOf,
    ranksLast: (id: string) => last.has(id),
    engines: () => Object.keys(slots).map((id) => ({ ref: { id } }) as EngineStatus),
    begin: ({ id }: { id: string }) => void inFlight.set(id, (inFlight.get(id) ?? 0) + 1),
    report: ({ id }: { id: string }) => void inFlight.set(id, (inFlight.get(id) ?? 0) - 1),
    onChange: (f: () => void) => {
      listeners.add(f);
      return () => listeners.delete(f);
    },
  } as unknown as EngineDirectory;
  const clock = new MovedClock();
  const admission = new FairAdmission(directory, clock, limits);
  return {
    admission,
    clock,
    inFlight,
    last,
    down,
    changed() {
      for (const f of listeners) f();
    },
    setSlots(id: string, count: number) {
      slots[id] = count;
      for (const f of listeners) f();
    },
    enter(key: KeyView, ...ids: string[]) {
      const outcomes: (Lease | AdmissionDenial)[] = [];
      const engines = ids.length === 0 ? Object.keys(slots) : ids;
      const entered = admission.enter(
        { key, candidates: candidatesOf(engines.map(candidateOf)), generates: true },
        (outcome) => void outcomes.push(outcome),
      );
      return { entered, outcomes };
    },
  };
}

function lease(outcome: Lease | AdmissionDenial | QueueTicket | undefined): Lease {
  assert.ok(outcome?.kind === 'lease');
  return outcome;
}

function waiting(outcome: Lease | AdmissionDenial | QueueTicket): QueueTicket {
  assert.ok(outcome.kind === 'waiting');
  return outcome;
}

function denied(outcome: Lease | AdmissionDenial | QueueTicket | undefined): AdmissionDenial {
  assert.ok(outcome?.kind === 'denied');
  return outcome;
}

test('an engine without a number of slots takes everything at once', () => {
  const { enter, inFlight } = room({ a: undefined });
  const leases = Array.from({ length: 50 }, () => lease(enter(keyOf('k')).entered));
  assert.equal(inFlight.get('a'), 50);
  for (const l of leases) l.release('done');
  assert.equal(inFlight.get('a'), 0);
});

test('the best candidate with a free slot is taken', () => {
  const { enter } = room({ a: 1, b: 1 });
  assert.equal(lease(enter(keyOf('k')).entered).candidate.engine.ref.id, 'a');
  assert.equal(lease(enter(keyOf('k')).entered).candidate.engine.ref.id, 'b');
  waiting(enter(keyOf('k')).entered);
});

test('a request waits for the better engine rather than run on one that ranks last', () => {
  const { enter, last } = room({ a: 1, b: undefined });
  last.add('b');
  const first = lease(enter(keyOf('k')).entered);
  const second = enter(keyOf('k'));
  waiting(second.entered);
  first.release('done');
  assert.equal(lease(second.outcomes[0]).candidate.engine.ref.id, 'a');
});

test('an engine that ranks last gets what no better engine that is up can take', () => {
  const { enter, last, down, changed } = room({ a: 1, b: 2 });
  last.add('b');
  assert.equal(lease(enter(keyOf('k'), 'b').entered).candidate.engine.ref.id, 'b');
  lease(enter(keyOf('k')).entered);
  const second = enter(keyOf('k'));
  waiting(second.entered);
  down.add('a');
  changed();
  assert.equal(lease(second.outcomes[0]).candidate.engine.ref.id, 'b');
});

test('where every engine ranks last, none waits for another', () => {
  const { enter, last } = room({ a: 1, b: 1 });
  last.add('a').add('b');
  assert.equal(lease(enter(keyOf('k')).entered).candidate.engine.ref.id, 'a');
  assert.equal(lease(enter(keyOf('k')).entered).candidate.engine.ref.id, 'b');
});

test('a slot that frees goes to the one that waits', () => {
  const { enter, admission } = room({ a: 1 });
  const first = lease(enter(keyOf('x')).entered);
  const second = enter(keyOf('y'));
  assert.equal(waiting(second.entered).position, 1);
  assert.equal(admission.queued, 1);
  first.release('done');
  lease(second.outcomes[0]).release('done');
  assert.equal(admission.queued, 0);
});

test('a light key does not wait behind all requests of a heavy one', () => {
  const { enter } = room({ a: 1 });
  let running = lease(enter(keyOf('heavy')).entered);
  const flood = Array.from({ length: 20 }, () => enter(keyOf('heavy')));
  const light = enter(keyOf('light'));
  assert.equal(waiting(light.entered).position, 2);
  running.release('done');
  // The heavy one was served last, so the light one is next.
  running = lease(light.outcomes[0]);
  running.release('done');
  lease(flood[0]?.outcomes[0]).release('done');
});

test('keys that ask again right after each answer do not shut out one that waits', () => {
  const { enter } = room({ a: 1 });
  const pending = ['one', 'two', 'patient', 'patient', 'patient'].map((key) => ({
    key,
    asked: enter(keyOf(key)),
  }));
  const order: string[] = [];
  while (order.length < 9) {
    const at = pending.findIndex(({ asked }) => asked.outcomes.length > 0 || asked.entered.kind === 'lease');
    const [{ key, asked }] = pending.splice(at, 1) as [(typeof pending)[number]];
    order.push(key);
    lease(asked.outcomes[0] ?? asked.entered).release('done');
    if (key !== 'patient') pending.push({ key, asked: enter(keyOf(key)) });
  }
  assert.deepEqual(order, [...order.slice(0, 3), ...order.slice(0, 3), ...order.slice(0, 3)]);
});

test('a key without requests is forgotten by the sweep, unless others wait', () => {
  const { admission, enter } = room({ a: 1 });
  const turns = (): readonly string[] => admission.exportState().engines.flatMap((engine) => engine.turns);
  lease(enter(keyOf('gone')).entered).release('done');
  const running = lease(enter(keyOf('busy')).entered);
  assert.deepEqual(turns(), ['gone', 'busy']);
  admission.forgetIdle();
  assert.deepEqual(turns(), ['busy']);
  const waits = enter(keyOf('waits'));
  running.release('done');
  const next = enter(keyOf('busy'));
  // The key that was served last keeps its turn while it waits, and so does one that has no request any more.
  admission.forgetIdle();
  assert.deepEqual(turns(), ['busy', 'waits']);
  lease(waits.outcomes[0]).release('done');
  admission.forgetIdle();
  assert.deepEqual(turns(), ['busy']);
  lease(next.outcomes[0]).release('done');
  admission.forgetIdle();
  assert.deepEqual(turns(), []);
});

test('among keys that an engine never served, the one that began to wait first is first', () => {
  const { enter } = room({ a: 1, b: 1 });
  const old = lease(enter(keyOf('old'), 'b').entered);
  const running = lease(enter(keyOf('other'), 'a').entered);
  const young = enter(keyOf('young'), 'a');
  const later = enter(keyOf('old'), 'a');
  running.release('done');
  assert.equal(young.outcomes.length, 1);
  assert.equal(later.outcomes.length, 0);
  lease(young.outcomes[0]).release('done');
  lease(later.outcomes[0]).release('done');
  old.release('done');
});

test('within a key it is first come, first served', () => {
  const { enter } = room({ a: 1 });
  const first = lease(enter(keyOf('k')).entered);
  const [second, third] = [enter(keyOf('k')), enter(keyOf('k'))];
  first.release('done');
  assert.deepEqual([second.outcomes.length, third.outcomes.length], [1, 0]);
});

test('a request that leaves the queue hears nothing more and frees its place', () => {
  const { enter, admission, clock } = room({ a: 1 });
  const first = lease(enter(keyOf('x')).entered);
  const second = enter(keyOf('y'));
  const place = waiting(second.entered);
  place.leave();
  place.leave();
  assert.equal(admission.queued, 0);
  assert.equal(clock.timers, 0);
  first.release('done');
  assert.deepEqual(second.outcomes, []);
  lease(enter(keyOf('y')).entered).release('done');
});

test('waiting ends after the time that is allowed, and tells when to come back', async () => {
  const { enter, clock, admission } = room({ a: 1 }, { maxQueued: 10, maxQueueWaitMs: 5_000 });
  lease(enter(keyOf('x')).entered);
  const second = enter(keyOf('y'));
  await clock.move(4_999);
  assert.deepEqual(second.outcomes, []);
  await clock.move(1);
  const denial = denied(second.outcomes[0]);
  assert.deepEqual([denial.code, denial.rule], ['QUEUE_FULL', 'maxQueueWaitMs']);
  assert.ok(denial.retryAfterMs > 0);
  assert.equal(admission.queued, 0);
});

test('a full queue makes room for a key that has less in it, at the cost of the one that has most', () => {
  const { enter } = room({ a: 1 }, { maxQueued: 4, maxQueueWaitMs: 60_000 });
  lease(enter(keyOf('x')).entered);
  const flood = Array.from({ length: 4 }, () => enter(keyOf('heavy')));
  assert.equal(denied(enter(keyOf('heavy')).entered).position, 5);
  const light = enter(keyOf('light'));
  waiting(light.entered);
  assert.equal(denied(flood[3]?.outcomes[0]).code, 'QUEUE_FULL');
  assert.deepEqual(
    flood.slice(0, 3).flatMap((f) => f.outcomes),
    [],
  );
});

test('the expected wait follows from how long requests took', async () => {
  const { enter, clock } = room({ a: 2 }, { maxQueued: 1, maxQueueWaitMs: 60_000 });
  const first = lease(enter(keyOf('x')).entered);
  await clock.move(1_000);
  first.release('done');
  for (let i = 0; i < 3; i++) enter(keyOf('x'));
  // Second in the queue, two slots of a second each.
  assert.equal(denied(enter(keyOf('x')).entered).expectedWaitMs, 1_000);
});

test('slots that become more are used at once', () => {
  const { enter, setSlots } = room({ a: 1 });
  lease(enter(keyOf('x')).entered);
  const others = [enter(keyOf('x')), enter(keyOf('y'))];
  setSlots('a', 3);
  for (const other of others) lease(other.outcomes[0]);
});

test('what only reads waits for nothing', () => {
  const { enter, admission, inFlight } = room({ a: 1 });
  const key = keyOf('k');
  lease(enter(key).entered);
  const candidates = candidatesOf([
    { engine: { ref: { id: 'a' } }, model: undefined, state: 'running' } as unknown as Candidate,
  ]);
  const read = lease(admission.enter({ key, candidates, generates: false }, () => {}));
  assert.equal(inFlight.get('a'), 2);
  read.release('done');
  assert.throws(() => read.release('done'), /exactly once/);
});

test('both secrets of a key that is being rotated have one turn', () => {
  const { enter } = room({ a: 1 });
  const running = lease(enter(keyOf('old')).entered);
  const waiters = [
    enter(keyOf('old')),
    enter(keyOf('new', 'old')),
    enter(keyOf('other')),
    enter(keyOf('new', 'old')),
  ] as const;
  // The other key waits behind none of the two secrets: it is its turn.
  running.release('done');
  assert.deepEqual(
    waiters.map((w) => w.outcomes.length),
    [0, 0, 1, 0],
  );
});

test('two keys that wait for the same engine are started in turn, however many requests each has', () => {
  const engines = ['a', 'b'];
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('enter' as const),
        key: fc.nat(4),
        on: fc.constantFrom(['a'], ['b'], ['a', 'b']),
      }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('release' as const), which: fc.nat(50) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), which: fc.nat(50) }) },
  );
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 50, maxLength: 200 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 20 }),
      (steps, slots, most) => {
        const { enter, inFlight } = room({ a: slots, b: 1 });
        const running: { readonly key: string; readonly lease: Lease }[] = [];
        const runs = new Map<string, number>();
        const count = (key: string, by: number): void => void runs.set(key, (runs.get(key) ?? 0) + by);
        const run = (key: string, got: Lease): void => {
          running.push({ key, lease: got });
          count(key, 1);
        };
        const inLine: { key: string; on: readonly string[]; place: QueueTicket }[] = [];
        /** `engine key other`: starts of key minus starts of other since both began to wait there. */
        const spans = new Map<string, number>();
        /** `engine key other`: starts of other since key began to wait there or was started there last. */
        const passedBy = new Map<string, number>();
        const waitsFor = (engine: string, key: string): boolean =>
          inLine.some((w) => w.key === key && w.on.includes(engine));
        const forget = (engine: string, key: string): void => {
          for (const name of passedBy.keys()) if (name.startsWith(`${engine} ${key} `)) passedBy.delete(name);
        };
        const endSpans = (): void => {
          for (const name of passedBy.keys()) {
            const [engine = '', key = ''] = name.split(' ');
            if (!waitsFor(engine, key)) passedBy.delete(name);
          }
          for (const name of spans.keys()) {
            const [engine = '', key = '', other = ''] = name.split(' ');
            if (!waitsFor(engine, key) || !waitsFor(engine, other)) spans.delete(name);
          }
          for (const engine of engines) {
            const keys = [...new Set(inLine.filter((w) => w.on.includes(engine)).map((w) => w.key))];
            for (const key of keys)
              for (const other of keys) {
                const name = `${engine} ${key} ${other}`;
                if (key < other && !spans.has(name)) spans.set(name, 0);
              }
          }
        };
        const started = (key: string, got: Lease): void => {
          const engine = got.candidate.engine.ref.id;
          for (const [name, balance] of spans) {
            const [on, first, second] = name.split(' ');
            if (on !== engine || (first !== key && second !== key)) continue;
            const next = balance + (first === key ? 1 : -1);
            assert.ok(Math.abs(next) <= 1, `${name}: ${next}`);
            spans.set(name, next);
          }
          for (const waiter of new Set(inLine.map((w) => w.key))) {
            if (waiter === key || !waitsFor(engine, waiter)) continue;
            const name = `${engine} ${waiter} ${key}`;
            const times = (passedBy.get(name) ?? 0) + 1;
            assert.ok(times <= 1, `${name}: ${times} times`);
            passedBy.set(name, times);
          }
          forget(engine, key);
          run(key, got);
        };
        for (const s of steps) {
          if (s.do === 'enter') {
            const key = `k${s.key}`;
            const active = inLine.filter((w) => w.key === key).length + (runs.get(key) ?? 0);
            if (active >= most) continue;
            const { entered, outcomes } = enter(keyOf(key), ...s.on);
            if (entered.kind === 'lease') run(key, entered);
            if (entered.kind !== 'waiting') continue;
            const entry = { key, on: s.on, place: entered };
            inLine.push(entry);
            outcomes.push = (outcome: Lease | AdmissionDenial) => {
              started(key, outcome as Lease);
              inLine.splice(inLine.indexOf(entry), 1);
              endSpans();
              return 1;
            };
            endSpans();
          } else if (s.do === 'release') {
            const [got] = running.splice(s.which % Math.max(1, running.length), 1);
            if (got === undefined) continue;
            count(got.key, -1);
            got.lease.release('done');
          } else {
            const [gone] = inLine.splice(s.which % Math.max(1, inLine.length), 1);
            gone?.place.leave();
            endSpans();
          }
          for (const engine of engines)
            assert.ok((inFlight.get(engine) ?? 0) <= (engine === 'a' ? slots : 1));
        }
      },
    ),
    { numRuns: 200 * moreRuns },
  );
});

test('a waiting request has a place that follows the order of service', () => {
  const { enter } = room({ a: 1 });
  const first = lease(enter(keyOf('k')).entered);
  const [one, two, three] = [enter(keyOf('k')), enter(keyOf('k')), enter(keyOf('k'))].map(({ entered }) =>
    waiting(entered),
  );
  const other = waiting(enter(keyOf('o')).entered);
  const places = () => [one, two, three, other].map((ticket) => ticket?.place());
  // The other key was never served, so its request comes first.
  assert.deepEqual(places(), [2, 3, 4, 1]);
  two?.leave();
  assert.deepEqual(places(), [2, undefined, 3, 1]);
  first.release('done');
  assert.deepEqual(places(), [1, undefined, 2, undefined]);
});

test('requests for other engines do not count for a place', () => {
  const { enter } = room({ a: 1, b: 1 });
  lease(enter(keyOf('k'), 'a').entered);
  lease(enter(keyOf('k'), 'b').entered);
  for (let i = 0; i < 3; i++) waiting(enter(keyOf('o'), 'b').entered);
  assert.equal(waiting(enter(keyOf('k'), 'a').entered).place(), 1);
});

test('on one engine the places are the order in which requests are served', () => {
  const keys = fc.array(fc.constantFrom('k', 'o', 'p'), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(keys, (names) => {
      const { enter } = room({ a: 1 });
      let running = lease(enter(keyOf('k')).entered);
      let queue = names.map((name) => enter(keyOf(name)));
      while (queue.length > 0) {
        const places = queue.map(({ entered }) => waiting(entered as QueueTicket).place());
        assert.deepEqual(places.toSorted(), queue.map((_, i) => i + 1).toSorted());
        running.release('done');
        const next = queue.findIndex(({ outcomes }) => outcomes.length > 0);
        assert.equal(places[next], 1);
        running = lease(queue[next]?.outcomes[0]);
        queue = queue.filter((_, i) => i !== next);
      }
    }),
  );
});
