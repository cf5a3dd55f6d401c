/**
 * The port through which requests find engines: health, breaker and the model catalogue as an immutable snapshot. Names
 * resolve in this order: `flm://engine/model`, exact alias, exact id, `engine/model` (ids may contain slashes), and
 * last a spelling that an engine itself accepts for one of its models.
 */
import assert from 'node:assert/strict';
import type { Unsubscribe } from '../clock.ts';
import type { KeyView } from '../security/api-key.ts';
import type { ConversationHome, ConversationReader } from './conversation-homes.ts';
import type { AttemptEnd, Engine, EngineRef, EngineState } from './engine.ts';
import type { EngineAnswer, RankReading } from './engine-rank.ts';
import type { EngineModel } from './probe.ts';
import type { RouteId } from './routes.ts';

/** One engine that can answer for a model. */
export interface Candidate {
  readonly engine: Engine;
  /** Undefined if the request named an engine, and no model of the catalogue. */
  readonly model: EngineModel | undefined;
  readonly state: EngineState;
  /** How many requests the engine handles at once, as configured or as the engine reports. Undefined: unlimited. */
  readonly slots?: number;
}

/** The engines that can answer one request. Most requests need only the best one. */
export interface Candidates {
  readonly best: Candidate;
  /**
   * All of them, the best first. The list is made when it is read for the first time, and has no engine whose breaker has
   * opened by then.
   */
  readonly all: readonly Candidate[];
}

/** Candidates in a given order; at least one. */
export function candidatesOf(all: readonly Candidate[]): Candidates {
  const [best] = all;
  assert(best !== undefined, 'there is at least one candidate');
  return { best, all };
}

/** A model as clients see it. `owner` is the id of the engine. An alias has the owner of its target. */
export interface CatalogEntry {
  readonly id: string;
  readonly owner: string;
  readonly created: number;
  readonly contextLength?: number;
  readonly aliasOf?: string;
  readonly engines: readonly Candidate[];
}

export type Resolution =
  /**
   * At least one engine is up, serves the route and may be used. `upstreamName` is the engine's name for the model.
   * `samples` shows which kinds of engines may answer: one engine of each group in which `isSameToHazards` holds. It may
   * have an engine that gets no request now, because its breaker is open. Requests go to `candidates`.
   */
  | {
      readonly kind: 'found';
      readonly name: string;
      readonly candidates: Candidates;
      readonly samples: readonly Candidate[];
      readonly upstreamName: string;
      /** Set if the request belongs to a conversation and there is a choice of engines. */
      readonly home?: ConversationHome | undefined;
    }
  /** This key has no such model. `near` are similar names that the key may see. */
  | { readonly kind: 'unknown'; readonly near: readonly string[] }
  /** The request named no model, and the key does not see exactly one. */
  | { readonly kind: 'unnamed'; readonly visible: readonly string[] }
  /** The rules of the key allow no model. */
  | { readonly kind: 'denied' }
  /** The model is known, but all its engines are down or have an open breaker. */
  | { readonly kind: 'down'; readonly retryAfterSeconds: number }
  /** Engines have the model, but none of them serves this route. `speakers` are engines that do. */
  | { readonly kind: 'unsupported'; readonly speakers: readonly string[] }
  /** There is no engine. */
  | { readonly kind: 'none' };

/** How one engine resolves a name. An engine knows neither aliases nor other engines. */
export type ModelOnEngine =
  | {
      readonly kind: 'found';
      readonly model: EngineModel;
      /** The name to send to the engine: unchanged if it is the id or its short form, otherwise the id. */
      readonly upstreamName: string;
    }
  /** The engine does not list the model. `near` are similar names that the key may use. */
  | { readonly kind: 'unknown'; readonly near: readonly string[] }
  /** The key may not use the model, or is limited to certain models and the engine does not list it. */
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
  /** Why requests prefer other engines. Absent while the engine ranks like the others. */
  readonly rank?: RankReading;
  /** How many requests the engine handles at once, if it reports that. */
  readonly slots?: number;
  /** The engine also answers on this non-loopback address of this machine, so clients can bypass flm. */
  readonly exposedOn?: string;
}

export interface EngineDirectory {
  /**
   * Finds the engines for a model. `name` undefined: the request names none. Candidates are sorted best first: engines
   * that do not rank last for the key, then engines that answer in time, then fewest requests in flight, then loaded
   * models. The engine on which the conversation ran last is the best one if it is about as good as the first of these.
   * `conversation` is called only if there is a choice.
   */
  resolve(
    name: string | undefined,
    route: RouteId,
    key: KeyView,
    conversation?: ConversationReader,
  ): Resolution;
  /** Where a response of the Responses API is stored. Each key has responses of its own. */
  responseHome(responseId: string, key: KeyView): ConversationHome;
  /** Like `resolve`, for a request that must go to this engine. */
  modelOn(engineId: string, name: string, key: KeyView): ModelOnEngine;
  /** The models that the key may use, aliases included, in a stable order. */
  visible(key: KeyView): readonly CatalogEntry[];
  /** The entry of a name that `resolve` accepts; undefined if the key sees none. */
  entry(name: string, key: KeyView): CatalogEntry | undefined;
  engine(id: string): Candidate | undefined;
  engines(): readonly EngineStatus[];
  /** Whether an engine ranks last for every key. A request then waits for a better engine instead of using this one. */
  ranksLast(engineId: string): boolean;
  /** Records that an attempt begins. The number in flight decides between equal engines. */
  begin(engine: EngineRef): void;
  /** Records that an attempt ended. Failed connections feed the breaker; `answer`, if present, feeds the rank. */
  report(engine: EngineRef, end: AttemptEnd, answer?: EngineAnswer): void;
  onChange(f: () => void): Unsubscribe;
}
