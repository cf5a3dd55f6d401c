/** The choice among engines, compared with a plain sort by the documented order (`directory.ts`). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Breaker, failuresToOpen } from './breaker.ts';
import { ConversationHome, ConversationHomes } from './conversation-homes.ts';
import type { Candidate } from './directory.ts';
import { EngineRank } from './engine-rank.ts';
import { engineKind } from './kinds.ts';
import { choose, type Member, makeMember, planMembers } from './model-plan.ts';

const family = 'family';

const anyMember = fc.record({
  up: fc.boolean(),
  degraded: fc.boolean(),
  loaded: fc.boolean(),
  inFlight: fc.nat(3),
  isOpen: fc.boolean(),
  /** None, a failure of this key, or failures of two keys. */
  failedKeys: fc.nat(2),
});

const anyMembers = fc.array(anyMember, { minLength: 1, maxLength: 9 }).map((all) =>
  all.map(({ up, degraded, loaded, inFlight, isOpen, failedKeys }, place): Member => {
    const breaker = new Breaker(() => 0);
    for (let i = 0; isOpen && i < failuresToOpen; i++) breaker.record('refused-connection');
    const rank = new EngineRank(() => 0);
    for (const key of [family, 'other'].slice(0, failedKeys))
      rank.record({ verdict: 'failed', family: key, model: 'm', what: 'status 500' });
    const engine = { kind: engineKind('vllm'), ref: { id: `engine-${place}` } };
    const candidate = { engine, model: { loaded }, state: degraded ? 'degraded' : 'running', place };
    return makeMember(
      candidate as unknown as Candidate,
      { inFlight, breaker, rank, nextProbeAtMs: 0 },
      up,
      place,
    );
  }),
);

/** What the order compares, the most important first. */
function orderOf({ candidate, load, place }: Member): readonly number[] {
  const isLate = candidate.state === 'degraded';
  return [Number(load.rank.ranksLastFor(family)), Number(isLate), load.inFlight, place];
}

function compare(a: Member, b: Member): number {
  const [left, right] = [orderOf(a), orderOf(b)];
  return left.map((value, i) => value - (right[i] as number)).find((difference) => difference !== 0) ?? 0;
}

test('the best engine and the order of all are those of a sort', () => {
  fc.assert(
    fc.property(anyMembers, (members) => {
      const expected = members
        .filter(({ up, load }) => up && load.breaker.allows())
        .sort(compare)
        .map(({ candidate }) => candidate);
      const chosen = choose(planMembers(members), family);
      assert.equal(chosen?.best, expected[0]);
      assert.deepEqual(chosen?.all ?? [], expected);
    }),
  );
});

test('a list of all that is read later begins with the chosen engine, and lacks those whose breakers have opened', () => {
  fc.assert(
    fc.property(anyMembers, fc.nat(8), (members, broken) => {
      const chosen = choose(planMembers(members), family);
      if (chosen === undefined) return;
      const other = members[broken % members.length] as Member;
      for (let i = 0; i < failuresToOpen; i++) other.load.breaker.record('refused-connection');
      const { all } = chosen;
      assert.equal(all[0], chosen.best);
      assert.equal(new Set(all).size, all.length);
      if (other.candidate !== chosen.best) assert(!all.includes(other.candidate));
    }),
  );
});

const homeAt = (engine: string | undefined): ConversationHome =>
  new ConversationHome(new ConversationHomes(), 1, engine);

test('a conversation stays on its engine only where that one may answer and is about as good as the best', () => {
  fc.assert(
    fc.property(anyMembers, fc.nat(8), (members, at) => {
      const plan = planMembers(members);
      const home = members[at % members.length] as Member;
      const without = choose(plan, family);
      const chosen = choose(plan, family, homeAt(home.candidate.engine.ref.id));
      assert.deepEqual(new Set(chosen?.all), new Set(without?.all));
      if (chosen === undefined || chosen.best === without?.best) return;
      assert.equal(chosen.best, home.candidate);
      assert(home.up && home.load.breaker.allows());
      const best = members.find(({ candidate }) => candidate === without?.best) as Member;
      const [ranksLast, isLate, inFlight] = orderOf(home);
      // With less than four requests in flight, each one counts.
      assert.deepEqual([ranksLast, isLate, inFlight], orderOf(best).slice(0, 3));
      assert(home.candidate.model?.loaded === true || best.candidate.model?.loaded !== true);
    }),
  );
});

test('a conversation leaves an engine as soon as another one has clearly fewer requests in flight', () => {
  const member = (id: number, inFlight: number, slots?: number): Member => {
    const candidate = {
      engine: { ref: { id: `engine-${id}` } },
      model: { loaded: true },
      state: 'running',
      slots,
    };
    const load = { inFlight, breaker: new Breaker(() => 0), rank: new EngineRank(() => 0), nextProbeAtMs: 0 };
    return makeMember(candidate as unknown as Candidate, load, true, id);
  };
  const staysWith = (own: number, other: number, slots?: number): boolean => {
    const plan = planMembers([member(0, other), member(1, own, slots)]);
    return choose(plan, family, homeAt('engine-1'))?.best.engine.ref.id === 'engine-1';
  };
  assert(staysWith(0, 0));
  assert(staysWith(3, 3));
  assert(!staysWith(1, 0));
  assert(!staysWith(4, 3));
  assert(staysWith(5, 4));
  assert(!staysWith(6, 4));
  assert(staysWith(50, 40));
  assert(!staysWith(51, 40));
  // All slots are taken, so the request would wait.
  assert(!staysWith(5, 4, 5));
  assert(staysWith(5, 4, 6));
});
