/**
 * Looks at engines from the command line, without a proxy: detection, and the closer look of `flm engine test`.
 */
import type { EngineKindName, EngineRecord, EngineRef, ProbeResult } from '../core/engine/engine.ts';
import { EngineError } from '../core/errors.ts';
import type { InstalledEngine, Look } from '../engines/detect.ts';
import { parseEngineUrl } from '../engines/engine-url.ts';
import { findExposure } from '../engines/exposure.ts';
import { identify } from '../engines/identify.ts';
import { createEngine } from '../engines/kinds.ts';
import { sourceOfRecord } from '../engines/sources.ts';
import { EngineUpstream } from '../upstream/upstream.ts';
import { makeDetector } from './engine-room.ts';
import type { Machine } from './machine.ts';

export interface DetectedEngines extends Look {
  readonly installed: readonly InstalledEngine[];
}

export interface EngineExamination {
  readonly ref: EngineRef;
  /** The make, for people. */
  readonly product: string;
  readonly probe: ProbeResult;
  /** It answers on this non-loopback address of this machine, too. */
  readonly exposedOn?: string;
}

export interface EngineScout {
  /** Engines that run on this machine and are not among `known`, and programs that could. */
  detect(known: readonly EngineRecord[], signal: AbortSignal): Promise<DetectedEngines>;
  /**
   * Asks one engine what it is and how it is. Throws an `EngineError` ENGINE_UNRECOGNISED where nothing like an engine
   * answers, ENGINE_INVALID where its key cannot be had.
   */
  examine(record: EngineRecord, signal: AbortSignal): Promise<EngineExamination>;
  close(): void;
}

const examineLimitMs = 3_000;

export function makeEngineScout(machine: Machine): EngineScout {
  const { clock } = machine;
  const upstream = new EngineUpstream({ clock, poolIdleMs: 1_000 });
  const line = { upstream, clock };
  return {
    async detect(known, signal) {
      const detector = makeDetector(machine, line);
      const refs = known.map((record) => refOf(record));
      const look = await detector.look({ known: refs, exclude: new Set() }, signal);
      const running = new Set<EngineKindName>([
        ...look.engines.map((e) => e.ref.kind),
        ...known.flatMap((record) => record.kind ?? []),
      ]);
      return { ...look, installed: await detector.installed(running) };
    },
    async examine(record, signal) {
      const { ref } = sourceOfRecord(record, machine.readSecret);
      const found = await identify(
        line,
        {
          to: ref.address,
          limitMs: examineLimitMs,
          ...(ref.apiKey === undefined ? {} : { apiKey: ref.apiKey }),
        },
        signal,
      );
      if (!found.answered && record.kind === undefined) {
        throw new EngineError('ENGINE_UNRECOGNISED', {
          params: { url: record.url, reason: `it ${found.detail}` },
        });
      }
      const kind = record.kind ?? (found.answered ? found.kind : 'openai-compatible');
      const known: EngineRef = { ...ref, kind };
      const [probe, exposedOn] = await Promise.all([
        createEngine(known, line).probe(signal),
        findExposure(line, known, machine.addresses(), signal),
      ]);
      const { apiKey: _, ...shown } = known;
      return {
        ref: shown,
        product: found.answered ? found.product : kind,
        probe,
        ...(exposedOn === undefined ? {} : { exposedOn }),
      };
    },
    close: () => upstream.close(),
  };
}

/** Without its key: detection only needs to know the place. */
function refOf(record: EngineRecord): EngineRef {
  const { url, address } = parseEngineUrl(record.url);
  return { id: record.id, kind: record.kind ?? 'openai-compatible', url, address, origin: 'saved' };
}
