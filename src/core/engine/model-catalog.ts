/**
 * Resolves model names to engines. A catalogue is an immutable snapshot. A new one is made when engines, their models,
 * their health or the aliases change. Loads and breakers are live, because the order of candidates depends on them.
 *
 * Names resolve in this order: `flm://engine/model`, exact alias, exact id, `engine/model` (model ids may contain
 * slashes, engine ids may not). On Ollama, `name` without a tag means `name:latest`, as Ollama itself reads it; a model
 * with exactly that name on another engine comes first. Last come models that an engine finds under another spelling
 * (`EngineKind.nameKey`): `MyModel` or `library/mymodel` for `mymodel:latest`. flm then sends the id to the engine, so
 * that the engine uses the same model as the rules.
 *
 * The model rules of a key are compared with the id that the engine gives the model, not with the client's text, so no
 * spelling bypasses them. Two other names count too: the name of an alias, because an owner who puts an alias into a
 * key's rules means that alias; and `name` for `name:latest`. Neither counts if it is also the id of another model.
 * Otherwise an alias that shadows an id would silently extend every key that may use that id.
 *
 * The hot path is three look-ups: key, route, name. Only existing names are cached, so invented names take no memory.
 */
import type { KeyView } from '../security/api-key.ts';
import { ConversationHomes, type ConversationReader } from './conversation-homes.ts';
import type { Candidate, CatalogEntry, ModelOnEngine, Resolution } from './directory.ts';
import type { Engine, EngineState, ModelAlias } from './engine.ts';
import { isUp } from './health.ts';
import {
  choose,
  type EngineLoad,
  type Member,
  makeMember,
  makePlan,
  type Plan,
  type PlanMembers,
  planMembers,
  type Target,
} from './model-plan.ts';
import { ModelSpellings, withTwinsOfRemote } from './model-spellings.ts';
import { nearNames } from './name-suggestions.ts';
import type { EngineModel } from './probe.ts';
import type { RouteId } from './routes.ts';

/** An engine as the catalogue reads it. `models` is the last known list, also while the engine is down. */
export interface CatalogEngine {
  readonly engine: Engine;
  readonly state: EngineState;
  readonly models: readonly EngineModel[];
  /** How many requests it handles at once; undefined: unlimited. */
  readonly slots?: number | undefined;
  readonly load: EngineLoad;
}

const scheme = 'flm://';
const latest = ':latest';
const maxRetryAfterSeconds = 30;

export class ModelCatalog {
  readonly #nowMs: () => number;
  readonly #homes: ConversationHomes;
  readonly #engines = new Map<string, Candidate>();
  readonly #loads: readonly EngineLoad[];
  readonly #anyUp: boolean;
  /** Engine id to model id to member. */
  readonly #byEngine = new Map<string, ReadonlyMap<string, Member>>();
  readonly #spellings = new ModelSpellings();
  readonly #byId = new Map<string, Target>();
  /** The short form `name` of Ollama's `name:latest`, if no model is called `name`. */
  readonly #shorthands = new Map<string, Target>();
  readonly #aliases = new Map<string, Target>();
  readonly #plans = new WeakMap<KeyView, Map<RouteId, Map<string, Plan>>>();
  /** By the members of a target. */
  readonly #planMembers = new WeakMap<readonly Member[], PlanMembers>();
  readonly #visible = new WeakMap<KeyView, readonly CatalogEntry[]>();
  readonly #useless = new WeakMap<KeyView, boolean>();
  /** All ids and aliases, sorted. Built for the first unknown name. */
  #names: readonly string[] | undefined;
  /** The same for one engine, by its id. */
  readonly #namesOn = new Map<string, readonly string[]>();

