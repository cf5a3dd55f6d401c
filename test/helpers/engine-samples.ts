/**
 * Engines and keys for tests of the domain: engines whose probe results the test defines, and keys compiled by the real
 * code.
 */

import type { Engine, EngineRef } from '../../src/core/engine/engine.ts';
import type { EngineKindName } from '../../src/core/engine/kinds.ts';
import { engineKind } from '../../src/core/engine/kinds.ts';
import type { ProbeResult } from '../../src/core/engine/probe.ts';
import { type ApiKey, type KeyView, unrestricted } from '../../src/core/security/api-key.ts';
import { compileKey } from '../../src/core/security/key-view.ts';

export function sampleKey(parts: Partial<ApiKey> = {}): KeyView {
  return compileKey({
    id: 'key_sample',
    familyId: parts.id ?? 'key_sample',
    label: 'sample',
    digest: '',
    prefix: 'flm_xxxx',
    ...unrestricted,
    createdAtMs: 0,
    ...parts,
  });
}

export function sampleRef(
  id: string,
  kind: EngineKindName = 'openai-compatible',
  port = 1,
  more: Partial<EngineRef> = {},
): EngineRef {
  return {
    id,
    kind,
    url: `http://127.0.0.1:${port}`,
    address: { tls: false, host: '127.0.0.1', port, path: '' },
    origin: 'saved',
    ...more,
  };
}

/** Engines by id, and what their next probes find. */
export class SampleEngines {
  readonly #results = new Map<string, ProbeResult>();
  /** Ids of engines in the order in which they were asked. */
  readonly probes: string[] = [];

  set(id: string, result: ProbeResult): void {
    this.#results.set(id, result);
  }

  make(ref: EngineRef): Engine {
    return {
      ref,
      kind: engineKind(ref.kind),
      probe: () => {
        this.probes.push(ref.id);
        return Promise.resolve(this.#results.get(ref.id) ?? refused);
      },
    };
  }
}

export const refused: ProbeResult = { state: 'down', reason: 'refused', detail: 'refuses connections' };

export function running(...models: readonly string[]): ProbeResult {
  return { state: 'running', models: models.map((id) => ({ id })), latencyMs: 1 };
}
