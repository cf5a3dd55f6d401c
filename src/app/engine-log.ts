/**
 * Logs engine events for the operator: one line whenever an engine is added, removed or changes its state.
 */
import type { Unsubscribe } from '../core/clock.ts';
import type { EngineDirectory, EngineStatus } from '../core/engine/directory.ts';
import { engineKind } from '../core/engine/kinds.ts';
import type { Logger } from '../observe/logger.ts';

export function tellEngineChanges(directory: EngineDirectory, logger: Logger): Unsubscribe {
  let known = new Map<string, EngineStatus>();
  const look = (): void => {
    const now = new Map(directory.engines().map((e) => [e.ref.id, e]));
    for (const [id, status] of now) tell(status, known.get(id), logger);
    for (const [id, { ref }] of known) {
      if (!now.has(id)) logger.event('info', 'engine forgotten', { engine: id, url: ref.url });
    }
    known = now;
  };
  const off = directory.onChange(look);
  look();
  return off;
}

function tell(now: EngineStatus, before: EngineStatus | undefined, logger: Logger): void {
  const { ref, state, note, models } = now;
  const up = state === 'running' || state === 'degraded';
  // An engine that was not probed yet is neither up nor down.
  if (before === undefined ? up : before.state !== state || before.note !== note) {
    const level = state === 'running' ? 'info' : 'warn';
    logger.event(level, `engine ${state}`, {
      engine: ref.id,
      kind: ref.kind,
      url: ref.url,
      models: models.length,
      ...(note === undefined ? {} : { note }),
    });
  }
  if (now.breakerOpen && before?.breakerOpen !== true) {
    logger.event('warn', 'engine left out for a while: attempts keep failing', { engine: ref.id });
  }
  const { rank } = now;
  if (rank?.state === 'last' && before?.rank?.state !== 'last') {
    logger.event('warn', 'engine ranks last', { engine: ref.id, reason: rank.reason });
  }
  const fell = before?.rank !== undefined && before.rank.state !== 'last-for-keys';
  if (fell && (rank === undefined || rank.state === 'last-for-keys')) {
    logger.event('info', 'engine ranks like the others again', { engine: ref.id });
  }
  if (now.exposedOn !== undefined && before?.exposedOn !== now.exposedOn) {
    logger.event('warn', 'engine answers to the network without a key', {
      engine: ref.id,
      address: now.exposedOn,
      fix: engineKind(ref.kind).advice.exposure,
    });
  }
}
