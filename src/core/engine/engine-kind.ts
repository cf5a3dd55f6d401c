/**
 * The facts about one kind of engine (one server software), declared in one file per kind under `kinds/`.
 *
 * All other facts about kinds are derived from these declarations: the ports that detection probes, how a server is
 * recognised, which body fields the scanner collects, which scope an endpoint needs, and the tables in the docs. A
 * hazard can read only fields that its kind declares as watched: another field does not compile.
 */
import type { EngineModel, ProbeAnswer, ProbeClient, ProbeFault, ProbeResult } from './probe.ts';
import type { BodyFacts, RouteId, Scope } from './routes.ts';
import type { WatchedFacts } from './watched-fields.ts';

export interface EngineKind<Name extends string = string> {
  /** The value of `--kind`, and the beginning of ids that flm generates. */
  readonly name: Name;
  /** Name for people: "Ollama", "llama.cpp". */
  readonly title: string;
  /** Whether flm was tested with a running engine of this kind. Otherwise the facts come from docs and sources. */
  readonly tried: boolean;
  /** Replaces the name in ids, for a kind that covers different servers. The port always follows. */
  readonly sharedIdStem?: string;
  /** How servers of this kind are found on this machine. Absent: they are not searched for. */
  readonly detection?: EngineDetection;
  /** Routes of flm that servers of this kind support. */
  readonly serves: ReadonlySet<RouteId>;
  /**
   * The endpoints that `/engine/{id}/*` may call. This is an allow-list: an endpoint that is not listed needs the scope
   * `engine:admin`.
   */
  readonly native: readonly NativeRule[];
  /** Header field that carries the engine's own key: `authorization` as Bearer, or `x-api-key`. */
  readonly keyField: 'authorization' | 'x-api-key';
  /** Routes on which `stream_options.include_usage` adds one chunk to a stream and changes no other chunk. */
  readonly usageOnRequest: ReadonlySet<RouteId>;
  /**
   * Returns the same text for all spellings under which this engine finds a model, or undefined if the text cannot be a
   * name on this engine. Absent: the engine finds a model only by the exact id in its list.
   */
  nameKey?(name: string): string | undefined;
  /** Body fields, besides the model's, in which this engine accepts names of further models. */
  readonly furtherModels?: readonly string[];
  /** Body fields that `hazard` reads. */
  readonly watches: readonly Watch[];
  /**
   * The side effect of this request besides its answer (load, unload, pin, leave the machine, run tools), or undefined.
   */
  hazard(route: RouteId, facts: BodyFacts, model: HazardModel | undefined): Hazard | undefined;
  /** Queries one server of this kind for its health, its models, its slots and its context length. */
  probe(client: ProbeClient): Promise<ProbeResult>;
  readonly advice: EngineAdvice;
}

export interface EngineDetection {
  /** Ports on which servers of this kind listen by default. An engine found there needs no number in its id. */
  readonly ports: readonly number[];
  /** A path below which the API may be on these ports, besides the root. */
  readonly prefix?: string;
  readonly variables?: EngineVariables;
  readonly program?: EngineProgram;
  /** Paths that `recognise` reads. `/health` and `/v1/models` are always requested. */
  readonly asks: readonly AskedPath[];
  /** Kinds that servers of this kind imitate. If both recognise a server, this kind wins. */
  readonly imitates?: readonly string[];
  /** The kind recognises different servers: every other kind that recognises a server wins. */
  readonly generic?: true;
  /**
   * Returns the facts that the server reports, if it is of this kind. Decided by response bodies, not by the status.
   */
  recognise(answers: Answers): Recognised | undefined;
}

export interface AskedPath {
  readonly path: string;
  /** The default is 64 KB. */
  readonly maxBytes?: number;
}

/** Responses of one server, by requested path. */
export interface Answers<Path extends string = string> {
  readonly answer: (path: Path | AlwaysAsked) => ProbeAnswer | ProbeFault;
  /** The JSON object of a response with status 200. */
  readonly json: (path: Path | AlwaysAsked) => Readonly<Record<string, unknown>> | undefined;
  /** Items of the OpenAI list; undefined if the server has no such list. */
  readonly models: readonly Readonly<Record<string, unknown>>[] | undefined;
}
export type AlwaysAsked = '/health' | '/v1/models';

export interface Recognised {
  readonly version?: string | undefined;
}

/** Environment variables that set where servers of a kind listen. */
export type EngineVariables =
  /** A host, a port or a URL in one text, as Go programs accept it: `:8080`, `0.0.0.0`, `http://host`. */
  { readonly address: string } | { readonly host?: string; readonly port: string; readonly prefix?: string };

export interface EngineProgram {
  readonly name: string;
  /** The command that starts the server. */
  readonly startWith: string;
  /** Folders below the home folder in which an installer puts the program without changing PATH. */
  readonly homeFolders?: readonly string[];
}

