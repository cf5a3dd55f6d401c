/** The state of flm in one or two sentences, for the top of the page. */
import type { SeenEngineDocument } from '../../../core/engine/engine-document.ts';
import { en } from '../../i18n/en.ts';
import type { RequestsSnapshot } from './request-log.ts';

export function statusLine(
  engines: readonly SeenEngineDocument[],
  requests: RequestsSnapshot | undefined,
): string {
  const up = engines.filter(({ state }) => state !== 'down');
  const limited = up.filter(({ slots }) => slots !== undefined);
  const slots = limited.reduce((sum, engine) => sum + (engine.slots ?? 0), 0);
  const busy = limited.reduce(
    (sum, { id, inFlight }) =>
      sum + (requests === undefined ? inFlight : (requests.engines.get(id)?.busy ?? 0)),
    0,
  );
  const waiting =
    requests === undefined
      ? Math.max(0, ...engines.map(({ queued }) => queued ?? 0))
      : requests.running.filter(({ state }) => state === 'waiting').length;
  const running = requests?.running.length;
  return [
    en.now.enginesUp(up.length, engines.length - up.length),
    ...(slots === 0 ? [] : [en.now.slotsBusy(busy, slots)]),
    ...(running === undefined ? [] : [en.now.requestsRun(running - waiting)]),
    en.now.peopleWait(waiting),
  ].join(' ');
}
