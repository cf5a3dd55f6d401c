/**
 * Manages the engines of a proxy: the list of engines, their health, and which of them serve a model name.
 *
 * Engines come from a fixed list, or from the saved engines and detection (repeated every 30 s). A detected engine that
 * stays silent is forgotten after 15 minutes. The demo engine is visible only until another engine has been up. Changes
 * by `configure` are live: an unchanged engine keeps its health, its models and its breaker. The number of requests in
 * flight is kept even if an engine is replaced.
 *
 * `resolve` reads one snapshot and awaits nothing; the snapshot is replaced as a whole. After `stop` no timer and no
 * probe is left, and detection has ended.
 */
import assert from 'node:assert';
import type { Clock, Unsubscribe } from '../clock.ts';
import { isLoopbackHost } from '../loopback.ts';
import type { KeyView } from '../security/api-key.ts';
import { type ConversationHome, ConversationHomes, type ConversationReader } from './conversation-homes.ts';
import type {
  Candidate,
  CatalogEntry,
  EngineDirectory,
  EngineStatus,
  ModelOnEngine,
  Resolution,
} from './directory.ts';
import type { AttemptEnd, EngineRef, ModelAlias } from './engine.ts';
import type { EngineAnswer } from './engine-rank.ts';
import { type EngineFacts, type EngineSource, EngineWatch, type WatchDeps } from './engine-watch.ts';
import { ModelCatalog } from './model-catalog.ts';
import type { RouteId } from './routes.ts';

export interface EngineServiceDeps extends Omit<WatchDeps, 'changed'> {
  readonly clock: Clock;
  /**
   * Searches for engines on this machine. `watched` are the engines that are up: they need no second probe, and their
   * ids are taken. Absent: the list is fixed. Never rejects.
   */
  readonly detect?: (watched: readonly EngineRef[], signal: AbortSignal) => Promise<readonly EngineRef[]>;
}

/** What may change while a proxy runs. Absent parts stay unchanged. */
export interface EngineChange {
  readonly sources?: readonly EngineSource[];
  readonly aliases?: readonly ModelAlias[];
}

const lookEveryMs = 30_000;
const forgetAfterMs = 15 * 60_000;
/** How long a start waits for first responses. A saved engine may be on a machine that is off. */
const firstLookMs = 300;
/** How much longer it waits for engines on this machine: they answer within milliseconds, unless the machine is busy. */
const furtherLookMs = 1_200;

export class EngineService implements EngineDirectory {
  readonly #deps: EngineServiceDeps;
  readonly #aborter = new AbortController();
  readonly #listeners = new Set<() => void>();
  /** By id, in the order in which they were configured or detected. */
  readonly #named = new Map<string, EngineWatch>();
  readonly #detected = new Map<string, EngineWatch>();
  #demo: EngineWatch | undefined;
  #byId: ReadonlyMap<string, EngineWatch> = new Map();
  /** Engines on which requests of one key failed, until the cause is known. */
  readonly #suspects = new Set<EngineWatch>();
  /** Requests in flight on engines that have since been replaced or removed. */
  readonly #orphans = new Map<string, number>();
  #aliases: readonly ModelAlias[] = [];
  readonly homes = new ConversationHomes();
  #catalog: ModelCatalog;
  #started = false;
  #looking: Promise<void> | undefined;
  #stopLooking: Unsubscribe = () => {};

  constructor(deps: EngineServiceDeps) {
    this.#deps = deps;
    this.#catalog = this.#makeCatalog([]);
  }

  /** Applies a change as a whole. */
  configure(change: EngineChange): void {
    if (change.aliases !== undefined) this.#aliases = change.aliases;
    if (change.sources !== undefined) this.#setSources(change.sources);
    this.#rebuild();
  }

  /** Sets the demo engine, which is visible while no other engine has been up; undefined removes it. */
  setDemo(ref: EngineRef | undefined): void {
    this.#demo?.stop();
    this.#demo = ref === undefined ? undefined : this.#watch({ ref, kindKnown: true });
    this.#rebuild();
  }

