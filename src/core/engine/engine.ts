/**
 * One LLM server as flm knows it: its address, where its entry came from, and how its probes and attempts end. Requests
 * of clients reach an engine through the upstream, never through these types.
 */
import type { EngineKind } from './engine-kind.ts';
import type { EngineKindName } from './kinds.ts';
import type { ProbeResult } from './probe.ts';

/** Where an engine listens. `path` is the prefix before its API, without a trailing slash ('' for most). */
export interface EngineAddress {
  readonly tls: boolean;
  /** Host name or IP literal without brackets; ignored if `socketPath` is set. */
  readonly host: string;
  readonly port: number;
  /** A Unix socket, instead of host and port. */
  readonly socketPath?: string;
  readonly path: string;
  /**
   * With TLS: the CA certificates (PEM) that must have issued its certificate, instead of those that the system trusts.
   */
  readonly authority?: string;
}

/**
 * One engine of a proxy. `id` is the name for people and in `engine/model`: lower case, digits, dash; unique. `origin`
 * says where the entry came from: a flag, the profile, the saved engines, or detection.
 */
export interface EngineRef {
  readonly id: string;
  readonly kind: EngineKindName;
  readonly url: string;
  readonly address: EngineAddress;
  readonly origin: 'flag' | 'profile' | 'saved' | 'detected' | 'demo';
  /** The engine's own key, resolved; never logged. */
  readonly apiKey?: string;
  /** How many requests it should handle at once. Overrides what the engine reports. */
  readonly slots?: number;
}

/** A secret of an engine: a reference if the user gives one, otherwise its value (kept in the 0600 database). */
export type SecretRef =
  | { readonly from: 'env'; readonly name: string }
  | { readonly from: 'file'; readonly path: string }
  | { readonly from: 'value'; readonly value: string };

/** An engine as saved. */
export interface EngineRecord {
  readonly id: string;
  readonly url: string;
  /** Undefined: flm identifies the server. */
  readonly kind?: EngineKindName;
  readonly apiKey?: SecretRef;
  /** How many requests it should handle at once; undefined: as the engine reports. */
  readonly slots?: number;
  /** File of the CA that issued its certificate, instead of the CAs that the system trusts. */
  readonly caFile?: string;
  readonly createdAtMs: number;
}

/** `name` is the name that clients send; `target` is any name that resolves without aliases. */
export interface ModelAlias {
  readonly name: string;
  readonly target: string;
}

/** installed: its program is on the machine but does not answer; degraded: answers late or is busy. */
export const engineStates = ['running', 'degraded', 'down', 'installed'] as const;
export type EngineState = (typeof engineStates)[number];

/** The form in which an engine returns embeddings that were requested in base64. */
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
  /** No connection: refused, unreachable or too slow. */
  | 'refused-connection'
  | 'reset'
  | 'timeout'
  | 'protocol'
  | 'client-gone'
  | 'shut-down';
