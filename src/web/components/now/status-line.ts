/** The state of flm in one or two sentences, for the top of the page. */
import type { SeenEngineDocument } from '../../../core/engine/engine-document.ts';
import { t } from '../../i18n/texts.ts';
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
    t.now.enginesUp(up.length, engines.length - up.length),
    ...(slots === 0 ? [] : [t.now.slotsBusy(busy, slots)]),
    ...(running === undefined ? [] : [t.now.requestsRun(running - waiting)]),
    t.now.peopleWait(waiting),
  ].join(t.between);
}