  constructor(
    engines: readonly CatalogEngine[],
    aliases: readonly ModelAlias[],
    nowMs: () => number,
    homes = new ConversationHomes(),
  ) {
    this.#nowMs = nowMs;
    this.#homes = homes;
    this.#loads = engines.map((e) => e.load);
    this.#anyUp = engines.some((e) => isUp(e.state));
    for (const [order, engine] of engines.entries()) this.#index(engine, order);
    for (const id of this.#byId.keys()) this.#indexShorthand(id);
    for (const alias of aliases) {
      const target = this.#findReal(alias.target) ?? this.#spelledOtherwise(alias.target)[0];
      if (target !== undefined) this.#aliases.set(alias.name, { ...target, alias: alias.name });
    }
  }

  engine(id: string): Candidate | undefined {
    return this.#engines.get(id);
  }

  resolve(
    name: string | undefined,
    route: RouteId,
    key: KeyView,
    conversation?: ConversationReader,
  ): Resolution {
    if (name === undefined) return this.#resolveUnnamed(route, key, conversation);
    const known = this.#plans.get(key)?.get(route)?.get(name);
    return known === undefined
      ? this.#resolveNamed(name, route, key, conversation)
      : this.#choose(known, key, conversation);
  }

  /** The models that the key may use now, by name: models of engines that are up, and aliases. */
  visible(key: KeyView): readonly CatalogEntry[] {
    const known = this.#visible.get(key);
    if (known !== undefined) return known;
    const entries: CatalogEntry[] = [];
    for (const target of [...this.#byId.values(), ...this.#aliases.values()]) {
      // An alias of the same name comes first, so the model cannot be reached under its id.
      if (target.alias === undefined && this.#aliases.has(target.id)) continue;
      const entry = this.#entry(target, key);
      if (entry !== undefined) entries.push(entry);
    }
    entries.sort((a, b) => (a.id < b.id ? -1 : 1));
    this.#visible.set(key, entries);
    return entries;
  }

  entry(name: string, key: KeyView): CatalogEntry | undefined {
    const exact = this.#find(name);
    for (const target of exact === undefined ? this.#spelledOtherwise(name) : [exact]) {
      const entry = this.#entry(target, key);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  modelOn(engineId: string, name: string, key: KeyView): ModelOnEngine {
    const models = this.#byEngine.get(engineId);
    const nameKey = this.#engines.get(engineId)?.engine.kind.nameKey;
    // The short form is sent unchanged, as everywhere.
    const listed = models?.get(name) ?? (nameKey === undefined ? undefined : models?.get(name + latest));
    const model = (listed ?? this.#memberSpelled(engineId, name))?.candidate.model;
    if (model === undefined) {
      if (!key.anyModel) return { kind: 'denied' };
      return { kind: 'unknown', near: this.#nearOn(engineId, name, key) };
    }
    const short = model.id.endsWith(latest) ? model.id.slice(0, -latest.length) : undefined;
    const mayUse =
      key.mayUseModel(model.id) ||
      (nameKey !== undefined && short !== undefined && models?.has(short) !== true && key.mayUseModel(short));
    if (!mayUse) return { kind: 'denied' };
    return { kind: 'found', model, upstreamName: listed === undefined ? model.id : name };
  }

  #nearOn(engineId: string, name: string, key: KeyView): readonly string[] {
    const models = this.#byEngine.get(engineId);
    const names = this.#namesOn.get(engineId) ?? [...(models?.keys() ?? [])].sort();
    this.#namesOn.set(engineId, names);
    const mayLeave = key.scopes.has('engine:admin');
    return nearNames(name, names, (id) => mayLeave || models?.get(id)?.candidate.model?.remote !== true);
  }

  // --- making the snapshot

  #index(e: CatalogEngine, order: number): void {
    const { id } = e.engine.ref;
    const up = isUp(e.state);
    const slots = e.slots === undefined ? {} : { slots: e.slots };
    const models = new Map<string, Member>();
    for (const model of withTwinsOfRemote(e.engine.kind, e.models)) {
      const member = makeMember({ engine: e.engine, model, state: e.state, ...slots }, e.load, up, order);
      models.set(model.id, member);
      const others = this.#byId.get(model.id)?.members ?? [];
      this.#byId.set(model.id, {
        id: model.id,
        alias: undefined,
        upstreamName: model.id,
        members: [...others, member],
      });
    }
    const { kind } = e.engine;
    if (kind.nameKey !== undefined) this.#spellings.add(id, kind.nameKey, models.keys());
    this.#engines.set(id, { engine: e.engine, model: undefined, state: e.state, ...slots });
    this.#byEngine.set(id, models);
  }

  #indexShorthand(id: string): void {
    if (!id.endsWith(latest)) return;
    const short = id.slice(0, -latest.length);
    if (this.#byId.has(short)) return;
    const target = this.#byId.get(id);
    const members = target?.members.filter((m) => m.candidate.engine.kind.nameKey !== undefined) ?? [];
    // The engine gets the name as the client wrote it, because its response repeats the name.
    if (members.length > 0)
      this.#shorthands.set(short, { id, alias: undefined, upstreamName: short, members });
  }

  // --- names

  #find(name: string): Target | undefined {
    if (name.startsWith(scheme)) return this.#findOnEngine(name.slice(scheme.length));
    return this.#aliases.get(name) ?? this.#findReal(name);
  }

  #findReal(name: string): Target | undefined {
    if (name.startsWith(scheme)) return this.#findOnEngine(name.slice(scheme.length));
    return this.#byId.get(name) ?? this.#shorthands.get(name) ?? this.#findOnEngine(name);
  }

