/**
 * Chooses which engines may answer a resolved name, and in which order they are tried: first engines that answer in
 * time, then those with the fewest requests in flight, then those that have the model loaded. Engines that rank last
 * for the key come after all others. Among engines that are about as good, a conversation stays where it ran last.
 */
import type { Breaker } from './breaker.ts';
import { type ConversationHome, hashOfText, mixHash } from './conversation-homes.ts';
import { type Candidate, type Candidates, candidatesOf, type Resolution } from './directory.ts';
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
/** More than the handicap of an engine that answers late. */
const lastHandicap = many * 4;

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
  /** Separates the conversations of this key and model from others. */
  readonly seed: number;
  readonly name: string;
  readonly upstreamName: string;
  readonly members: PlanMembers;
  /** The result if there is only one member that is up. */
  readonly only: Extract<Resolution, { kind: 'found' }> | undefined;
}

/** The members of a plan. Plans with all members of a target share them. */
export interface PlanMembers {
  /** In the order of preference while no request is in flight. */
  readonly up: readonly Member[];
  /** The same by the id of the engine. */
  readonly upByEngine: ReadonlyMap<string, Member>;
  readonly down: readonly Member[];
  /** See `Resolution`. */
  readonly samples: readonly Candidate[];
}

export function makePlan({ alias, id, upstreamName }: Target, members: PlanMembers, family: string): Plan {
  const seed = mixHash(hashOfText(family), hashOfText(id));
  const { up, samples } = members;
  const name = alias ?? id;
  const only: Plan['only'] =
    up.length === 1
      ? { kind: 'found', name, upstreamName, candidates: candidatesOf(up.map((m) => m.candidate)), samples }
      : undefined;
  return { seed, name, upstreamName, members, only };
}

export function planMembers(members: readonly Member[]): PlanMembers {
  const up = members.filter((m) => m.up).sort((a, b) => a.handicap - b.handicap || a.place - b.place);
  return {
    up,
    upByEngine: new Map(up.map((m) => [m.candidate.engine.ref.id, m])),
    down: members.filter((m) => !m.up),
    samples: samplesOf(up.map((m) => m.candidate)),
  };
}

function samplesOf(candidates: readonly Candidate[]): readonly Candidate[] {
  const samples: Candidate[] = [];
  for (const candidate of candidates)
    if (!samples.some((sample) => isSameToHazards(sample, candidate))) samples.push(candidate);
  return samples;
}

/** The candidates of a plan for a key; undefined if no breaker allows a request. */
export function choose(
  { up, upByEngine }: PlanMembers,
  family: string,
  home?: ConversationHome,
): Candidates | undefined {
  const member = home?.engine === undefined ? undefined : upByEngine.get(home.engine);
  const best = preferred(up, family, member)?.candidate ?? inOrder(up, family)[0];
  return best === undefined ? undefined : new PlanCandidates(up, family, best);
}

/** The home of the conversation if it is about as good as the first in the order of preference, otherwise that one. */
function preferred(up: readonly Member[], family: string, home: Member | undefined): Member | undefined {
  if (home === undefined || !mayAnswer(home, family)) return leastBusy(up, family);
  if (countOf(home) === 0 && isLoaded(home)) return home;
  const first = leastBusy(up, family);
  return first === undefined || isAboutAsGood(home, first) ? home : first;
}

/**
 * A quarter more requests in flight make no difference to an engine that handles many at once. With less than four, each
 * one counts. A model that must be loaded has nothing left of the conversation.
 */
function isAboutAsGood(home: Member, first: Member): boolean {
  if (home.handicap !== first.handicap || (isLoaded(first) && !isLoaded(home))) return false;
  const [own, least] = [home.load.inFlight, first.load.inFlight];
  if (own <= least) return true;
  const { slots } = home.candidate;
  return own * 4 <= least * 5 && (slots === undefined || own < slots);
}

/** Puts the engines behind the best one in order only if they are needed. */
class PlanCandidates implements Candidates {
  readonly best: Candidate;
  readonly #members: readonly Member[];
  readonly #family: string;
  #all: readonly Candidate[] | undefined;

  constructor(members: readonly Member[], family: string, best: Candidate) {
    this.best = best;
    this.#members = members;
    this.#family = family;
  }

  get all(): readonly Candidate[] {
    this.#all ??= [this.best, ...inOrder(this.#members, this.#family).filter((c) => c !== this.best)];
    return this.#all;
  }
}

/**
 * The first in the order of preference that does not rank last. Of most members only the requests in flight are read, and
 * none behind an idle engine: each request does this, also with many engines.
 */
function leastBusy(members: readonly Member[], family: string): Member | undefined {
  let best: Member | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const member of members) {
    const count = countOf(member);
    if (count >= least || !mayAnswer(member, family)) continue;
    best = member;
    least = count;
    if (count === 0) break;
  }
  return best;
}

/**
 * The members whose breakers allow a request, in the order in which they are tried. Engines that rank last for the key
 * come last.
 */
function inOrder(up: readonly Member[], family: string): readonly Candidate[] {
  const found: { readonly candidate: Candidate; readonly count: number }[] = [];
  for (const member of up) {
    const { candidate, load } = member;
    if (!load.breaker.allows()) continue;
    found.push({ candidate, count: countOf(member) + (load.rank.ranksLastFor(family) ? lastHandicap : 0) });
  }
  // Equal ones keep their places.
  return found.sort((a, b) => a.count - b.count).map(({ candidate }) => candidate);
}

function mayAnswer({ load: { breaker, rank } }: Member, family: string): boolean {
  return breaker.allows() && !rank.ranksLastFor(family);
}

function isLoaded({ place }: Member): boolean {
  return place < many;
}

function countOf({ load, handicap }: Member): number {
  return load.inFlight + handicap;
}
