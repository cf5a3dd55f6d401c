/**
 * The check of `.ci/run`: flm and nginx on this machine, compared with the committed ratios of the machine that is most like
 * it. Ratios differ between machines, so only a large difference fails. A slower flm makes the median and the cheapest round
 * dearer, other work on the machine mostly the median alone: so both ratios must be worse, in three measurements.
 */
import { core, describeMachine, pinSelf } from './machine.ts';
import { streamPlan } from './measures/events.ts';
import { jsonPlan } from './measures/requests.ts';
import { flm } from './peers/flm.ts';
import { nginx } from './peers/nginx.ts';
import { readResults } from './results.ts';
import { type Cost, measure, type Plan } from './rounds.ts';
import { Session } from './session.ts';

/** How much worse than the committed ratio a figure may be. */
const slack = 1.35;
/** Files of results, each of another machine. */
const machines = ['first', 'older-machine'] as const;

const measurements = 3;

/** Resolves with the exit status. */
export async function smoke(): Promise<number> {
  if (nginx.version() === undefined) {
    console.log('SKIPPED: nginx is not installed, so there is nothing to compare with');
    return 77;
  }
  pinSelf(core.rest);
  console.log(describeMachine());
  const session = await Session.open([flm, nginx]);
  try {
    let isFine = false;
    for (let i = 0; i < measurements && !isFine; i++) {
      if (i > 0)
        console.log('  more than 35 % slower: measured again, because the machine may have been busy');
      isFine = await isNear(session, 'json', jsonPlan(7, 0.4));
    }
    if (!isFine) console.log('FAILED: a JSON request became more than 35 % slower, compared with nginx');
    if (!(await isNear(session, 'burst', streamPlan(5, { events: 100, pace: 'burst' }))))
      console.log('WARNING: events are more than 35 % slower, compared with nginx, or the machine was busy');
    return isFine ? 0 : 1;
  } finally {
    await session.close();
  }
}

/** Resolves with whether flm costs about as much as in the committed results, as a ratio to nginx. */
async function isNear(session: Session, part: 'json' | 'burst', plan: Plan): Promise<boolean> {
  const [own, peer] = await measure(await session.plain(), plan);
  if (own === undefined || peer === undefined) return false;
  const committed = committedRatio(part, peer.us.median);
  if (committed === undefined) {
    console.log(`${part}: no file of results has a ratio to compare with`);
    return false;
  }
  const medians = own.us.median / peer.us.median;
  const cheapest = own.us.low / peer.us.low;
  console.log(
    `${part}: flm ${shown(own)}, nginx ${shown(peer)}; ratio of medians ${medians.toFixed(2)}, ` +
      `of the cheapest rounds ${cheapest.toFixed(2)}, committed ${committed.toFixed(2)}`,
  );
  return Math.min(medians, cheapest) <= committed * slack;
}

/** The ratio of the machine on which nginx cost about as much as on this one. */
function committedRatio(part: string, nginxUs: number): number | undefined {
  let nearest: number | undefined;
  let distance = Number.POSITIVE_INFINITY;
  for (const name of machines) {
    const figures = readResults(name).figures.filter((one) => one.part === part);
    const ratio = figures.find((one) => one.peer === 'flm')?.ratio;
    const there = figures.find((one) => one.peer === 'nginx')?.median;
    if (ratio === undefined || there === undefined) continue;
    const away = Math.abs(Math.log(there / nginxUs));
    if (away < distance) [nearest, distance] = [ratio, away];
  }
  return nearest;
}

function shown({ us }: Cost): string {
  return `${us.median.toFixed(1)} us (${us.low.toFixed(1)} to ${us.high.toFixed(1)})`;
}