/** Advice about servers of a kind. */
export interface EngineAdvice {
  /** How to make the server listen only on this machine. Completes "...; ADVICE." */
  readonly exposure: string;
  /** How the user increases the context length of a model. */
  context(model: string, tokens: number): string;
  /** How a request makes the server run MCP tools, for docs/security.md. Absent: no way is known. */
  readonly mcp?: string;
}

/** Body fields that a hazard reads, on some routes or (without `on`) on every route. */
export interface Watch<Field extends string = string> {
  readonly on?: readonly RouteId[];
  readonly fields: readonly Field[];
}

/** One harmless endpoint of an engine's own API. `path` is exact, or ends in `/{id}` for one more segment. */
export interface NativeRule {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'DELETE';
  readonly path: string;
  readonly scope: Scope;
  /** Where the body names the model; `none` for reads. */
  readonly model: 'json' | 'none';
  readonly query?: readonly string[];
  /** False if the responses hold numbers and no generated text. */
  readonly writesText?: false;
  /** The route of flm for the same endpoint: hazards are judged as on that route. Absent: as on `engine.native`. */
  readonly route?: RouteId;
}

/** What a hazard may depend on. Models that are equal in this have the same hazards: see `isSameToHazards`. */
export type HazardModel = Pick<EngineModel, 'id' | 'contextLength' | 'remote'>;

/** The part of a candidate on which a hazard depends. */
interface HazardPlace {
  readonly engine: { readonly kind: EngineKind };
  readonly model: HazardModel | undefined;
}

/** Whether a request to these two engines is the same hazard, or none. */
export function isSameToHazards(a: HazardPlace, b: HazardPlace): boolean {
  const [x, y] = [a.model, b.model];
  return (
    a.engine.kind === b.engine.kind &&
    x?.id === y?.id &&
    x?.contextLength === y?.contextLength &&
    x?.remote === y?.remote
  );
}

/** `does` completes "This request would ...". */
export interface Hazard {
  readonly does: string;
}

/** A kind as its file declares it: the types of `watches` and `asks` limit what `hazard` and `recognise` may read. */
type KindDeclaration<Name extends string, Field extends string, Path extends string> = Omit<
  EngineKind<Name>,
  'watches' | 'hazard' | 'detection'
> & {
  readonly watches: readonly Watch<Field>[];
  hazard(
    route: RouteId,
    facts: WatchedFacts<NoInfer<Field>>,
    model: HazardModel | undefined,
  ): Hazard | undefined;
  readonly detection?: Omit<EngineDetection, 'asks' | 'recognise'> & {
    readonly asks: readonly (AskedPath & { readonly path: Path })[];
    recognise(answers: Answers<NoInfer<Path>>): Recognised | undefined;
  };
};

export function defineKind<
  const Name extends string,
  const Field extends string = never,
  const Path extends string = never,
>(declaration: KindDeclaration<Name, Field, Path>): EngineKind<Name> {
  return declaration;
}

/** Endpoints that read the engine's own state. */
export function reads(...paths: readonly string[]): readonly NativeRule[] {
  return paths.map((path) => ({ method: 'GET', path, scope: 'engine:read', model: 'none' }));
}

/** Endpoints that generate text. `route`: the route of flm for the same endpoint. */
export function infers(route: RouteId | undefined, ...paths: readonly string[]): readonly NativeRule[] {
  return paths.map((path) => ({ ...inference, path, ...(route === undefined ? {} : { route }) }));
}

/** Endpoints that return numbers: embeddings, tokens, scores. */
export function computes(...paths: readonly string[]): readonly NativeRule[] {
  return paths.map((path) => ({ ...inference, path, writesText: false }));
}

const inference = { method: 'POST', scope: 'inference', model: 'json' } as const;

const openaiPaths = {
  'chat.completions': '/v1/chat/completions',
  completions: '/v1/completions',
  embeddings: '/v1/embeddings',
  'responses.create': '/v1/responses',
  messages: '/v1/messages',
  'messages.count-tokens': '/v1/messages/count_tokens',
} as const satisfies Partial<Record<RouteId, string>>;

/** The usual paths of OpenAI's and Anthropic's APIs. */
export function infersOpenai(...routes: readonly (keyof typeof openaiPaths)[]): readonly NativeRule[] {
  return routes.flatMap((route) => infers(route, openaiPaths[route]));
}

/** The header field with an engine's own key, with its CRLF; empty if the engine has no key. */
export function keyField(name: EngineKind['keyField'], key: string | undefined): string {
  if (key === undefined) return '';
  return name === 'x-api-key' ? `x-api-key: ${key}\r\n` : `authorization: Bearer ${key}\r\n`;
}
