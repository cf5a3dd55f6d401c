/**
 * Probes engines from the command line, without a proxy: detection, and the detailed test of `flm engine test`.
 */
import type { EngineRecord, EngineRef } from '../core/engine/engine.ts';
import type { EngineDiscovery } from '../core/engine/engine-discovery.ts';
import type { EngineKindName } from '../core/engine/kinds.ts';
import { EngineError } from '../core/errors.ts';
import { isLoopbackHost } from '../core/loopback.ts';
import { freeId } from '../engines/detect.ts';
import { checkEmbeddings } from '../engines/embeddings-check.ts';
import { parseEngineUrl } from '../engines/engine-url.ts';
import { findExposure } from '../engines/exposure.ts';
import { identify } from '../engines/identify.ts';
import { dateOf, findOpenPaths } from '../engines/open-paths.ts';
import { createEngine } from '../engines/probe-request.ts';
import { freeIdOf, sourceOfRecord } from '../engines/sources.ts';
import { EngineUpstream } from '../upstream/upstream.ts';
import type { Machine } from './machine.ts';
import { makeDetector } from './proxy-engines.ts';

const examineLimitMs = 3_000;

export function makeEngineDiscovery(machine: Machine): EngineDiscovery {
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
        const { reason, detail } = found;
        if (reason === 'wrong') {
          throw new EngineError('ENGINE_UNRECOGNISED', {
            params: { url: record.url, reason: `it ${detail}` },
          });
        }
        const probe = { state: 'down', reason, detail } as const;
        return { ref: shown(ref), product: 'unknown', probe, serves: [] };
      }
      const kind = record.kind ?? (found.answered ? found.kind : 'openai-compatible');
      const known: EngineRef = { ...ref, kind };
      const engine = createEngine(known, line);
      const [probe, exposedOn] = await Promise.all([
        engine.probe(signal),
        findExposure(line, known, machine.addresses(), signal),
      ]);
      return {
        ref: shown(known),
        product: found.answered ? found.product : engine.kind.title,
        probe,
        serves: [...engine.kind.serves],
        ...(exposedOn === undefined ? {} : { exposedOn }),
      };
    },
    async embeddings(record, model, signal) {
      const { ref } = sourceOfRecord(record, machine.readSecret);
      return checkEmbeddings(line, createEngine(ref, line), model, signal);
    },
    exposure: (ref, signal) => findOpenPaths(line, ref, machine.addresses(), signal),
    async clockAhead(ref, signal) {
      const dateMs = await dateOf(line, ref, signal);
      return dateMs === undefined ? undefined : dateMs - machine.clock.nowMs();
    },
    spelling: (url) => parseEngineUrl(url).url,
    suggestId(url, kind, taken) {
      const { address } = parseEngineUrl(url);
      if (!isLoopbackHost(address.host)) return freeIdOf({ url }, taken);
      if (kind !== undefined) return freeId(kind, address, taken);
      // `127-0-0-1-8000` would not be a useful name.
      return freeIdOf({ url: `http://engine:${address.port}` }, taken);
    },
    close: () => upstream.close(),
  };
}

function shown({ apiKey: _, ...ref }: EngineRef): EngineRef {
  return ref;
}

/** Removes the key, because detection only needs the address. */
function refOf(record: EngineRecord): EngineRef {
  const { url, address } = parseEngineUrl(record.url);
  return { id: record.id, kind: record.kind ?? 'openai-compatible', url, address, origin: 'saved' };
}
