/**
 * What flm knows about one kind of engine (one make of server), declared in one file per kind under `kinds/`.
 *
 * Everything else about kinds is derived from these declarations: the ports that detection asks, how a server is
 * recognised, which body fields the scanner collects, which scope an endpoint needs, and the tables in the docs.
 * A hazard can read only fields that its kind declares as watched: another field does not compile.
 */
import type { EngineModel, ProbeAnswer, ProbeClient, ProbeFault, ProbeResult } from './probe.ts';
import type { BodyFacts, RouteId, Scope } from './routes.ts';
import type { WatchedFacts } from './watched-fields.ts';

export interface EngineKind<Name extends string = string> {
  /** The value of `--kind`, and the beginning of ids that flm gives. */
  readonly name: Name;
  /** Name for people: "Ollama", "llama.cpp". */
  readonly title: string;
  /** Whether flm was tried against a running engine of this kind; otherwise the facts are from docs and sources. */
  readonly tried: boolean;
  /** In place of the name in ids, for a kind whose servers are of many makes: the port always follows. */
  readonly sharedIdStem?: string;
  /** How servers of this kind are found on this machine; absent: they are not looked for. */
  readonly detection?: EngineDetection;
  /** Routes of flm that servers of this kind answer. */
  readonly serves: ReadonlySet<RouteId>;
  /**
   * What each may be asked for through `/engine/{id}/*`. This is an allow-list: what it does not name needs the scope
   * `engine:admin`.
   */
  readonly native: readonly NativeRule[];
  /** Header field that carries the engine's own key: `authorization` as Bearer, or `x-api-key`. */
  readonly keyField: 'authorization' | 'x-api-key';
  /** Routes on which `stream_options.include_usage` adds one chunk to a stream, and changes none of the others. */
  readonly usageOnRequest: ReadonlySet<RouteId>;
  /**
   * One text for all spellings under which this engine finds a model, or undefined for what cannot be a name there.
   * Absent: it finds a model by exactly the id in its list.
   */
  nameKey?(name: string): string | undefined;
  /** Body fields, beside the one for the model, in which this engine takes names of further models. */
  readonly furtherModels?: readonly string[];
  /** Body fields that `hazard` reads. */
  readonly watches: readonly Watch[];
  /** What this request would do beyond answering (load, unload, pin, leave the machine, run tools), or undefined. */
  hazard(route: RouteId, facts: BodyFacts, model: EngineModel | undefined): Hazard | undefined;
  /** Asks one server of this kind how it is, which models it has, and what it says about slots and context. */
  probe(client: ProbeClient): Promise<ProbeResult>;
  readonly advice: EngineAdvice;
}

export interface EngineDetection {
  /** Ports on which servers of this kind listen by default; an engine found there needs no number in its id. */
  readonly ports: readonly number[];
  /** A path below which the API may stand on these ports, beside the root. */
  readonly prefix?: string;
  readonly variables?: EngineVariables;
  readonly program?: EngineProgram;
  /** Paths that `recognise` reads; `/health` and `/v1/models` are always asked. */
  readonly asks: readonly AskedPath[];
  /** Names of kinds that servers of this kind pass for; where both recognise a server, this kind wins. */
  readonly imitates?: readonly string[];
  /** The kind recognises servers of many makes: every other kind that recognises a server wins. */
  readonly generic?: true;
  /** What the server says about itself, if it is of this kind. Judged by bodies, not by the status. */
  recognise(answers: Answers): Recognised | undefined;
}

export interface AskedPath {
  readonly path: string;
  /** 64 KB unless this says more. */
  readonly maxBytes?: number;
}

/** Answers of one server, by the path that was asked. */
export interface Answers<Path extends string = string> {
  readonly answer: (path: Path | AlwaysAsked) => ProbeAnswer | ProbeFault;
  /** The JSON object of an answer with status 200. */
  readonly json: (path: Path | AlwaysAsked) => Readonly<Record<string, unknown>> | undefined;
  /** Items of the OpenAI list; undefined where the server gives none. */
  readonly models: readonly Readonly<Record<string, unknown>>[] | undefined;
}
export type AlwaysAsked = '/health' | '/v1/models';

export interface Recognised {
  readonly version?: string | undefined;
}

/** Environment variables that tell servers of a kind where to listen. */
export type EngineVariables =
  /** A host, a port or a URL in one text, as Go programs take them: `:8080`, `0.0.0.0`, `http://host`. */
  { readonly address: string } | { readonly host?: string; readonly port: string; readonly prefix?: string };

export interface EngineProgram {
  readonly name: string;
  /** The command that starts the server. */
  readonly startWith: string;
  /** Folders of the home folder in which an installer puts the program without changing the PATH. */
  readonly homeFolders?: readonly string[];
}

/** Sentences about servers of a kind. */
export interface EngineAdvice {
  /** How to make the server listen on this machine alone: completes "...; ADVICE." */
  readonly exposure: string;
  /** How a person makes the context of a model larger. */
  context(model: string, tokens: number): string;
  /** How a request asks the server to run MCP tools, for docs/security.md; absent: it is not known to run any. */
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
  /** Where its body names the model; `none` for reads. */
  readonly model: 'json' | 'none';
  readonly query?: readonly string[];
  /** False where its answers hold numbers and no text of a model. */
  readonly writesText?: false;
  /** The route of flm that is the same endpoint: hazards are judged as on it. Absent: as on `engine.native`. */
  readonly route?: RouteId;
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
    model: EngineModel | undefined,
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

/** Reads of the engine's own state. */
export function reads(...paths: readonly string[]): readonly NativeRule[] {
  return paths.map((path) => ({ method: 'GET', path, scope: 'engine:read', model: 'none' }));
}

/** Endpoints that generate text. `route`: the route of flm that is the same endpoint. */
export function infers(route: RouteId | undefined, ...paths: readonly string[]): readonly NativeRule[] {
  return paths.map((path) => ({ ...inference, path, ...(route === undefined ? {} : { route }) }));
}

/** Endpoints that answer with numbers: embeddings, tokens, scores. */
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
