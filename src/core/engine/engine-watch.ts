/**
 * Watches one engine: sends its probe every 5 s, less often while it is down, one probe at a time, and keeps the last
 * result. A server of unknown kind is identified first, and again when it stops answering as that kind.
 *
 * Owns its timer and its probe; `stop` ends both.
 */
import assert from 'node:assert';
import type { Clock, Unsubscribe } from '../clock.ts';
import { Breaker, type BreakerState } from './breaker.ts';
import type { EngineStatus } from './directory.ts';
import type { Engine, EngineRef, EngineState } from './engine.ts';
import { EngineRank, type RankState } from './engine-rank.ts';
import { type Health, isUp, nextHealth, unknownHealth } from './health.ts';
import type { EngineKindName } from './kinds.ts';
import type { CatalogEngine } from './model-catalog.ts';
import type { EngineLoad } from './model-plan.ts';
import type { EngineModel, ProbeDown, ProbeResult } from './probe.ts';

/** An engine from the configuration or from detection. */
export interface EngineSource {
  readonly ref: EngineRef;
  /** False: `ref.kind` is a guess until the server is identified. */
  readonly kindKnown: boolean;
}

/** One engine as a process knows it. */
export interface EngineFacts {
  readonly id: string;
  readonly url: string;
  readonly kind: EngineKindName;
  readonly state: EngineState;
  readonly models: readonly EngineModel[];
  readonly note?: string;
  readonly version?: string;
  readonly slots?: number;
  readonly breaker: BreakerState;
  readonly rank: RankState;
}

export interface WatchDeps {
  readonly clock: Clock;
  readonly makeEngine: (ref: EngineRef) => Engine;
  /** Identifies a server; never rejects. */
  readonly recognise: (ref: EngineRef, signal: AbortSignal) => Promise<EngineKindName | ProbeDown>;
  /** Finds a non-loopback address of this machine on which this engine also answers. Never rejects. */
  readonly exposure?: (ref: EngineRef, signal: AbortSignal) => Promise<string | undefined>;
  /** The result of its probes has changed. */
  readonly changed: () => void;
}

export const probeEveryMs = 5_000;
const longestPauseMs = 30_000;
const longestExposurePauseMs = 300_000;
/**
 * Ten times the size of the largest known lists. Limits the cost of a list: an unknown name is compared with all of it.
 */
const maxModels = 10_000;
/** Minimum time between the last probe and a probe out of turn, after a request met a dead engine. */
const soonestAgainMs = 1_000;

export class EngineWatch implements CatalogEngine {
  readonly source: EngineSource;
  readonly load: EngineLoad;
  /** Resolves after the first probe, or after `stop`. */
  readonly asked: Promise<void>;
  readonly #deps: WatchDeps;
  readonly #aborter = new AbortController();
  #engine: Engine;
  #kindKnown: boolean;
  #health: Health = unknownHealth;
  #models: readonly EngineModel[] = [];
  /** Unix seconds when a model was first seen, for engines that do not report its creation time. */
  readonly #firstSeen = new Map<string, number>();
  #version: string | undefined;
  #latencyMs: number | undefined;
  #slots: number | undefined;
  #exposedOn: string | undefined;
  #exposureDueMs = Number.NEGATIVE_INFINITY;
  #exposurePauseMs = probeEveryMs;
  #downSinceMs: number;
  #everUp = false;
  /** Doubled before it is first used. */
  #pauseMs = probeEveryMs / 2;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #probing = false;
  #timer: Unsubscribe = () => {};
  #wasAsked: () => void = () => {};

  constructor(source: EngineSource, deps: WatchDeps) {
    this.source = source;
    this.#deps = deps;
    this.#kindKnown = source.kindKnown;
    this.#engine = deps.makeEngine(source.ref);
    const nowMs = (): number => deps.clock.monotonicMs();
    this.load = {
      inFlight: 0,
      breaker: new Breaker(nowMs),
      rank: new EngineRank(nowMs),
      nextProbeAtMs: nowMs(),
    };
    this.#downSinceMs = nowMs();
    this.asked = new Promise((resolve) => {
      this.#wasAsked = resolve;
    });
  }

