/**
 * What each part of the benchmark offers: its name for `--only=`, and a function that measures it and returns its figures.
 */
import type { Summary } from '../machine.ts';
import type { Figure } from '../results.ts';
import type { Cost } from '../rounds.ts';
import type { Session } from '../session.ts';

export interface Measure {
  readonly name: string;
  /** Measured only when it is named. */
  readonly named?: true;
  run(session: Session): Promise<readonly Figure[]>;
}

/** Returns the figures of one case. `base` is the name of the subject that the others are compared with. */
export function figuresOf(
  part: string,
  name: string,
  summaries: ReadonlyMap<string, Summary>,
  base = 'nginx',
): readonly Figure[] {
  const compared = summaries.get(base)?.median;
  return [...summaries].map(([peer, summary]) => ({
    part,
    case: name,
    peer,
    ...summary,
    ...(compared === undefined || peer === 'direct' ? {} : { ratio: summary.median / compared }),
  }));
}

/** The same for costs, with what was seen of the machine. */
export function costFigures(
  part: string,
  name: string,
  costs: readonly Cost[],
  base?: string,
): readonly Figure[] {
  const summaries = new Map(costs.map(({ subject, us }) => [subject.name, us]));
  return figuresOf(part, name, summaries, base).map((figure, i) => {
    const { perSecond, proxyBusy, restBusy } = costs[i]!;
    return { ...figure, more: { perSecond: Math.round(perSecond), proxyBusy, restBusy } };
  });
}
