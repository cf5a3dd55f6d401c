/**
 * The names of the routes that clients can call. The gateway's route table has a row for each. An engine kind lists the
 * routes that its servers support. This file has only names, so that the domain needs no paths.
 */

/** Routes that engines serve. */
export const engineRouteIds = [
  'models.list',
  'models.get',
  'chat.completions',
  'completions',
  'embeddings',
  'responses.create',
  'responses.get',
  'responses.delete',
  'responses.cancel',
  'responses.input-items',
  'responses.input-tokens',
  'responses.compact',
  'messages',
  'messages.count-tokens',
  'rerank',
  'score',
  'audio.speech',
  'audio.transcriptions',
  'audio.translations',
  'images.generations',
  'images.edits',
  'images.variations',
  'ollama.version',
  'ollama.tags',
  'ollama.ps',
  'ollama.show',
  'ollama.chat',
  'ollama.generate',
  'ollama.embed',
  'ollama.embeddings',
] as const;
export type EngineRouteId = (typeof engineRouteIds)[number];

/** Routes that no kind of engine lists: flm answers them, or finds the engine by its id in the path. */
const ownRouteIds = [
  'engine.native',
  'root',
  'health',
  'ready',
  'metrics',
  'me',
  'share.redeem',
  'admin',
  'files',
] as const;
export type OwnRouteId = (typeof ownRouteIds)[number];

export const routeIds = [...engineRouteIds, ...ownRouteIds] as const;
export type RouteId = EngineRouteId | OwnRouteId;

/** The permissions of a key for the admin API. `admin` includes `admin:read`. A key has them only if asked for by name. */
export const adminScopes = ['admin:read', 'admin'] as const;
export type AdminScope = (typeof adminScopes)[number];

/** The permissions of a key. `inference` is the default. */
export const scopes = ['inference', 'engine:read', 'engine:admin', 'metrics', ...adminScopes] as const;
export type Scope = (typeof scopes)[number];

/** The shape of errors and events that a route speaks. */
export const dialects = ['openai', 'responses', 'anthropic', 'ollama'] as const;
export type Dialect = (typeof dialects)[number];

/** Where a field can be inserted before all others of a JSON object: after its opening brace. */
export interface FieldPlace {
  readonly at: number;
  /** The object has no members, so the new one is not followed by a comma. */
  readonly empty: boolean;
}

/** Byte positions in the list of messages of a body. A message ends where its comma or the end of the list is. */
export interface FirstMessages {
  readonly from: number;
  readonly firstEnd: number;
  /** Undefined if there is one message. */
  readonly secondEnd: number | undefined;
}

/** A model name in a body, unescaped, and the byte range of its value, quotes included. */
export interface NamedModel {
  readonly name: string;
  readonly range: readonly [from: number, to: number];
}

/**
 * The facts about a request body that the rules need. The scanner extracts them; they never come from a parsed copy.
 */
export interface BodyFacts {
  /** The `model` value as the client wrote it, unescaped; undefined if the body names no model. */
  readonly model: string | undefined;
  /** Byte range of the model's value in the body, quotes included, for replacing it; undefined without a model. */
  readonly modelRange: readonly [from: number, to: number] | undefined;
  /** Undefined for a form. */
  readonly fieldPlace?: FieldPlace;
  /** The field `name`, which Ollama accepts for the model too. Set only if the route reads it and the body has it. */
  readonly alsoNamed?: NamedModel;
  /** Set only if the route reads messages and the body has a list of them. */
  readonly firstMessages?: FirstMessages | undefined;
  /** Whether the request asks for an event stream; undefined if the body does not say. */
  readonly stream: boolean | undefined;
  /**
   * Further scanned values by dotted path (`options.num_ctx`, `keep_alive`, `tools[].type`), as JSON text: numbers as
   * written, strings without unnecessary escapes, `"..."` for a string above 256 bytes, `[]`, `{}`, `[...]`, `{...}`
   * for containers. Below an array each different value occurs once. Form fields are strings, or numbers if they are
   * numeric.
   */
  readonly values: ReadonlyMap<string, readonly string[]>;
}
