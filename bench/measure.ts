/**
 * Measures the cost of a proxy: CPU time of its process for a known number of requests or events, round after round.
 *
 * All compared proxies take turns within a round, and the order is reversed from round to round, so that other activity
 * on the machine affects all of them equally. Medians are compared, never single rounds.
 */
import { Clients, type StreamShape, type Target } from './load.ts';
import { type CpuTime, cpuBetween, cpuTime, median } from './machine.ts';

/** A measured proxy with its clients. */
export interface Subject {
  readonly target: Target;
  readonly pid: number;
}

/** The result of one round of one subject, per request or event. */
interface Round {
  readonly us: number;
  readonly userUs: number;
  readonly perSecond: number;
}

/** Medians over all rounds. */
export interface Cost extends Round {
  readonly name: string;
  readonly rounds: readonly number[];
}

export interface Plan {
  readonly clients: number;
  readonly rounds: number;
  /** The number of requests or events in one round. */
  readonly units: number;
  /** Runs the load. Resolves with the seconds that this took. */
  readonly run: (clients: Clients) => Promise<number>;
  /** Runs a load for warming up, because code that never ran is slow. */
  readonly warmUp: (clients: Clients) => Promise<number>;
}

export function jsonPlan(rounds: number, requests: number): Plan {
  return {
    clients: 64,
    rounds,
    units: requests,
    run: (clients) => clients.json(requests),
    warmUp: (clients) => clients.json(15_000),
  };
}

/** 100 events a second in each of `streams` streams. The cost of the requests is included in the cost of the events. */
export function streamPlan(rounds: number, streams: number, shape: StreamShape): Plan {
  return {
    clients: streams,
    rounds,
    units: streams * (shape.events + 1),
    run: (clients) => clients.streams(shape),
    warmUp: (clients) => clients.streams({ ...shape, events: 60 }),
  };
}

/** TLS 1.3, new or resumed; each connection closes when its handshake is done. */
export function handshakePlan(rounds: number, handshakes: number, resumed: boolean): Plan {
  return {
    clients: 1,
    rounds,
    units: handshakes,
    run: (clients) => clients.handshakes(handshakes, resumed),
    warmUp: (clients) => clients.handshakes(200, resumed),
  };
}

export async function measure(subjects: readonly Subject[], plan: Plan): Promise<readonly Cost[]> {
  const lanes: { readonly subject: Subject; readonly clients: Clients; readonly rounds: Round[] }[] = [];
  for (const subject of subjects) {
    lanes.push({ subject, clients: await Clients.open(subject.target, plan.clients), rounds: [] });
  }
  for (const lane of lanes) await plan.warmUp(lane.clients);
  for (let i = 0; i < plan.rounds; i++) {
    for (const lane of i % 2 === 0 ? lanes : [...lanes].reverse()) {
      const before = cpuTime(lane.subject.pid);
      const seconds = await plan.run(lane.clients);
      lane.rounds.push(roundOf(cpuBetween(before, cpuTime(lane.subject.pid)), plan.units, seconds));
    }
  }
  for (const { clients } of lanes) clients.close();
  return lanes.map(({ subject, rounds }) => ({
    name: subject.target.name,
    us: median(rounds.map((r) => r.us)),
    userUs: median(rounds.map((r) => r.userUs)),
    perSecond: median(rounds.map((r) => r.perSecond)),
    rounds: rounds.map((r) => r.us),
  }));
}

function roundOf(cpu: CpuTime, units: number, seconds: number): Round {
  return {
    us: (cpu.userUs + cpu.systemUs) / units,
    userUs: cpu.userUs / units,
    perSecond: units / seconds,
  };
}

/** Measures the milliseconds from request to first byte of a stream, one request at a time, on each target in turn. */
export async function firstByteMs(
  targets: readonly Target[],
  times: number,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const found = new Map<string, number[]>();
  const all: { readonly name: string; readonly clients: Clients }[] = [];
  for (const target of targets) all.push({ name: target.name, clients: await Clients.open(target, 1) });
  for (let i = -20; i < times; i++) {
    for (const { name, clients } of all) {
      const ms = await clients.firstByteMs();
      if (i >= 0) found.set(name, [...(found.get(name) ?? []), ms]);
    }
  }
  for (const { clients } of all) clients.close();
  return found;
}
