/**
 * `start`: from the launch of a fresh process until its first answer to a request, with 10 and with 100,000 keys; and how long
 * `flm --help` takes. Files are prepared before, and another process asks every 2 ms. A start may use every core, as it does
 * for a user.
 *
 * `first`: CPU time of each of the first 20,000 requests after a start, compared with later ones of the same process.
 */
import { Clients } from '../load.ts';
import { cpuBetween, cpuTime, everyCore, summary } from '../machine.ts';
import { helpMs } from '../peers/flm.ts';
import type { Peer } from '../peers/peer.ts';
import { firstAnswer } from '../replies.ts';
import type { Figure } from '../results.ts';
import { isFast } from '../rounds.ts';
import type { Session } from '../session.ts';
import { figuresOf, type Measure } from './measure.ts';

export const start: Measure = {
  name: 'start',
  run: async (session) => {
    const help = summary(Array.from({ length: 8 }, helpMs).slice(1));
    return [
      ...(await starts(session, session.peers, 10)),
      ...(await starts(
        session,
        session.peers.filter(({ manyKeys }) => manyKeys),
        100_000,
      )),
      { part: 'start', case: '--help', peer: 'flm', ...help },
    ];
  },
};

async function starts(
  session: Session,
  peers: readonly Peer[],
  keyCount: number,
): Promise<readonly Figure[]> {
  const taken = new Map<string, number[]>(peers.map(({ name }) => [name, []]));
  const times = keyCount > 1_000 ? 3 : 7;
  for (let i = 0; i < times; i++)
    for (const peer of i % 2 === 0 ? peers : [...peers].reverse()) {
      // Seconds for each start, and far from all others.
      if (peer.perSecond < 2_000 && i >= 3) continue;
      const prepared = await peer.prepare({ engines: [session.engine.port], keyCount });
      const begunMs = performance.now();
      const launched = prepared.launch(everyCore);
      await firstAnswer(prepared.address);
      taken.get(peer.name)?.push(performance.now() - begunMs);
      await launched;
      await prepared.stop();
    }
  const summaries = new Map([...taken].map(([name, ms]) => [name, summary(ms)]));
  return figuresOf('start', `${keyCount} keys`, summaries);
}

export const first: Measure = {
  name: 'first',
  run: async (session) => {
    const figures: Figure[] = [];
    for (const peer of session.peers) {
      const count = peer.perSecond >= 5_000 ? 20_000 : peer.perSecond * 3;
      const ratios: number[] = [];
      const us: number[] = [];
      for (let i = 0; i < (isFast(peer) ? 3 : 1); i++) {
        const subject = await session.start(peer);
        const clients = await Clients.open(subject.target, 64);
        const cost = async (): Promise<number> => {
          const before = cpuTime(subject.pid);
          await clients.json(count);
          const { userUs, systemUs } = cpuBetween(before, cpuTime(subject.pid));
          return (userUs + systemUs) / count;
        };
        const cold = await cost();
        await cost();
        await cost();
        const warm = await cost();
        us.push(cold);
        ratios.push(cold / warm);
        clients.close();
        await subject.stop();
      }
      const more = { requests: count };
      figures.push({ part: 'first', case: 'us a request', peer: peer.name, ...summary(us), more });
      figures.push({ part: 'first', case: 'of warm', peer: peer.name, ...summary(ratios), more });
    }
    return figures;
  },
};
