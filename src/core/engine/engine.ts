/**
 * What one LLM server is to flm: data, a kind, and a probe. An engine never sends a client's request; the upstream
 * does.
 */
import type { BodyFacts, RouteId, Scope } from './routes.ts';
import type { WatchedField } from './watched-fields.ts';

export const engineKindNames = [
  'ollama',
  'lmstudio',
  'vllm',
  'llamacpp',
  'openai-compatible',
  'demo',
] as const;
export type EngineKindName = (typeof engineKindNames)[number];

/** Where an engine listens. `path` is the prefix before its API, without a trailing slash ('' for most). */
export interface EngineAddress {
  readonly tls: boolean;
  /** Host name or IP literal without brackets; ignored where `socketPath` is set. */
  readonly host: string;
  readonly port: number;
  /** A Unix socket in place of host and port. */
  readonly socketPath?: string;
  readonly path: string;
  /** With TLS: the certificates (PEM) that its own must come from, in place of those that the system trusts. */
  readonly authority?: string;
}

/**
 * One engine of a proxy. `id` is what people and `engine/model` names use: lower case, digits, dash; unique.
 * `origin` tells who brought it: a flag, the profile, the saved ones, or detection.
 */
export interface EngineRef {
  readonly id: string;
  readonly kind: EngineKindName;
  readonly url: string;
  readonly address: EngineAddress;
  readonly origin: 'flag' | 'profile' | 'saved' | 'detected' | 'demo';
  /** The engine's own key, resolved; never logged. */
  readonly apiKey?: string;
  /** Requests that it is to work on at once; comes before what it tells itself. */
  readonly slots?: number;
}

/** A secret of an engine: by reference where the user gives one, else its value (kept in the 0600 database). */
export type SecretRef =
  | { readonly from: 'env'; readonly name: string }
  | { readonly from: 'file'; readonly path: string }
  | { readonly from: 'value'; readonly value: string };

/** An engine as it is saved. */
export interface EngineRecord {
  readonly id: string;
  readonly url: string;
  /** Undefined: ask the server what it is. */
  readonly kind?: EngineKindName;
  readonly apiKey?: SecretRef;
  /** Requests that it is to work on at once; undefined: as it tells itself. */
  readonly slots?: number;
  /** File of the CA that its certificate comes from, in place of those that the system trusts. */
  readonly caFile?: string;
  readonly createdAtMs: number;
}

/** installed: its program is on the machine but nothing answers; degraded: answers late or is busy. */
export const engineStates = ['running', 'degraded', 'down', 'installed'] as const;
export type EngineState = (typeof engineStates)[number];

/** A model as its engine tells of it. */
export interface EngineModel {
  readonly id: string;
  /** Tokens a request may hold on this engine as it runs now, where told. */
  readonly contextLength?: number;
  /** Undefined where the engine does not say. */
  readonly loaded?: boolean;
  /** Unix seconds, where told. */
  readonly created?: number;
  /** The engine hands this model's requests to somebody else's machine (Ollama `:cloud`). */
  readonly remote?: boolean;
  readonly ownedBy?: string;
}

/** What a probe found. A probe never generates, and is judged by the body, never by the status alone. */
export type ProbeResult =
  | {
      readonly state: 'running' | 'degraded';
      readonly version?: string;
      readonly models: readonly EngineModel[];
      readonly latencyMs: number;
      /** Requests that it works on at once, where it says so. */
      readonly slots?: number;
      /** Why degraded, in words. */
      readonly note?: string;
    }
  | { readonly state: 'down'; readonly reason: ProbeFailure; readonly detail: string };

/** A probe that found nothing usable. */
export type ProbeDown = Extract<ProbeResult, { state: 'down' }>;

/** refused: nobody listens; timeout: no answer in time (busy, not down); wrong: answers, but not as this kind. */
export type ProbeFailure = 'refused' | 'timeout' | 'wrong' | 'unauthorised' | 'unreachable';

/** In which form an engine answers a request for embeddings in base64. */
export type EmbeddingsCheck =
  | { readonly format: 'base64' | 'floats'; readonly dimensions: number }
  /** `detail` completes "It ...". */
  | { readonly format: 'none'; readonly detail: string };

export interface Engine {
  readonly ref: EngineRef;
  readonly kind: EngineKind;
  probe(signal: AbortSignal): Promise<ProbeResult>;
}

/**
 * What all servers of one make have in common; what each may be asked for through `/engine/{id}/*`.
 * `native` is an allow-list; what it does not name needs the scope `engine:admin`.
 */
export interface EngineKind {
  readonly name: EngineKindName;
  /** Name for people: "Ollama", "llama.cpp". */
  readonly title: string;
  readonly serves: ReadonlySet<RouteId>;
  readonly native: readonly NativeRule[];
  /** Field that carries the engine's own key: `authorization` as Bearer, or `x-api-key`. */
  readonly keyField: 'authorization' | 'x-api-key';
  /** Where `stream_options.include_usage` adds one chunk to OpenAI's streams, and changes none of the others. */
  readonly usageOnRequest: ReadonlySet<RouteId>;
  /**
   * One text for all spellings under which this engine finds a model, or undefined for what cannot be a name there.
   * Absent: it finds a model by exactly the id in its list.
   */
  nameKey?(name: string): string | undefined;
  /** Fields of a body, beside the one for the model, in which this engine takes names of further models. */
  readonly furtherModels?: readonly WatchedField[];
  /** What this request would do beyond answering (load, unload, pin, leave the machine, run tools), or undefined. */
  hazard(route: RouteId, facts: BodyFacts, model: EngineModel | undefined): Hazard | undefined;
}

/** One harmless endpoint of an engine's own API. `path` is exact, or ends in `/{id}` for one more segment. */
export interface NativeRule {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'DELETE';
  readonly path: string;
  readonly scope: Scope;
  /** Where its body names the model; `none` for reads. */
  readonly model: 'json' | 'none';
  readonly query?: readonly string[];
  /** False where its answers hold numbers and no text of a model. */
  readonly writesText?: false;
  /** The route of the front that is the same endpoint: hazards are judged as on it. Absent: as on `engine.native`. */
  readonly route?: RouteId;
}

/** `does` completes "This request would ...". */
export interface Hazard {
  readonly does: string;
}

/** How an attempt on an engine ended, for the breaker and for the count of requests in flight. */
export type AttemptEnd =
  | 'done'
  | 'refused-connection'
  | 'reset'
  | 'timeout'
  | 'protocol'
  | 'client-gone'
  | 'shut-down';
