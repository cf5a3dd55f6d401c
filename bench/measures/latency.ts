/**
 * Latency in an open loop: requests come at a fixed rate, no matter how fast they are answered. The rate is half of what flm
 * can serve, found at the beginning. A peer that cannot serve this rate gets half of what it can serve itself.
 *
 * A request's time begins when it was due, not when it was sent, so that a slow answer counts for all requests behind it
 * (no coordinated omission).
 */
import { collectGarbage } from '../../src/process/idle-memory.ts';
import { Clients } from '../load.ts';
import { quantile, summary } from '../machine.ts';
import type { Subject } from '../session.ts';
import { figuresOf, type Measure } from './measure.ts';

const quantiles = { p50: 0.5, p99: 0.99, 'p99.9': 0.999 } as const;
const names = ['p50', 'p99', 'p99.9'] as const;
const rounds = 5;
const seconds = 2;
/** Before each round: while the others had their turn, connections to the engine were closed. */
const warmUpSeconds = 0.5;

interface Lane {
  readonly subject: Subject;
  readonly clients: Clients;
  readonly saturation: number;
  readonly found: Record<keyof typeof quantiles, number[]>;
}

export const latency: Measure = {
  name: 'latency',
  run: async (session) => {
    const lanes: Lane[] = [];
    for (const subject of await session.plain()) {
      const clients = await Clients.open(subject.target, 256);
      await clients.json(Math.round(subject.perSecond * 1.5));
      const requests = subject.perSecond;
      const saturation = requests / (await clients.json(requests));
      lanes.push({ subject, clients, saturation, found: { p50: [], p99: [], 'p99.9': [] } });
    }
    const common = Math.round((lanes[0]?.saturation ?? 0) / 2);
    const rateOf = ({ saturation }: Lane): number =>
      saturation > common * 1.3 ? common : Math.round(saturation / 2);
    for (let i = 0; i < rounds; i++)
      for (const lane of i % 2 === 0 ? lanes : [...lanes].reverse()) {
        await lane.clients.openLoop(rateOf(lane), warmUpSeconds);
        // A collection during the round would stop engine and load for 30 to 40 ms.
        collectGarbage('regular');
        const tookMs = await lane.clients.openLoop(rateOf(lane), seconds);
        for (const name of names) lane.found[name].push(quantile(tookMs, quantiles[name]));
      }
    for (const { clients } of lanes) clients.close();
    return names.flatMap((name) => {
      const summaries = new Map(lanes.map((lane) => [lane.subject.name, summary(lane.found[name])]));
      return figuresOf('latency', name, summaries).map(({ ratio, ...figure }, i) => {
        const perSecond = rateOf(lanes[i]!);
        // Figures at other rates cannot be compared.
        const compared = ratio === undefined || perSecond !== common ? {} : { ratio };
        return { ...figure, ...compared, more: { perSecond } };
      });
    });
  },
};
