/**
 * Memory (RSS) of a fresh process: at rest, with 1,000 and with 5,000 open streams that have one event a second; and CPU time of
 * an event in them. Only the process that handles requests is counted.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Clients } from '../load.ts';
import { cpuBetween, cpuTime, residentMb } from '../machine.ts';
import type { Figure } from '../results.ts';
import type { Session, Subject } from '../session.ts';
import type { Measure } from './measure.ts';

const steps = [1_000, 5_000] as const;
const seconds = 6;

export const memory: Measure = {
  name: 'memory',
  run: async (session: Session) => {
    const rested = await session.startRested(session.peers.map((peer) => ({ peer, name: peer.name })));
    const figures: Figure[] = [];
    for (const { subject, atRestMb } of rested) {
      figures.push(...(await measureOne(subject, atRestMb)));
      await subject.stop();
    }
    const bases = new Map(
      figures.filter(({ peer }) => peer === 'nginx').map((one) => [one.case, one.median]),
    );
    return figures.map((figure) => {
      const base = bases.get(figure.case);
      return base === undefined ? figure : { ...figure, ratio: figure.median / base };
    });
  },
};

async function measureOne(subject: Subject, atRest: number): Promise<readonly Figure[]> {
  const most = subject.peer?.openStreams ?? 5_000;
  const figures: Figure[] = [];
  const add = (name: string, value: number): void => {
    const once = { median: value, low: value, high: value, rounds: 1 };
    figures.push({ part: 'memory', case: name, peer: subject.name, ...once });
  };
  add('at rest, MB', atRest);
  const clients = await Clients.open(subject.target, 0);
  let open = 0;
  for (const streams of steps.filter((step) => step <= most)) {
    await clients.openStreams(streams - open);
    open = streams;
    await sleep(3_000);
    const before = cpuTime(subject.pid);
    await sleep(seconds * 1_000);
    const { userUs, systemUs } = cpuBetween(before, cpuTime(subject.pid));
    const resident = residentMb(subject.pid);
    add(`${streams} streams, MB`, resident);
    add(`${streams} streams, KB a stream`, ((resident - atRest) * 1024) / streams);
    add(`${streams} streams, us an event`, (userUs + systemUs) / (streams * seconds));
  }
  clients.close();
  return figures;
}
