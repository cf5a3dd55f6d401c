/**
 * The names of what clients can ask for. The gateway's route table has a row for each; an engine kind says which of
 * them its servers speak. Only names live here, so that the domain can speak of routes without knowing paths.
 */
export const routeIds = [
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
  'engine.native',
  'root',
  'health',
  'ready',
  'metrics',
] as const;
export type RouteId = (typeof routeIds)[number];

/** What a key may do. `inference` is what a key gets when nothing is said. */
export const scopes = ['inference', 'engine:read', 'engine:admin', 'metrics'] as const;
export type Scope = (typeof scopes)[number];

/** The shape of errors and events that a route speaks. */
export const dialects = ['openai', 'responses', 'anthropic', 'ollama'] as const;
export type Dialect = (typeof dialects)[number];

/** Where a field can be put before all others of a JSON object: behind its brace. */
export interface FieldPlace {
  readonly at: number;
  /** The object has no field, so that no comma is needed behind the new one. */
  readonly empty: boolean;
}

/** A model's name in a body, unescaped, and the bytes of its value, quotes included. */
export interface NamedModel {
  readonly name: string;
  readonly range: readonly [from: number, to: number];
}

/** What the rules need to know of a request's body; read by the scanner, never from a parsed copy. */
export interface BodyFacts {
  /** The `model` value as the client wrote it, unescaped; undefined where none is named. */
  readonly model: string | undefined;
  /** Byte range of the model's value in the body, quotes included, for replacing it; undefined without a model. */
  readonly modelRange: readonly [from: number, to: number] | undefined;
  /** Undefined for a form. */
  readonly fieldPlace?: FieldPlace;
  /** The field `name`, in which Ollama takes the model as well; only where the route reads it and the body has one. */
  readonly alsoNamed?: NamedModel;
  /** Whether an answer in events is asked for; undefined where the body does not say. */
  readonly stream: boolean | undefined;
  /**
   * Further scanned values by dotted path (`options.num_ctx`, `keep_alive`, `tools[].type`), as their JSON text:
   * numbers as written, strings without needless escapes, `"..."` for a string above 256 bytes, `[]`, `{}`, `[...]`,
   * `{...}` for containers. Below an array each different value stands once. Form fields are strings, or numbers if
   * they are.
   */
  readonly values: ReadonlyMap<string, readonly string[]>;
}
