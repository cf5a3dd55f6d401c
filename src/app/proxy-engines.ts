/**
 * Sets up the engines of one proxy: the configured engines, their probes, and the detection of others.
 */
import type { Clock } from '../core/clock.ts';
import type { EngineRecord, EngineRef } from '../core/engine/engine.ts';
import { EngineService } from '../core/engine/engine-service.ts';
import type { EngineSource } from '../core/engine/engine-watch.ts';
import { FlmError } from '../core/errors.ts';
import type { StartOptions } from '../core/proxy/ports.ts';
import { configuredPort } from '../core/proxy/proxy-config.ts';
import type { UnusableEngine } from '../core/proxy/warnings.ts';
import { Detector } from '../engines/detect.ts';
import { findExposure } from '../engines/exposure.ts';
import { identify } from '../engines/identify.ts';
import type { ProbeLine } from '../engines/probe-request.ts';
import { createEngine } from '../engines/probe-request.ts';
import { sourceOfRecord, sourcesOfConfig } from '../engines/sources.ts';
import type { EngineUpstream } from '../upstream/upstream.ts';
import type { Machine } from './machine.ts';

export interface ProxyEngines {
  readonly service: EngineService;
  /** Loads the saved engines again. Does nothing if the configuration names the engines of the proxy. */
  setSaved(records: readonly EngineRecord[]): void;
  /** Returns the saved engines that cannot be used. */
  problems(): readonly UnusableEngine[];
}

/** A running server answers within milliseconds. */
const recogniseLimitMs = 2_000;

/** Throws an `EngineError` ENGINE_INVALID if the key of a configured engine cannot be read. */
export function makeProxyEngines(
  options: StartOptions,
  machine: Machine,
  upstream: EngineUpstream,
  ownPort: () => number,
): ProxyEngines {
  const { clock } = machine;
  const line: ProbeLine = { upstream, clock };
  const { config, overrides, environment } = options;
  const isProfile = overrides.engines === undefined && environment?.engines === undefined;
  const given = sourcesOfConfig(config.engines, isProfile ? 'profile' : 'flag', machine.readSecret);
  const fixed = given.length > 0;
  const service = new EngineService({
    clock,
    makeEngine: (ref) => createEngine(ref, line),
    recognise: (ref, signal) => recognise(line, ref, signal),
    exposure: (ref, signal) => findExposure(line, ref, machine.addresses(), signal),
    ...(fixed ? {} : { detect: detection(machine, line, () => ownPort() || configuredPort(config)) }),
  });
  if (fixed) service.configure({ sources: given });
  let problems: readonly UnusableEngine[] = [];
  return {
    service,
    problems: () => problems,
    setSaved(records) {
      if (fixed) return;
      const found: UnusableEngine[] = [];
      const sources = records.flatMap((record): readonly EngineSource[] => {
        try {
          return [sourceOfRecord(record, machine.readSecret)];
        } catch (error) {
          if (!(error instanceof FlmError)) throw error;
          found.push({ id: record.id, problem: `${error.message} ${error.hint}` });
          return [];
        }
      });
      problems = found;
      service.configure({ sources });
    },
  };
}

async function recognise(line: ProbeLine, ref: EngineRef, signal: AbortSignal) {
  const found = await identify(
    line,
    {
      to: ref.address,
      limitMs: recogniseLimitMs,
      ...(ref.apiKey === undefined ? {} : { apiKey: ref.apiKey }),
    },
    signal,
  );
  return found.answered ? found.kind : { state: 'down' as const, reason: found.reason, detail: found.detail };
}

function detection(machine: Machine, line: ProbeLine, ownPort: () => number) {
  const detector = makeDetector(machine, line);
  return async (watched: readonly EngineRef[], signal: AbortSignal): Promise<readonly EngineRef[]> => {
    const exclude = new Set([`127.0.0.1:${ownPort()}`, `[::1]:${ownPort()}`]);
    const look = await detector.look({ known: watched, exclude }, signal);
    return look.engines.map((found) => found.ref);
  };
}

export function makeDetector(
  machine: Pick<Machine, 'environment' | 'addresses' | 'findProgram'>,
  line: ProbeLine & { readonly clock: Clock },
): Detector {
  const ports = machine.environment.FLM_DETECT_PORTS;
  return new Detector({
    line,
    environment: machine.environment,
    machineAddresses: () => machine.addresses(),
    findProgram: (name) => machine.findProgram(name),
    ...(ports === undefined
      ? {}
      : {
          ports: ports
            .split(',')
            .filter((p) => p !== '')
            .map(Number),
        }),
  });
}
