/**
 * Chooses which engines may answer a resolved name, and in which order they are tried: first engines that answer in
 * time, then those with the fewest requests in flight, then those that have the model loaded. Engines that rank last
 * for the key come after all others.
 */
import type { Breaker } from './breaker.ts';
import type { Candidate, Resolution } from './directory.ts';
import { isSameToHazards } from './engine-kind.ts';
import type { EngineRank } from './engine-rank.ts';

/** The state that changes with every request, shared by all snapshots. */
export interface EngineLoad {
  inFlight: number;
  readonly breaker: Breaker;
  readonly rank: EngineRank;
  /** Monotonic; when an engine that is down is probed again. */
  nextProbeAtMs: number;
}

/** A model on one engine. */
export interface Member {
  readonly candidate: Candidate;
  readonly load: EngineLoad;
  readonly up: boolean;
  /** Added to the requests in flight: an engine that answers late comes after all that answer in time. */
  readonly handicap: number;
  /** The lower one comes first among engines with equally many requests in flight: a loaded model, then the order of the list. */
  readonly place: number;
}

/** More than the requests that run at once, and than the engines of a list. */
const many = 2 ** 24;

export function makeMember(candidate: Candidate, load: EngineLoad, up: boolean, order: number): Member {
  const handicap = candidate.state === 'degraded' ? many : 0;
  const place = candidate.model?.loaded === true ? order : many + order;
  return { candidate, load, up, handicap, place };
}

/** The models that a name stands for. */
export interface Target {
  /** The id in the lists of the engines. */
  readonly id: string;
  /** Set if the name is an alias. */
  readonly alias: string | undefined;
  readonly upstreamName: string;
  readonly members: readonly Member[];
}

/** A name resolved for one key and route. Each request chooses among the members. */
export interface Plan {
  readonly name: string;
  readonly upstreamName: string;
  readonly members: PlanMembers;
  /** The result if there is only one member that is up. */
  readonly only: Extract<Resolution, { kind: 'found' }> | undefined;
}

/** The members of a plan. Plans with all members of a target share them, so that each request finds them nearly sorted. */
export interface PlanMembers {
  /** In the order of preference of the last request; see `inOrder`. */
  readonly up: Member[];
  readonly down: readonly Member[];
  /** See `Resolution`. */
  readonly samples: readonly Candidate[];
}

export function makePlan({ alias, id, upstreamName }: Target, members: PlanMembers): Plan {
  const { up, samples } = members;
  const name = alias ?? id;
  const only: Plan['only'] =
    up.length === 1
      ? { kind: 'found', name, upstreamName, candidates: up.map((m) => m.candidate), samples }
      : undefined;
  return { name, upstreamName, members, only };
}

export function planMembers(members: readonly Member[]): PlanMembers {
  const up = members.filter((m) => m.up);
  return { up, down: members.filter((m) => !m.up), samples: samplesOf(up.map((m) => m.candidate)) };
}

function samplesOf(candidates: readonly Candidate[]): readonly Candidate[] {
  const samples: Candidate[] = [];
  for (const candidate of candidates)
    if (!samples.some((sample) => isSameToHazards(sample, candidate))) samples.push(candidate);
  return samples;
}

/**
 * The members whose breakers allow a request, in the order in which they are tried. Engines that rank last for the key
 * come last; usually there are none. Sorts `members` in place: they are nearly sorted, because a request moves only its own
 * engine.
 */
export function inOrder(members: Member[], family: string): readonly Candidate[] {
  sortAgain(members);
  const candidates: Candidate[] = [];
  const last: Candidate[] = [];
  for (const { load, candidate } of members) {
    if (load.breaker.allows()) (load.rank.ranksLastFor(family) ? last : candidates).push(candidate);
  }
  return last.length === 0 ? candidates : [...candidates, ...last];
}

/** An insertion sort, which takes one step for each member that stands in its place. */
function sortAgain(members: Member[]): void {
  for (let i = 1; i < members.length; i++) {
    const member = members[i] as Member;
    const count = countOf(member);
    let at = i;
    for (; at > 0; at--) {
      const before = members[at - 1] as Member;
      const beforeCount = countOf(before);
      if (beforeCount < count || (beforeCount === count && before.place <= member.place)) break;
      members[at] = before;
    }
    if (at !== i) members[at] = member;
  }
}

function countOf({ load, handicap }: Member): number {
  return load.inFlight + handicap;
}
