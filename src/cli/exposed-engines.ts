/**
 * Which engines others can use without flm, for the one line of `flm up`. The question has a short limit of time, because
 * a start must not wait for engines that answer slowly.
 */
import type { Clock } from '../core/clock.ts';
import { exposureFindings } from '../core/doctor/engine-findings.ts';
import type { EngineStatus } from '../core/engine/directory.ts';
import type { EngineDiscovery } from '../core/engine/engine-discovery.ts';

const limitMs = 700;
const maxEngines = 8;

export type ExposureQuestion = EngineDiscovery['exposure'];

export interface ExposedEnginesOptions {
  readonly engines: readonly EngineStatus[];
  readonly exposure: ExposureQuestion;
  readonly clock: Clock;
  readonly platform: NodeJS.Platform;
}

/** Returns the ids of the engines that answered in time. Never rejects. */
export async function exposedEngines(
  { engines, exposure, clock, platform }: ExposedEnginesOptions,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const limit = new AbortController();
  const late = Promise.withResolvers<undefined>();
  const stop = clock.after(limitMs, () => {
    late.resolve(undefined);
    limit.abort();
  });
  const limited = AbortSignal.any([signal, limit.signal]);
  const asked = engines
    .filter(({ state, ref }) => state !== 'down' && ref.kind !== 'demo')
    .slice(0, maxEngines)
    .map(async (engine) => {
      const seen = await Promise.race([exposure(engine.ref, limited).catch(() => undefined), late.promise]);
      const findings = seen === undefined ? [] : exposureFindings(engine, seen, platform);
      return findings.some(({ severity }) => severity !== 'notice') ? [engine.ref.id] : [];
    });
  const ids = (await Promise.all(asked)).flat();
  stop();
  return ids;
}
