/**
 * One LLM server as flm knows it: its address, how it was named or found, and how its probe and its attempts end.
 * Requests of clients reach an engine through the upstream, never through these types.
 */
import type { EngineKind } from './engine-kind.ts';
import type { EngineKindName } from './kinds.ts';
import type { ProbeResult } from './probe.ts';

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

/** `name` is what clients say; `target` is any name that resolves without aliases. */
export interface ModelAlias {
  readonly name: string;
  readonly target: string;
}

/** installed: its program is on the machine but nothing answers; degraded: answers late or is busy. */
export const engineStates = ['running', 'degraded', 'down', 'installed'] as const;
export type EngineState = (typeof engineStates)[number];

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

/** How an attempt on an engine ended, for the breaker and for the count of requests in flight. */
export type AttemptEnd =
  | 'done'
  | 'refused-connection'
  | 'reset'
  | 'timeout'
  | 'protocol'
  | 'client-gone'
  | 'shut-down';
