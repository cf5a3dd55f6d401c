/**
 * How much later the first byte of a stream arrives than from the engine directly, in microseconds: one request at a time,
 * on each peer in turn, so that nothing waits for anything else.
 */
import { quantile } from '../machine.ts';
import { firstByteMs } from '../rounds.ts';
import type { Session, Subject } from '../session.ts';
import { figuresOf, type Measure } from './measure.ts';

export const wait: Measure = {
  name: 'wait',
  run: async (session: Session) => {
    const direct = session.direct();
    const subjects = await session.plain();
    const fast = subjects.filter(({ perSecond }) => perSecond > 2_000);
    const slow = subjects.filter(({ perSecond }) => perSecond <= 2_000);
    return [
      ...(await added(direct, fast, 2_000)),
      ...(slow.length === 0 ? [] : (await added(direct, slow, 200)).filter(({ peer }) => peer !== 'direct')),
    ];
  },
};

async function added(direct: Subject, subjects: readonly Subject[], times: number) {
  const found = await firstByteMs([direct, ...subjects], times);
  const us = (subject: Subject, part: number): number => quantile(found.get(subject) ?? [], part) * 1000;
  const floor = us(direct, 0.5);
  const medians = new Map(
    [...found.keys()].map((subject) => {
      const base = subject === direct ? 0 : floor;
      // Quartiles instead of the lowest and highest: single requests have no meaning.
      const at = (part: number): number => us(subject, part) - base;
      return [subject.name, { median: at(0.5), low: at(0.25), high: at(0.75), rounds: times }];
    }),
  );
  return figuresOf('wait', 'first byte', medians);
}
