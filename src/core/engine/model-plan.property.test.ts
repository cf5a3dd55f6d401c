/** The choice among engines, compared with a plain sort by the documented order (`directory.ts`). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Breaker, failuresToOpen } from './breaker.ts';
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
    const engine = { kind: engineKind('vllm') };
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
