/**
 * The port through which requests find engines: health, breaker and the model catalogue as an immutable snapshot.
 * Names resolve in this order: `flm://engine/model`, exact alias, exact id, `engine/model` (ids may hold slashes), and
 * last another spelling under which an engine itself finds one of its models.
 */
import type { Unsubscribe } from '../clock.ts';
import type { KeyView } from '../security/api-key.ts';
import type { AttemptEnd, Engine, EngineRef, EngineState } from './engine.ts';
import type { EngineAnswer, RankReading } from './engine-rank.ts';
import type { EngineModel } from './probe.ts';
import type { RouteId } from './routes.ts';

/** One engine that can answer for a model. */
export interface Candidate {
  readonly engine: Engine;
  /** Undefined for an engine named without a model of the catalogue. */
  readonly model: EngineModel | undefined;
  readonly state: EngineState;
  /** Requests that the engine works on at once, where it was set or the engine says so; undefined: it takes all. */
  readonly slots?: number;
}

/** A model as clients see it. `owner` is the engine's id; an alias has the engine of what it stands for. */
export interface CatalogEntry {
  readonly id: string;
  readonly owner: string;
  readonly created: number;
  readonly contextLength?: number;
  readonly aliasOf?: string;
  readonly engines: readonly Candidate[];
}

export type Resolution =
  /** At least one engine is up, speaks the route and may be used; `upstreamName` is what the engine calls the model. */
  | {
      readonly kind: 'found';
      readonly name: string;
      readonly candidates: readonly Candidate[];
      readonly upstreamName: string;
    }
  /** No such model for this key; `near` are close names that the key may see. */
  | { readonly kind: 'unknown'; readonly near: readonly string[] }
  /** No model named and not exactly one visible. */
  | { readonly kind: 'unnamed'; readonly visible: readonly string[] }
  /** The key's rules leave it no model at all. */
  | { readonly kind: 'denied' }
  /** Known, but all its engines are down or their breaker is open. */
  | { readonly kind: 'down'; readonly retryAfterSeconds: number }
  /** Engines with that model exist, none speaks this route; `speakers` are engines that do. */
  | { readonly kind: 'unsupported'; readonly speakers: readonly string[] }
  /** There is no engine at all. */
  | { readonly kind: 'none' };

/** What a name means to one engine, which knows neither aliases nor other engines. */
export type ModelOnEngine =
  | {
      readonly kind: 'found';
      readonly model: EngineModel;
      /** What the engine must be told: the name as it came where it is the id or its short form, otherwise the id. */
      readonly upstreamName: string;
    }
  /** The engine does not list it; `near` are close names that the key may use. */
  | { readonly kind: 'unknown'; readonly near: readonly string[] }
  /** The key may not use it, or is limited to models and the engine does not list it. */
  | { readonly kind: 'denied' };

export interface EngineStatus {
  readonly ref: EngineRef;
  readonly state: EngineState;
  readonly version?: string;
  readonly latencyMs?: number;
  readonly inFlight: number;
  readonly models: readonly EngineModel[];
  /** Why it is not running, in words. */
  readonly note?: string;
  readonly breakerOpen: boolean;
  /** Why requests go to other engines where they can; absent while it ranks like the others. */
  readonly rank?: RankReading;
  /** Requests that it works on at once, where it says so. */
  readonly slots?: number;
  /** The engine also answers on this non-loopback address of this machine, so clients can bypass flm. */
  readonly exposedOn?: string;
}

export interface EngineDirectory {
  /**
   * `name` undefined: the request names none. Candidates come best first: those that do not rank last for the key, then
   * those that answer in time, then fewest in flight, then loaded.
   */
  resolve(name: string | undefined, route: RouteId, key: KeyView): Resolution;
  /** Like `resolve`, for a request that goes to this engine whatever it names. */
  modelOn(engineId: string, name: string, key: KeyView): ModelOnEngine;
  /** What the key may use, aliases included, in a stable order. */
  visible(key: KeyView): readonly CatalogEntry[];
  /** The entry of a name that `resolve` takes, or undefined where the key does not see one. */
  entry(name: string, key: KeyView): CatalogEntry | undefined;
  engine(id: string): Candidate | undefined;
  engines(): readonly EngineStatus[];
  /** Whether an engine ranks last for every key: a request waits for a better engine rather than run on this one. */
  ranksLast(engineId: string): boolean;
  /** An attempt begins; the count in flight decides the choice among equals. */
  begin(engine: EngineRef): void;
  /** The attempt ended: failed connections feed the breaker, and `answer` the rank where it says something. */
  report(engine: EngineRef, end: AttemptEnd, answer?: EngineAnswer): void;
  onChange(f: () => void): Unsubscribe;
}
