/**
 * The port for probing engines outside a proxy: detection on this machine, and the examination of one engine.
 */
import type { EmbeddingsCheck, EngineRecord, EngineRef } from './engine.ts';
import type { EngineKindName } from './kinds.ts';
import type { ProbeResult } from './probe.ts';
import type { RouteId } from './routes.ts';

export interface FoundEngine {
  readonly ref: EngineRef;
  /** The name of the server software, for people. */
  readonly product: string;
  readonly version?: string;
}

export interface InstalledEngine {
  readonly kind: EngineKindName;
  readonly title: string;
  readonly program: string;
  /** The command that starts it. */
  readonly startWith: string;
}

/** The result of one run of detection. */
export interface Look {
  readonly engines: readonly FoundEngine[];
  /** Servers that ask for a key. */
  readonly locked: readonly { readonly url: string; readonly detail: string }[];
}

export interface DetectedEngines extends Look {
  readonly installed: readonly InstalledEngine[];
}

export interface EngineExamination {
  readonly ref: EngineRef;
  /** The name of the server software, for people. */
  readonly product: string;
  readonly probe: ProbeResult;
  /** The features that clients can use; empty if no recognised engine answered. */
  readonly serves: readonly RouteId[];
  /** A non-loopback address of this machine on which the engine also answers. */
  readonly exposedOn?: string;
}

/** What others see of an engine without a key. */
export interface EngineExposure {
  /** The engine runs on this machine. */
  readonly isOwn: boolean;
  /** Addresses other than loopback at which it answers without a key. */
  readonly addresses: readonly string[];
  /** Paths that it answers there. */
  readonly paths: readonly string[];
  /** Web pages of every origin may read its answers (CORS). */
  readonly isAnyOrigin: boolean;
}

export interface EngineDiscovery {
  /** Finds running engines on this machine that are not among `known`, and installed programs that are not running. */
  detect(known: readonly EngineRecord[], signal: AbortSignal): Promise<DetectedEngines>;
  /**
   * Probes one engine for its kind and state. An engine that does not answer is a result too (`probe.state` is `down`).
   * Throws an `EngineError` ENGINE_UNRECOGNISED if the server is no known engine and no kind was given, ENGINE_INVALID
   * if the key of the engine cannot be read.
   */
  examine(record: EngineRecord, signal: AbortSignal): Promise<EngineExamination>;
  /** Sends one small embedding request. Throws ENGINE_INVALID if the key of the engine cannot be read. */
  embeddings(record: EngineRecord, model: string, signal: AbortSignal): Promise<EmbeddingsCheck>;
  /** Asks an engine without its key, also at the other addresses of this machine. Undefined: nothing is open. */
  exposure(ref: EngineRef, signal: AbortSignal): Promise<EngineExposure | undefined>;
  /** How far the clock of an engine is ahead of this machine's, by its `Date` field; undefined if it sends none. */
  clockAhead(ref: EngineRef, signal: AbortSignal): Promise<number | undefined>;
  /** Returns the canonical form of a URL that the schema of engines accepts. */
  spelling(url: string): string;
  /** Returns a free id: on this machine the id from detection, for other hosts the host and port. */
  suggestId(url: string, kind: EngineKindName | undefined, taken: ReadonlySet<string>): string;
  close(): void;
}
