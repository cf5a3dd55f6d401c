/**
 * CPU time of an event (190 bytes) in streams of 100 events a second: all streams at the same moment (`burst`), or one after
 * another (`spread`). The cost of the requests is included in the cost of the events.
 */
import type { StreamShape } from '../load.ts';
import { isFast, measure, type Plan } from '../rounds.ts';
import type { Subject } from '../session.ts';
import { costFigures, type Measure } from './measure.ts';

const usualStreams = 200;

const part = (name: 'burst' | 'spread'): Measure => ({
  name,
  run: async (session) => {
    const plan = streamPlan(7, { events: 200, pace: name });
    const costs = await measure(await session.plain(), plan);
    return costFigures(name, 'event', costs).map((figure, i) => ({
      ...figure,
      more: { ...figure.more, streams: plan.clients(costs[i]!.subject) },
    }));
  },
});

export const burst = part('burst');
export const spread = part('spread');

export function streamPlan(rounds: number, shape: StreamShape): Plan {
  const streams = ({ peer }: Subject): number => peer?.streams ?? usualStreams;
  return {
    rounds,
    clients: streams,
    units: (subject) => streams(subject) * (shape.events + 1),
    run: (clients) => clients.streams(shape),
    warmUp: (clients, subject) => clients.streams({ ...shape, events: isFast(subject) ? 400 : 120 }),
  };
}
