/**
 * The snippets that `flm connect` prints for a client's settings, and how values are written in their formats.
 */
import { shellWord } from '../core/shell-word.ts';
import type { ClientTexts } from './texts.ts';

/** The connection settings for a client. */
export interface ConnectTarget {
  /** Scheme, host and port; no path. */
  readonly origin: string;
  readonly model: string;
  /** Undefined: the variable FLM_API_KEY holds the key. */
  readonly key: string | undefined;
  /** Set for a proxy with a local CA. */
  readonly authority?: AuthorityFiles | undefined;
  /** The context length in tokens, if the engine reports it. */
  readonly contextTokens?: number | undefined;
  /** The proxy requires a client certificate. The placeholders are `client.pem` and `client-key.pem`. */
  readonly clientCertificate?: boolean;
}

/** The local CA, as files. */
export interface AuthorityFiles {
  readonly alone: string;
  /** The local CA together with the public CAs. */
  readonly withPublic: string;
}

export interface Snippet {
  /** Where the snippet belongs. */
  readonly place: string;
  readonly format: 'sh' | 'json' | 'toml' | 'yaml' | 'python' | 'js' | 'java' | 'steps';
  readonly text: string;
}

/** A snippet of a client, whose place is named in the language of the reader. */
export interface ClientSnippet extends Omit<Snippet, 'place'> {
  readonly place: SnippetPlace;
}

/** A file as users write its path, or a text. */
export type SnippetPlace =
  | { readonly file: string }
  | { readonly code: string }
  | Exclude<keyof ClientTexts['places'], 'code'>;

export function placeText(place: SnippetPlace, { places }: ClientTexts): string {
  if (typeof place === 'string') return places[place];
  return 'file' in place ? place.file : places.code(place.code);
}

/** A JSON string is also valid in YAML, TOML, JavaScript, Python and Java. */
export const quoted = (value: string): string => JSON.stringify(value);

export const shKey = (to: ConnectTarget): string =>
  to.key === undefined ? '"$FLM_API_KEY"' : shellWord(to.key);
export const textKey = (to: ConnectTarget): string => to.key ?? '$FLM_API_KEY';
export const jsKey = (to: ConnectTarget): string =>
  to.key === undefined ? 'process.env.FLM_API_KEY' : quoted(to.key);
export const pythonKey = (to: ConnectTarget): string =>
  to.key === undefined ? 'os.environ["FLM_API_KEY"]' : quoted(to.key);

export const shell = (...lines: string[]): ClientSnippet => ({
  place: 'start',
  format: 'sh',
  text: lines.join('\n'),
});
export const steps = (...lines: string[]): ClientSnippet => ({
  place: 'settings',
  format: 'steps',
  text: lines.join('\n'),
});
