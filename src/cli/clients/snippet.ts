/**
 * What `flm connect` prints of a client's settings, and how values are written in their formats.
 */
import { shellWord } from '../../core/shell-word.ts';

/** Where a client is to connect. */
export interface ConnectTarget {
  /** Scheme, host and port; no path. */
  readonly origin: string;
  readonly model: string;
  /** Undefined: the variable FLM_API_KEY holds it. */
  readonly key: string | undefined;
  /** With a local CA. */
  readonly authority?: AuthorityFiles | undefined;
  /** Tokens that a request may hold, where the engine says so. */
  readonly contextTokens?: number | undefined;
  /** A client certificate is asked for; `client.pem` and `client-key.pem` stand for it. */
  readonly clientCertificate?: boolean;
}

/** The local CA, as files. */
export interface AuthorityFiles {
  readonly alone: string;
  /** Behind the CAs that everybody trusts. */
  readonly withPublic: string;
}

export interface Snippet {
  /** Where it goes. */
  readonly place: string;
  readonly format: 'sh' | 'json' | 'toml' | 'yaml' | 'python' | 'js' | 'java' | 'steps';
  readonly text: string;
}

/** A string of JSON is one of YAML, TOML, JavaScript, Python and Java too. */
export const quoted = (value: string): string => JSON.stringify(value);

export const shKey = (to: ConnectTarget): string =>
  to.key === undefined ? '"$FLM_API_KEY"' : shellWord(to.key);
export const textKey = (to: ConnectTarget): string => to.key ?? '$FLM_API_KEY';
export const jsKey = (to: ConnectTarget): string =>
  to.key === undefined ? 'process.env.FLM_API_KEY' : quoted(to.key);
export const pythonKey = (to: ConnectTarget): string =>
  to.key === undefined ? 'os.environ["FLM_API_KEY"]' : quoted(to.key);

export const shell = (...lines: string[]): Snippet => ({
  place: 'in the shell that starts it',
  format: 'sh',
  text: lines.join('\n'),
});
export const steps = (...lines: string[]): Snippet => ({
  place: 'in its settings',
  format: 'steps',
  text: lines.join('\n'),
});