  get engine(): Engine {
    return this.#engine;
  }
  get state(): EngineState {
    return this.#health.state;
  }
  get models(): readonly EngineModel[] {
    return this.#models;
  }
  get slots(): number | undefined {
    return this.source.ref.slots ?? this.#slots;
  }
  get up(): boolean {
    return isUp(this.#health.state);
  }
  get everUp(): boolean {
    return this.#everUp;
  }
  /** How long the engine has been down; 0 while it is up. */
  get downForMs(): number {
    return this.up ? 0 : this.#deps.clock.monotonicMs() - this.#downSinceMs;
  }

  status(): EngineStatus {
    // The status is shown and logged, so the engine's key is left out.
    const { apiKey: _, ...ref } = this.#engine.ref;
    const rank = this.load.rank.reading;
    return {
      ref,
      state: this.#health.state,
      inFlight: this.load.inFlight,
      models: this.#models,
      breakerOpen: this.load.breaker.open,
      ...(rank === undefined ? {} : { rank }),
      ...(this.#version === undefined ? {} : { version: this.#version }),
      ...(this.#latencyMs === undefined ? {} : { latencyMs: this.#latencyMs }),
      ...(this.slots === undefined ? {} : { slots: this.slots }),
      ...(this.#health.note === undefined ? {} : { note: this.#health.note }),
      ...(this.#exposedOn === undefined ? {} : { exposedOn: this.#exposedOn }),
    };
  }

  /** What another process of flm needs to go on with this engine without asking it first. No secret is part of it. */
  exportState(): EngineFacts {
    const { state, note } = this.#health;
    return {
      id: this.source.ref.id,
      url: this.#engine.ref.url,
      kind: this.#engine.ref.kind,
      state,
      models: this.#models,
      ...(note === undefined ? {} : { note }),
      ...(this.#version === undefined ? {} : { version: this.#version }),
      ...(this.#slots === undefined ? {} : { slots: this.#slots }),
      breaker: this.load.breaker.exportState(),
      rank: this.load.rank.exportState(),
    };
  }

  /** Goes on from what another process knew. An answer that this process already has counts more. */
  importState(facts: EngineFacts): void {
    const { state, models, version, slots, note } = facts;
    if (this.#health === unknownHealth && (state === 'running' || state === 'degraded')) {
      if (!this.#kindKnown) {
        this.#engine = this.#deps.makeEngine({ ...this.source.ref, kind: facts.kind });
        this.#kindKnown = true;
      }
      this.#take({
        state,
        models,
        latencyMs: 0,
        ...(version === undefined ? {} : { version }),
        ...(slots === undefined ? {} : { slots }),
        ...(note === undefined ? {} : { note }),
      });
    }
    if (!this.up) return;
    this.load.breaker.importState(facts.breaker);
    this.load.rank.importState(facts.rank);
  }

  start(): void {
    // A request that came before the start may have sent a probe already.
    if (!this.#probing) this.#probe();
  }

  stop(): void {
    this.#aborter.abort();
    this.#timer();
    this.#wasAsked();
  }

  /** Sends a probe now, unless one was sent within the last second. */
  probeSoon(): void {
    const sinceMs = this.#deps.clock.monotonicMs() - this.#askedAtMs;
    if (!this.#probing && sinceMs >= soonestAgainMs) this.#probe();
  }

  #probe(): void {
    assert(!this.#probing, 'one probe at a time');
    if (this.#aborter.signal.aborted) return;
    this.#timer();
    this.#probing = true;
    this.#askedAtMs = this.#deps.clock.monotonicMs();
    void this.#ask().then((result) => {
      this.#probing = false;
      if (this.#aborter.signal.aborted) return;
      this.#take(result);
      this.#wait();
      this.#wasAsked();
    });
  }

  async #ask(): Promise<ProbeResult> {
    const { signal } = this.#aborter;
    if (!this.#kindKnown) {
      const kind = await this.#deps.recognise(this.source.ref, signal);
      if (typeof kind !== 'string') return kind;
      if (signal.aborted) return { state: 'down', reason: 'timeout', detail: 'no longer watched' };
      if (kind !== this.#engine.ref.kind) this.#engine = this.#deps.makeEngine({ ...this.source.ref, kind });
      this.#kindKnown = true;
    }
    return this.#engine.probe(signal);
  }

  #take(result: ProbeResult): void {
    const before = this.#health;
    this.#health = nextHealth(before, result);
    const wasUp = isUp(before.state);
    let changed = before.state !== this.#health.state || before.note !== this.#health.note;
    if (result.state === 'down') {
      if (wasUp && !this.up) this.#downSinceMs = this.#deps.clock.monotonicMs();
      if (result.reason === 'wrong' && !this.source.kindKnown) this.#kindKnown = false;
    } else {
      changed = this.#learn(result) || changed;
      this.load.rank.probed();
      if (!wasUp) this.#onUp();
      this.#checkExposure();
    }
    this.#pauseMs = this.up || wasUp ? probeEveryMs : Math.min(this.#pauseMs * 2, longestPauseMs);
    if (changed) this.#deps.changed();
  }

  /** Stores the result. Returns whether something changed. */
  #learn(result: Exclude<ProbeResult, ProbeDown>): boolean {
    this.#latencyMs = result.latencyMs;
    const models = this.#dated(result.models);
    const isPartial = result.partial === true;
    // An engine that is loading may list no models, and one that is busy may not tell their context: the previous list stays.
    const kept =
      (result.state === 'degraded' && models.length === 0) || (isPartial && sameIds(this.#models, models));
    // Without its slots, a busy engine would get every request at once.
    const version = isPartial ? (result.version ?? this.#version) : result.version;
    const slots = isPartial ? (result.slots ?? this.#slots) : result.slots;
    const changed =
      this.#version !== version || this.#slots !== slots || (!kept && !sameModels(this.#models, models));
    this.#version = version;
    this.#slots = slots;
    if (changed && !kept) this.#models = models;
    return changed;
  }

  #onUp(): void {
    this.#everUp = true;
    // The engine was restarted: earlier failures of attempts no longer count.
    this.load.breaker.reset();
    this.load.rank.cameBack();
    this.#exposureDueMs = Number.NEGATIVE_INFINITY;
    this.#exposurePauseMs = probeEveryMs;
  }

  /** Checks when the engine comes up, and again after growing pauses, because a busy machine can miss a check. */
  #checkExposure(): void {
    const { exposure, clock } = this.#deps;
    if (exposure === undefined || clock.monotonicMs() < this.#exposureDueMs) return;
    this.#exposureDueMs = clock.monotonicMs() + this.#exposurePauseMs;
    this.#exposurePauseMs = Math.min(this.#exposurePauseMs * 2, longestExposurePauseMs);
    void exposure(this.#engine.ref, this.#aborter.signal).then((address) => {
      if (this.#aborter.signal.aborted) return;
      // It stays so until the engine restarts; a later check that is missed must not take the warning away.
      if (address !== undefined) this.#exposureDueMs = Number.POSITIVE_INFINITY;
      if (address === this.#exposedOn) return;
      this.#exposedOn = address;
      this.#deps.changed();
    });
  }

  /** Each id once, at most `maxModels`, with its creation time or the time when it was first seen. */
  #dated(models: readonly EngineModel[]): readonly EngineModel[] {
    const now = Math.floor(this.#deps.clock.nowMs() / 1000);
    const byId = new Map<string, EngineModel>();
    for (const model of models) {
      if (byId.has(model.id)) continue;
      if (byId.size === maxModels) break;
      byId.set(model.id, {
        ...model,
        created: model.created ?? this.#firstSeen.get(model.id) ?? now,
      });
    }
    // An engine may list new names each time, so the memory of first sightings is limited.
    if (this.#firstSeen.size > maxModels) this.#firstSeen.clear();
    for (const { id, created } of byId.values()) this.#firstSeen.set(id, created ?? now);
    return [...byId.values()];
  }

  #wait(): void {
    const { clock } = this.#deps;
    this.load.nextProbeAtMs = clock.monotonicMs() + this.#pauseMs;
    this.#timer = clock.after(this.#pauseMs, () => this.#probe());
  }
}

function sameIds(a: readonly EngineModel[], b: readonly EngineModel[]): boolean {
  return a.length === b.length && a.every(({ id }, i) => id === b[i]?.id);
}

function sameModels(a: readonly EngineModel[], b: readonly EngineModel[]): boolean {
  return (
    a.length === b.length &&
    a.every((x, i) => {
      const y = b[i] as EngineModel;
      return (
        x.id === y.id &&
        x.contextLength === y.contextLength &&
        x.loaded === y.loaded &&
        x.created === y.created &&
        x.remote === y.remote &&
        x.ownedBy === y.ownedBy
      );
    })
  );
}
