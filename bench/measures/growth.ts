/**
 * What one request costs when other things grow: keys (10, 10,000, 100,000; also memory), models that the engine lists (1 and
 * 1,000), engines that have the same model (1 and 64). The requests are the same, so any difference is the cost of what is not
 * used. Ratios compare with the smallest number of the same peer.
 */
import { summary } from '../machine.ts';
import type { Peer } from '../peers/peer.ts';
import { startEngine } from '../processes.ts';
import type { Figure } from '../results.ts';
import { measure } from '../rounds.ts';
import type { Session, Subject } from '../session.ts';
import { costFigures, type Measure } from './measure.ts';
import { jsonPlan } from './requests.ts';

const keyCounts = [10, 10_000, 100_000] as const;
/** Peers with a table for many keys, and flm alone for what only flm knows. */
const tablePeers = (session: Session): readonly Peer[] =>
  session.peers.filter(({ manyKeys }) => manyKeys === true).slice(0, 2);

export const keys: Measure = {
  name: 'keys',
  run: async (session) => {
    const figures: Figure[] = [];
    for (const peer of tablePeers(session)) {
      const subjects: Subject[] = [];
      const rested = await session.startRested(
        keyCounts.map((keyCount) => ({ peer, name: `${keyCount} keys`, setup: { keyCount } })),
      );
      for (const { subject } of rested) {
        const all = subject.target.keys;
        // The same number of keys is in use.
        const used = Array.from({ length: 10 }, (_, i) => all[Math.floor(((i + 0.5) * all.length) / 10)]!);
        subjects.push({ ...subject, target: { ...subject.target, keys: used } });
      }
      const resident = rested.map(({ atRestMb }) => summary([atRestMb]));
      const costs = await measure(subjects, jsonPlan(7, 0.8));
      figures.push(...grown('keys, us', peer, costFigures('growth', '', costs, '10 keys')));
      figures.push(
        ...grown(
          'keys, MB',
          peer,
          subjects.map(({ name }, i) => ({ part: 'growth', case: '', peer: name, ...resident[i]! })),
        ),
      );
      for (const subject of subjects) await subject.stop();
    }
    return figures;
  },
};

export const engines: Measure = {
  name: 'engines',
  run: async (session) => {
    const many = session.own(await startEngine(64));
    const figures: Figure[] = [];
    for (const peer of tablePeers(session)) {
      const subjects = [
        await session.start(peer, { engines: many.ports.slice(0, 1) }, peer.prepare, '1 engine'),
        await session.start(peer, { engines: many.ports }, peer.prepare, '64 engines'),
      ];
      const costs = await measure(subjects, jsonPlan(9, 0.8));
      figures.push(...grown('engines, us', peer, costFigures('growth', '', costs, '1 engine')));
      for (const subject of subjects) await subject.stop();
    }
    return figures;
  },
};

export const models: Measure = {
  name: 'models',
  run: async (session) => {
    const flm = session.peers[0]!;
    const few = session.own(await startEngine(1, 1));
    const many = session.own(await startEngine(1, 1_000));
    const subjects = [
      await session.start(flm, { engines: [few.port] }, flm.prepare, '1 model'),
      await session.start(flm, { engines: [many.port] }, flm.prepare, '1000 models'),
    ];
    const costs = await measure(subjects, jsonPlan(9, 0.8));
    for (const subject of subjects) await subject.stop();
    return grown('models, us', flm, costFigures('growth', '', costs, '1 model'));
  },
};

/** The name of a subject is its number of keys, engines or models: it becomes the case, and the peer becomes the peer. */
function grown(what: string, peer: Peer, figures: readonly Figure[]): readonly Figure[] {
  return figures.map((figure) => ({
    ...figure,
    case: `${figure.peer.split(' ')[0]} ${what}`,
    peer: peer.name,
  }));
}
