/**
 * Latency in an open loop: requests come at a fixed rate, no matter how fast they are answered. The rate is half of what flm
 * can serve, found before each round, because the speed of a machine changes: a rate from a fast minute is close to
 * saturation in a slow one. A peer that cannot serve this rate gets half of what it can serve itself.
 *
 * A request's time begins when it was due, not when it was sent, so that a slow answer counts for all requests behind it
 * (no coordinated omission).
 */
import { collectGarbage } from '../../src/process/idle-memory.ts';
import { Clients } from '../load.ts';
import { median, quantile, summary } from '../machine.ts';
import type { Subject } from '../session.ts';
import { figuresOf, type Measure } from './measure.ts';

const quantiles = { p50: 0.5, p99: 0.99, 'p99.9': 0.999 } as const;
const names = ['p50', 'p99', 'p99.9'] as const;
const rounds = 9;
const seconds = 2;
/** Before each round: while the others had their turn, connections to the engine were closed. */
const warmUpSeconds = 0.5;

interface Lane {
  readonly subject: Subject;
  readonly clients: Clients;
  /** Of a peer that cannot serve the rate of the others. */
  readonly ownRate: number | undefined;
  readonly rates: number[];
  readonly found: Record<keyof typeof quantiles, number[]>;
}

export const latency: Measure = {
  name: 'latency',
  run: async (session) => {
    const lanes: Lane[] = [];
    let common = 0;
    for (const subject of await session.plain()) {
      const clients = await Clients.open(subject.target, 256);
      await clients.json(Math.round(subject.perSecond * 1.5));
      const half = await halfOfSaturation(clients, subject.perSecond);
      // flm is the first one.
      if (lanes.length === 0) common = half;
      // At the rate of the others it would be close to saturation.
      const ownRate = half * 2 < common * 1.3 ? half : undefined;
      lanes.push({ subject, clients, ownRate, rates: [], found: { p50: [], p99: [], 'p99.9': [] } });
    }
    const [flm] = lanes;
    for (let i = 0; i < rounds; i++) {
      if (flm !== undefined) common = await halfOfSaturation(flm.clients, flm.subject.perSecond);
      for (const lane of i % 2 === 0 ? lanes : [...lanes].reverse()) {
        const rate = lane.ownRate ?? common;
        lane.rates.push(rate);
        await lane.clients.openLoop(rate, warmUpSeconds);
        // A collection during the round would stop engine and load for 30 to 40 ms.
        collectGarbage('regular');
        const tookMs = await lane.clients.openLoop(rate, seconds);
        for (const name of names) lane.found[name].push(quantile(tookMs, quantiles[name]));
      }
    }
    for (const { clients } of lanes) clients.close();
    return names.flatMap((name) => {
      const summaries = new Map(lanes.map((lane) => [lane.subject.name, summary(lane.found[name])]));
      return figuresOf('latency', name, summaries).map(({ ratio, ...figure }, i) => {
        const { ownRate, rates } = lanes[i]!;
        // Figures at other rates cannot be compared.
        const compared = ratio === undefined || ownRate !== undefined ? {} : { ratio };
        return { ...figure, ...compared, more: { perSecond: median(rates) } };
      });
    });
  },
};

/** Requests a second. */
async function halfOfSaturation(clients: Clients, requests: number): Promise<number> {
  return Math.round(requests / (await clients.json(requests)) / 2);
}
