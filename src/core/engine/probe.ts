/**
 * The requests and results of engine probes, and the interpretation of responses that all kinds share.
 *
 * A probe never generates. The body decides. Only two facts are taken from the status: whether the engine asks for a
 * key, and whether it is busy (LM Studio answers 200 to unknown paths).
 */

/** A model as its engine lists it. */
export interface EngineModel {
  readonly id: string;
  /** Tokens that one request may hold on this engine in its current configuration, if the engine reports the number. */
  readonly contextLength?: number;
  /** Undefined if the engine does not report this. */
  readonly loaded?: boolean;
  /** Unix seconds, if the engine reports them. */
  readonly created?: number;
  /** The engine forwards requests for this model to another machine (Ollama `:cloud`, a peer of llama-swap). */
  readonly remote?: boolean;
  readonly ownedBy?: string;
}

export type ProbeResult =
  | {
      readonly state: 'running' | 'degraded';
      readonly version?: string;
      readonly models: readonly EngineModel[];
      readonly latencyMs: number;
      /** How many requests the engine handles at once, if it reports the number. */
      readonly slots?: number;
      /** Why the engine is degraded, in words. */
      readonly note?: string;
      /** A busy engine left some questions open. What it would have said about slots, version and context is as before. */
      readonly partial?: true;
    }
  | { readonly state: 'down'; readonly reason: ProbeFailure; readonly detail: string };

/** The result of a probe that failed. */
export type ProbeDown = Extract<ProbeResult, { state: 'down' }>;

/** refused: no program listens; timeout: no response in time (busy, not down); wrong: answers, but not as this kind. */
export type ProbeFailure = 'refused' | 'timeout' | 'wrong' | 'unauthorised' | 'unreachable';

/** The response of a server to one GET. */
export interface ProbeAnswer {
  readonly answered: true;
  readonly status: number;
  readonly text: string;
  /** The body, if it is JSON. */
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

/** Explains why a response is not a list of models. `expected` completes "answers, but not like ...". */
export function notAList(answer: ProbeAnswer | ProbeFault, expected: string): ProbeDown {
  if (!answer.answered) return down(answer.reason, answer.detail);
  const { status } = answer;
  if (status === 401) return down('unauthorised', 'asks for an API key, or does not accept this one');
  if (status === 403) return down('unauthorised', 'refuses flm (403): a key or its list of allowed hosts');
  // Busy or loading: the engine is there.
  if (status === 429 || status === 503) return down('timeout', `is busy (${status})`);
  if (status >= 500) return down('unreachable', `fails with status ${status}`);
  return down('wrong', `answers, but not like ${expected}`);
}

export function running(answer: ProbeAnswer, models: readonly EngineModel[]) {
  return { state: 'running', models, latencyMs: Math.round(answer.latencyMs * 10) / 10 } as const;
}
