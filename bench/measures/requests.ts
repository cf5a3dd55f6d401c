/**
 * CPU time of a JSON request that is answered whole: with a body of 1 KB on 64 connections (`json`), of 100 KB and 1 MB on 16
 * (`bodies`). The load asks again at once, so that a proxy is as busy as it can be.
 */
import { isFast, measure, type Plan } from '../rounds.ts';
import type { Subject } from '../session.ts';
import { costFigures, type Measure } from './measure.ts';

export const json: Measure = {
  name: 'json',
  run: async (session) => {
    const subjects = [...(await session.plain()), session.direct()];
    return costFigures('json', '1 KB', await measure(subjects, jsonPlan(9)));
  },
};

export const bodies: Measure = {
  name: 'bodies',
  run: async (session) => {
    const subjects = await session.plain();
    return [
      ...costFigures('bodies', '100 KB', await measure(subjects, bodyPlan(7, 102_400, 10))),
      ...costFigures('bodies', '1 MB', await measure(subjects, bodyPlan(7, 1_048_576, 60))),
    ];
  },
};

/** Rounds of about a second, and before them at least 40,000 requests of a fast peer. */
export function jsonPlan(rounds: number, seconds = 1): Plan {
  const units = ({ perSecond }: Subject): number => Math.round(perSecond * seconds);
  return {
    rounds,
    clients: () => 64,
    units,
    run: (clients, subject) => clients.json(units(subject)),
    warmUp: (clients, { perSecond }) => clients.json(Math.round(perSecond * 1.6)),
  };
}

/** `share`: a request with such a body costs about as much as this many small ones. */
function bodyPlan(rounds: number, bytes: number, share: number): Plan {
  // Fast peers copy, slow peers parse: a slow peer is not slowed down by as much.
  const units = ({ perSecond }: Subject): number => Math.ceil(Math.min(perSecond, 25_000) / share);
  return {
    rounds,
    clients: () => 16,
    units,
    run: (clients, subject) => clients.json(units(subject), bytes),
    // Code for large bodies is not warm after requests with small ones.
    warmUp: (clients, subject) => clients.json(units(subject) * (isFast(subject) ? 8 : 2), bytes),
  };
}