  /** `engine/model`. */
  #findOnEngine(path: string): Target | undefined {
    const slash = path.indexOf('/');
    if (slash <= 0) return undefined;
    const models = this.#byEngine.get(path.slice(0, slash));
    const name = path.slice(slash + 1);
    const exact = models?.get(name);
    if (exact !== undefined) return { id: name, alias: undefined, upstreamName: name, members: [exact] };
    const tagged = models?.get(name + latest);
    if (tagged?.candidate.engine.kind.nameKey === undefined) return undefined;
    return { id: name + latest, alias: undefined, upstreamName: name, members: [tagged] };
  }

  /**
   * All models that engines find under `name` although no list contains that spelling, best first. A key may be limited
   * to one of them. Not cached, because one model has an unlimited number of spellings.
   */
  #spelledOtherwise(name: string): readonly Target[] {
    const onEngine = this.#spelledOnEngine(name.startsWith(scheme) ? name.slice(scheme.length) : name);
    if (onEngine !== undefined) return [onEngine];
    if (name.startsWith(scheme)) return [];
    return this.#spellings.ids(name).map((id) => this.#byId.get(id) as Target);
  }

  /** `engine/model`, if the engine finds the model under another spelling than its id. */
  #spelledOnEngine(path: string): Target | undefined {
    const slash = path.indexOf('/');
    if (slash <= 0) return undefined;
    const member = this.#memberSpelled(path.slice(0, slash), path.slice(slash + 1));
    const id = member?.candidate.model?.id;
    return member === undefined || id === undefined
      ? undefined
      : { id, alias: undefined, upstreamName: id, members: [member] };
  }

  #memberSpelled(engineId: string, name: string): Member | undefined {
    const id = this.#spellings.idOn(engineId, name);
    return id === undefined ? undefined : this.#byEngine.get(engineId)?.get(id);
  }

  #mayUse(key: KeyView, target: Target): boolean {
    if (key.anyModel || key.mayUseModel(target.id)) return true;
    if (target.alias !== undefined && !this.#byId.has(target.alias) && key.mayUseModel(target.alias))
      return true;
    if (!target.id.endsWith(latest)) return false;
    const short = target.id.slice(0, -latest.length);
    return this.#shorthands.has(short) && key.mayUseModel(short);
  }

  // --- answers

  #resolveNamed(
    name: string,
    route: RouteId,
    key: KeyView,
    conversation: ConversationReader | undefined,
  ): Resolution {
    if (this.#engines.size === 0) return { kind: 'none' };
    const exact = this.#find(name);
    for (const target of exact === undefined ? this.#spelledOtherwise(name) : [exact]) {
      const mine = this.#mayUse(key, target)
        ? target.members.filter((m) => key.mayUseEngine(m.candidate.engine.ref.id))
        : [];
      if (mine.length === 0) continue;
      const speaking = mine.filter((m) => m.candidate.engine.kind.serves.has(route));
      if (speaking.length === 0) return { kind: 'unsupported', speakers: this.#speakers(route, key) };
      // Shared only where nothing was left out: most keys may use every engine, and most engines serve every route.
      const isWhole = speaking.length === target.members.length;
      const members = isWhole ? this.#planMembersOf(target) : planMembers(speaking);
      const plan = makePlan(target, members, key.familyId);
      if (exact !== undefined) this.#remember(key, route, name, plan);
      return this.#choose(plan, key, conversation);
    }
    return this.#unknown(name, key);
  }

  #planMembersOf({ members }: Target): PlanMembers {
    let made = this.#planMembers.get(members);
    if (made === undefined) {
      made = planMembers(members);
      this.#planMembers.set(members, made);
    }
    return made;
  }

  #resolveUnnamed(route: RouteId, key: KeyView, conversation: ConversationReader | undefined): Resolution {
    if (this.#engines.size === 0) return { kind: 'none' };
    const visible = this.visible(key);
    const first = visible[0];
    if (first === undefined) return this.#unknown('', key);
    const meant = first.aliasOf ?? first.id;
    const ambiguous = visible.some((e) => (e.aliasOf ?? e.id) !== meant);
    if (ambiguous) return { kind: 'unnamed', visible: visible.map((e) => e.id) };
    const id = visible.find((e) => e.aliasOf === undefined)?.id ?? first.id;
    return this.resolve(id, route, key, conversation);
  }

  #unknown(name: string, key: KeyView): Resolution {
    if (!(key.anyModel && key.anyEngine) && this.#mayUseNone(key)) return { kind: 'denied' };
    // While no engine is up, it is unknown whether one has the model.
    if (!this.#anyUp) return this.#down(this.#loads);
    if (name === '') return { kind: 'unnamed', visible: this.visible(key).map((e) => e.id) };
    this.#names ??= [...new Set([...this.#byId.keys(), ...this.#aliases.keys()])].sort();
    const mayOffer = (id: string): boolean => {
      const target = this.#aliases.get(id) ?? this.#byId.get(id);
      return target !== undefined && this.#entry(target, key) !== undefined;
    };
    return { kind: 'unknown', near: nearNames(name, this.#names, mayOffer) };
  }

  /** Whether there are models, but the key may use none of them. */
  #mayUseNone(key: KeyView): boolean {
    let none = this.#useless.get(key);
    if (none === undefined) {
      const mayUse = (t: Target): boolean =>
        this.#mayUse(key, t) && t.members.some((m) => key.mayUseEngine(m.candidate.engine.ref.id));
      none = this.#byId.size > 0 && !this.#byId.values().some(mayUse) && !this.#aliases.values().some(mayUse);
      this.#useless.set(key, none);
    }
    return none;
  }

  #speakers(route: RouteId, key: KeyView): readonly string[] {
    const ids: string[] = [];
    for (const [id, { engine, state }] of this.#engines) {
      if (isUp(state) && engine.kind.serves.has(route) && key.mayUseEngine(id)) ids.push(id);
    }
    return ids;
  }

  #choose(plan: Plan, key: KeyView, conversation: ConversationReader | undefined): Resolution {
    const { members, only } = plan;
    const { up, down, samples } = members;
    if (only !== undefined) {
      return (up[0] as Member).load.breaker.allows() ? only : this.#down(up.map((m) => m.load));
    }
    const known = conversation?.();
    const home = known === undefined ? undefined : this.#homes.homeOf(plan.seed, known);
    const candidates = choose(members, key.familyId, home);
    if (candidates === undefined) return this.#down([...up, ...down].map((m) => m.load));
    const { name, upstreamName } = plan;
    return { kind: 'found', name, upstreamName, candidates, samples, home };
  }

  #down(loads: readonly EngineLoad[]): Resolution {
    const now = this.#nowMs();
    let waitMs = maxRetryAfterSeconds * 1000;
    for (const load of loads) {
      waitMs = Math.min(waitMs, load.breaker.open ? load.breaker.waitMs() : load.nextProbeAtMs - now);
    }
    return { kind: 'down', retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) };
  }

  #remember(key: KeyView, route: RouteId, name: string, plan: Plan): void {
    let routes = this.#plans.get(key);
    if (routes === undefined) {
      routes = new Map();
      this.#plans.set(key, routes);
    }
    const names = routes.get(route);
    if (names === undefined) routes.set(route, new Map([[name, plan]]));
    else names.set(name, plan);
  }

  /** Undefined if the key may not use the model, or if no engine that is up has it. */
  #entry(target: Target, key: KeyView): CatalogEntry | undefined {
    if (!this.#mayUse(key, target)) return undefined;
    const mayLeave = key.scopes.has('engine:admin');
    const engines = target.members
      .filter((m) => m.up && key.mayUseEngine(m.candidate.engine.ref.id))
      // A model is not offered if its use would be refused for leaving the machine.
      .filter((m) => mayLeave || m.candidate.model?.remote !== true)
      .map((m) => m.candidate);
    const owner = engines[0]?.engine.ref.id;
    if (owner === undefined) return undefined;
    const lengths = engines.flatMap((c) => c.model?.contextLength ?? []);
    return {
      id: target.alias ?? target.id,
      owner,
      created: Math.min(...engines.map((c) => c.model?.created ?? 0)),
      // A request may go to any of them.
      ...(lengths.length === 0 ? {} : { contextLength: Math.min(...lengths) }),
      ...(target.alias === undefined ? {} : { aliasOf: target.id }),
      engines,
    };
  }
}
