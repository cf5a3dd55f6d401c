/**
 * What the probes of all kinds share: asking for a path of one engine, and the judgement of answers that are not lists.
 *
 * A probe is judged by the body. Of the status only this is used: whether a key was asked for, and whether the engine
 * says that it is busy.
 */
import type {
  EngineKind,
  EngineModel,
  EngineRef,
  ProbeDown,
  ProbeFailure,
  ProbeResult,
} from '../core/engine/engine.ts';
import { type ProbeAnswer, type ProbeFault, type ProbeLine, probeRequest } from './probe-request.ts';

/** One engine, ready to be asked. */
export interface Asking {
  get(path: string): Promise<ProbeAnswer | ProbeFault>;
}

/** One kind of engine: what it is, and how it is asked how it is. */
export interface IdentifiedKind {
  readonly kind: EngineKind;
  readonly probe: (asking: Asking) => Promise<ProbeResult>;
}

/** A whole probe fits between two of them. */
const probeLimitMs = 4_000;

export function askingOf(ref: EngineRef, kind: EngineKind, line: ProbeLine, signal: AbortSignal): Asking {
  const field = ref.apiKey === undefined ? '' : keyField(kind.keyField, ref.apiKey);
  return {
    get: (path) => probeRequest(line, { to: ref.address, path, field, limitMs: probeLimitMs }, signal),
  };
}

/** The field that carries an engine's own key, with its CRLF. */
export function keyField(name: EngineKind['keyField'], key: string): string {
  return name === 'x-api-key' ? `x-api-key: ${key}\r\n` : `authorization: Bearer ${key}\r\n`;
}

export function down(reason: ProbeFailure, detail: string): ProbeDown {
  return { state: 'down', reason, detail };
}

/** Why an answer is no list of models: always down, in the way that it deserves. */
export function notAList(answer: ProbeAnswer | ProbeFault, expected: string): ProbeDown {
  if (!answer.answered) return down(answer.reason, answer.detail);
  const { status } = answer;
  if (status === 401) return down('unauthorised', 'asks for an API key, or for another one');
  if (status === 403) return down('unauthorised', 'refuses flm (403): a key or its list of allowed hosts');
  // Busy or loading: it will do.
  if (status === 429 || status === 503) return down('timeout', `is busy (${status})`);
  if (status >= 500) return down('unreachable', `fails with status ${status}`);
  return down('wrong', `answers, but not like ${expected}`);
}

export function running(answer: ProbeAnswer, models: readonly EngineModel[]) {
  return { state: 'running', models, latencyMs: Math.round(answer.latencyMs * 10) / 10 } as const;
}
