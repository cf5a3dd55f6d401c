/**
 * What a probe of an engine asks and what it finds, and the judgement of answers that all kinds share.
 *
 * A probe never generates. It is judged by the body: of the status only two things count, whether the engine asks for a
 * key, and whether it says that it is busy (LM Studio answers 200 to unknown paths).
 */

/** A model as its engine lists it. */
export interface EngineModel {
  readonly id: string;
  /** Tokens that one request may hold on this engine as it runs now, where the engine says so. */
  readonly contextLength?: number;
  /** Undefined where the engine does not say. */
  readonly loaded?: boolean;
  /** Unix seconds, where the engine says so. */
  readonly created?: number;
  /** The engine hands requests for this model to another machine (Ollama `:cloud`, a peer of llama-swap). */
  readonly remote?: boolean;
  readonly ownedBy?: string;
}

export type ProbeResult =
  | {
      readonly state: 'running' | 'degraded';
      readonly version?: string;
      readonly models: readonly EngineModel[];
      readonly latencyMs: number;
      /** Requests that the engine works on at once, where it says so. */
      readonly slots?: number;
      /** Why the engine is degraded, in words. */
      readonly note?: string;
    }
  | { readonly state: 'down'; readonly reason: ProbeFailure; readonly detail: string };

/** A probe that found nothing usable. */
export type ProbeDown = Extract<ProbeResult, { state: 'down' }>;

/** refused: nobody listens; timeout: no answer in time (busy, not down); wrong: answers, but not as this kind. */
export type ProbeFailure = 'refused' | 'timeout' | 'wrong' | 'unauthorised' | 'unreachable';

/** One answer of a server to one GET. */
export interface ProbeAnswer {
  readonly answered: true;
  readonly status: number;
  readonly text: string;
  /** The body, where it is JSON. */
  readonly json: unknown;
  readonly latencyMs: number;
  /** The first header field of that name (lower case). */
  field(name: string): string | undefined;
}

export interface ProbeFault {
  readonly answered: false;
  readonly reason: ProbeFailure;
  /** Completes "It ...". */
  readonly detail: string;
}

/** Sends GET requests to one engine. Never rejects. */
export interface ProbeClient {
  get(path: string): Promise<ProbeAnswer | ProbeFault>;
}

export function down(reason: ProbeFailure, detail: string): ProbeDown {
  return { state: 'down', reason, detail };
}

/** Says why an answer is no list of models. `expected` completes "answers, but not like ...". */
export function notAList(answer: ProbeAnswer | ProbeFault, expected: string): ProbeDown {
  if (!answer.answered) return down(answer.reason, answer.detail);
  const { status } = answer;
  if (status === 401) return down('unauthorised', 'asks for an API key, or for another one');
  if (status === 403) return down('unauthorised', 'refuses flm (403): a key or its list of allowed hosts');
  // Busy or loading: the engine is there.
  if (status === 429 || status === 503) return down('timeout', `is busy (${status})`);
  if (status >= 500) return down('unreachable', `fails with status ${status}`);
  return down('wrong', `answers, but not like ${expected}`);
}

export function running(answer: ProbeAnswer, models: readonly EngineModel[]) {
  return { state: 'running', models, latencyMs: Math.round(answer.latencyMs * 10) / 10 } as const;
}