  /**
   * Resolves when every engine was probed once. Waits at most 0.3 s for engines on other machines and 1.5 s for those on
   * this machine. An aborted signal acts like `stop`.
   */
  async start(signal: AbortSignal): Promise<void> {
    assert(!this.#started, 'an engine service starts once');
    this.#started = true;
    if (signal.aborted) return this.stop();
    signal.addEventListener('abort', () => this.stop(), { once: true, signal: this.#aborter.signal });
    for (const watch of this.#all()) watch.start();
    const { clock, detect } = this.#deps;
    if (detect !== undefined) this.#stopLooking = clock.every(lookEveryMs, () => void this.look());
    const look = this.look();
    const asked = async (isMeant: (ref: EngineRef) => boolean): Promise<void> => {
      await look;
      await Promise.all([...this.#all()].filter((w) => isMeant(w.source.ref)).map((w) => w.asked));
    };
    await this.#atMost(
      firstLookMs,
      asked(() => true),
    );
    await this.#atMost(furtherLookMs, asked(isOnThisMachine));
  }

  stop(): void {
    this.#aborter.abort();
    this.#stopLooking();
    for (const watch of this.#all()) watch.stop();
  }

  /** What another process of flm needs to go on with these engines without asking them first. */
  exportState(): readonly EngineFacts[] {
    return [...this.#byId.values()]
      .filter((watch) => watch.source.ref.origin !== 'demo')
      .map((watch) => watch.exportState());
  }

  /** Goes on from what another process knew of the engines that this one has too. */
  importState(engines: readonly EngineFacts[]): void {
    for (const facts of engines) {
      const watch = this.#byId.get(facts.id);
      if (watch?.source.ref.url === facts.url) watch.importState(facts);
    }
    this.#rebuild();
  }

  /** Runs detection now; concurrent calls share one run. */
  look(): Promise<void> {
    const { detect } = this.#deps;
    if (detect === undefined || this.#aborter.signal.aborted) return Promise.resolve();
    this.#looking ??= this.#look(detect).finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  // --- EngineDirectory

  resolve(
    name: string | undefined,
    route: RouteId,
    key: KeyView,
    conversation?: ConversationReader,
  ): Resolution {
    const resolution = this.#catalog.resolve(name, route, key, conversation);
    // A client waits for an engine that was down. Probe now, because it may be up again.
    if (resolution.kind === 'down') for (const watch of this.#byId.values()) if (!watch.up) watch.probeSoon();
    return resolution;
  }

  responseHome(responseId: string, key: KeyView): ConversationHome {
    return this.homes.ofResponse(responseId, key.familyId);
  }

  modelOn(engineId: string, name: string, key: KeyView): ModelOnEngine {
    return this.#catalog.modelOn(engineId, name, key);
  }

  visible(key: KeyView): readonly CatalogEntry[] {
    return this.#catalog.visible(key);
  }

  entry(name: string, key: KeyView): CatalogEntry | undefined {
    return this.#catalog.entry(name, key);
  }

  engine(id: string): Candidate | undefined {
    return this.#catalog.engine(id);
  }

  engines(): readonly EngineStatus[] {
    return [...this.#byId.values()].map((watch) => watch.status());
  }

  begin(engine: EngineRef): void {
    const watch = this.#byId.get(engine.id);
    if (watch === undefined) {
      this.#orphans.set(engine.id, (this.#orphans.get(engine.id) ?? 0) + 1);
      return;
    }
    watch.load.inFlight += 1;
    watch.load.breaker.begin();
    watch.load.rank.begin();
  }

  ranksLast(engineId: string): boolean {
    return this.#byId.get(engineId)?.load.rank.ranksLast === true;
  }

  report(engine: EngineRef, end: AttemptEnd, answer?: EngineAnswer): void {
    const watch = this.#byId.get(engine.id);
    if (watch === undefined) {
      const left = (this.#orphans.get(engine.id) ?? 0) - 1;
      assert(left >= 0, 'an attempt that ends has begun');
      if (left === 0) this.#orphans.delete(engine.id);
      else this.#orphans.set(engine.id, left);
      return;
    }
    assert(watch.load.inFlight > 0, 'an attempt that ends has begun');
    watch.load.inFlight -= 1;
    // An attempt on the server that had this id before says nothing about the current one.
    if (watch.engine.ref.url !== engine.url) return;
    const wasOpen = watch.load.breaker.open;
    watch.load.breaker.record(end);
    if (watch.load.breaker.open !== wasOpen) this.#notify();
    // Only a probe can decide that it is down.
    if (end === 'refused-connection') watch.probeSoon();
    // A response to a key that was replaced says nothing about the new key.
    if (watch.engine.ref.apiKey === engine.apiKey) this.#rank(watch, answer);
  }

  onChange(f: () => void): Unsubscribe {
    this.#listeners.add(f);
    return () => this.#listeners.delete(f);
  }

  #rank(watch: EngineWatch, answer: EngineAnswer | undefined): void {
    const { rank } = watch.load;
    if (rank.record(answer)) this.#rankChanged(watch);
    if (rank.suspected) this.#suspects.add(watch);
    else if (this.#suspects.size > 0) this.#suspects.delete(watch);
    if (answer?.verdict !== 'good') return;
    const twin = watch.source.ref.id;
    for (const suspect of this.#suspects) {
      if (suspect === watch || !suspect.load.rank.twinAnswered(answer.family, answer.model, twin)) continue;
      this.#suspects.delete(suspect);
      this.#rankChanged(suspect);
    }
  }

  #rankChanged(watch: EngineWatch): void {
    // A probe confirms the fall, or finds that the engine is down.
    if (watch.load.rank.ranksLast) watch.probeSoon();
    this.#notify();
  }

  // --- which engines there are

  #setSources(sources: readonly EngineSource[]): void {
    const before = new Map(this.#named);
    this.#named.clear();
    for (const source of sources) {
      assert(!this.#named.has(source.ref.id), 'ids of engines are unique');
      const watch = before.get(source.ref.id);
      const same = watch !== undefined && sameSource(watch.source, source);
      this.#named.set(source.ref.id, same ? watch : this.#watch(source));
      if (same) before.delete(source.ref.id);
    }
    for (const watch of before.values()) watch.stop();
    for (const [id, watch] of this.#detected) {
      const named = [...this.#named.values()].some(
        (n) => n.source.ref.id === id || samePlace(n.source.ref, watch.source.ref),
      );
      if (named) this.#forget(id, watch);
    }
  }

  #watch(source: EngineSource): EngineWatch {
    const watch = new EngineWatch(source, { ...this.#deps, changed: () => this.#rebuild() });
    if (this.#started && !this.#aborter.signal.aborted) watch.start();
    return watch;
  }

  async #look(detect: NonNullable<EngineServiceDeps['detect']>): Promise<void> {
    const watched = [...this.#named.values(), ...this.#detected.values()]
      .filter((w) => w.up || w.source.ref.origin !== 'detected')
      .map((w) => w.engine.ref);
    const found = await detect(watched, this.#aborter.signal);
    if (this.#aborter.signal.aborted) return;
    let changed = false;
    for (const ref of found) changed = this.#addDetected(ref) || changed;
    for (const [id, watch] of this.#detected) {
      if (watch.downForMs < forgetAfterMs) continue;
      this.#forget(id, watch);
      changed = true;
    }
    if (changed) this.#rebuild();
  }

  #addDetected(ref: EngineRef): boolean {
    if (this.#named.has(ref.id)) return false;
    for (const { source } of this.#named.values()) if (samePlace(source.ref, ref)) return false;
    for (const [id, watch] of this.#detected) {
      if (!samePlace(watch.source.ref, ref) && id !== ref.id) continue;
      if (samePlace(watch.source.ref, ref) && watch.source.ref.kind === ref.kind) {
        watch.probeSoon();
        return false;
      }
      // The id now belongs to another server.
      if (watch.up) return false;
      this.#forget(id, watch);
    }
    this.#detected.set(ref.id, this.#watch({ ref, kindKnown: true }));
    return true;
  }

  #forget(id: string, watch: EngineWatch): void {
    watch.stop();
    this.#detected.delete(id);
  }

  *#all(): Iterable<EngineWatch> {
    yield* this.#named.values();
    yield* this.#detected.values();
    if (this.#demo !== undefined) yield this.#demo;
  }

  async #atMost(ms: number, asked: Promise<void>): Promise<void> {
    let cancel: Unsubscribe = () => {};
    const late = new Promise<void>((resolve) => {
      cancel = this.#deps.clock.after(ms, resolve);
    });
    await Promise.race([asked, late]);
    cancel();
  }

  // --- the snapshot

  #rebuild(): void {
    const real = [...this.#named.values(), ...this.#detected.values()];
    const showsDemo = this.#demo !== undefined && !real.some((w) => w.everUp);
    const watches = showsDemo ? [...real, this.#demo as EngineWatch] : real;
    const byId = new Map(watches.map((w) => [w.source.ref.id, w]));
    this.#carryInFlight(byId);
    this.#byId = byId;
    for (const suspect of this.#suspects)
      if (byId.get(suspect.source.ref.id) !== suspect) this.#suspects.delete(suspect);
    this.#catalog = this.#makeCatalog([...byId.values()]);
    this.#notify();
  }

  #makeCatalog(engines: readonly EngineWatch[]): ModelCatalog {
    return new ModelCatalog(engines, this.#aliases, () => this.#deps.clock.monotonicMs(), this.homes);
  }

  /** Running requests are counted by engine id, even if another engine now has that id. */
  #carryInFlight(now: ReadonlyMap<string, EngineWatch>): void {
    for (const [id, watch] of this.#byId) {
      if (now.get(id) === watch || watch.load.inFlight === 0) continue;
      this.#orphans.set(id, (this.#orphans.get(id) ?? 0) + watch.load.inFlight);
      watch.load.inFlight = 0;
    }
    for (const [id, count] of this.#orphans) {
      const watch = now.get(id);
      if (watch === undefined) continue;
      watch.load.inFlight += count;
      this.#orphans.delete(id);
    }
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}

function sameSource(a: EngineSource, b: EngineSource): boolean {
  return (
    a.kindKnown === b.kindKnown &&
    (!a.kindKnown || a.ref.kind === b.ref.kind) &&
    a.ref.url === b.ref.url &&
    a.ref.origin === b.ref.origin &&
    a.ref.apiKey === b.ref.apiKey &&
    a.ref.slots === b.ref.slots &&
    samePlace(a.ref, b.ref)
  );
}

function samePlace(a: EngineRef, b: EngineRef): boolean {
  const [x, y] = [a.address, b.address];
  if (x.path !== y.path || x.tls !== y.tls || x.socketPath !== y.socketPath) return false;
  if (x.authority !== y.authority) return false;
  return x.socketPath !== undefined || (x.host === y.host && x.port === y.port);
}

/** A detected engine is on this machine, as is the demo engine, which has a Unix socket. */
function isOnThisMachine({ origin, address }: EngineRef): boolean {
  return origin === 'detected' || address.socketPath !== undefined || isLoopbackHost(address.host);
}
