/**
 * Measures the cost of a proxy: CPU time of its process for a known number of requests or events, round after round.
 *
 * All compared proxies take turns within a round, and the order is reversed from round to round, so that other activity
 * on the machine affects all of them equally. Medians are compared, never single rounds.
 */
import { Clients } from './load.ts';
import { core, coreTime, cpuBetween, cpuTime, median, type Summary, summary } from './machine.ts';
import type { Subject } from './session.ts';

/** Medians over all rounds, for each request or event. */
export interface Cost {
  readonly subject: Subject;
  readonly us: Summary;
  readonly perSecond: number;
  /** The busy part of the core of the proxy, and of the core of engine and load: 0 to 1. */
  readonly proxyBusy: number;
  readonly restBusy: number;
}

export interface Plan {
  readonly rounds: number;
  readonly clients: (subject: Subject) => number;
  /** The number of requests or events in one round. */
  readonly units: (subject: Subject) => number;
  /** Runs the load. Resolves with the seconds that this took. */
  readonly run: (clients: Clients, subject: Subject) => Promise<number>;
  /** Runs a load for warming up, because code that never ran is slow. */
  readonly warmUp: (clients: Clients, subject: Subject) => Promise<number>;
}

/** Needs, and can have, tens of thousands of requests to be warm. */
export function isFast({ perSecond }: Pick<Subject, 'perSecond'>): boolean {
  return perSecond >= 20_000;
}

interface Round {
  readonly us: number;
  readonly perSecond: number;
  readonly proxyBusy: number;
  readonly restBusy: number;
}

/** Measures each subject in each round. */
export async function measure(subjects: readonly Subject[], plan: Plan): Promise<readonly Cost[]> {
  const lanes: { readonly subject: Subject; readonly clients: Clients; readonly rounds: Round[] }[] = [];
  for (const subject of subjects)
    lanes.push({ subject, clients: await Clients.open(subject.target, plan.clients(subject)), rounds: [] });
  for (const lane of lanes) await plan.warmUp(lane.clients, lane.subject);
  for (let i = 0; i < plan.rounds; i++)
    for (const lane of i % 2 === 0 ? lanes : [...lanes].reverse())
      lane.rounds.push(await once(lane.subject, lane.clients, plan));
  for (const { clients } of lanes) clients.close();
  return lanes.map(({ subject, rounds }) => ({
    subject,
    us: summary(rounds.map((round) => round.us)),
    perSecond: median(rounds.map((round) => round.perSecond)),
    proxyBusy: median(rounds.map((round) => round.proxyBusy)),
    restBusy: median(rounds.map((round) => round.restBusy)),
  }));
}

async function once(subject: Subject, clients: Clients, plan: Plan): Promise<Round> {
  const units = plan.units(subject);
  const cores = [coreTime(core.proxy), coreTime(core.rest)] as const;
  const before = cpuTime(subject.pid);
  const seconds = await plan.run(clients, subject);
  const { userUs, systemUs } = cpuBetween(before, cpuTime(subject.pid));
  const busy = (of: 0 | 1): number => {
    const after = coreTime(of === 0 ? core.proxy : core.rest);
    return (after.busy - cores[of].busy) / Math.max(1, after.all - cores[of].all);
  };
  return {
    us: (userUs + systemUs) / units,
    perSecond: units / seconds,
    proxyBusy: busy(0),
    restBusy: busy(1),
  };
}

/** The milliseconds from request to first byte of a stream, one request at a time, on each subject in turn. */
export async function firstByteMs(
  subjects: readonly Subject[],
  times: number,
): Promise<ReadonlyMap<Subject, readonly number[]>> {
  const found = new Map<Subject, number[]>(subjects.map((subject) => [subject, []]));
  const clients = new Map<Subject, Clients>();
  for (const subject of subjects) {
    const many = await Clients.open(subject.target, 64);
    await many.json(Math.round(subject.perSecond * 1.6));
    many.close();
    clients.set(subject, await Clients.open(subject.target, 1));
  }
  for (let i = -20; i < times; i++)
    for (const [subject, one] of clients) {
      const ms = await one.firstByteMs();
      if (i >= 0) found.get(subject)?.push(ms);
    }
  for (const one of clients.values()) one.close();
  return found;
}
