/**
 * What `flm connect` knows about a client: the settings it needs, its settings file where it has one, what makes it trust
 * the local CA, and how much context its requests take.
 */
import type { RouteId } from '../../core/engine/routes.ts';
import { shellWord } from '../../core/shell-word.ts';
import { type Settings, settingsText } from '../settings/settings-text.ts';
import { type ConnectTarget, type Snippet, shell } from './snippet.ts';

export interface ClientRecipe {
  readonly id: string;
  readonly name: string;
  /** Other names that people type; case, blanks and punctuation do not count. */
  readonly aliases?: readonly string[];
  /** What it asks of an engine. */
  readonly route: RouteId;
  /** Its base URL ends in `/v1`, or names the server alone. */
  readonly base: '/v1' | 'server';
  /** What makes it trust the local CA: variables that name a file, something in its snippets, or the system's store. */
  readonly trusts:
    | readonly TrustVariable[]
    | 'by its snippets'
    | 'what the system trusts'
    | 'public CAs alone';
  /** Its BoringSSL accepts certificates of the local CA for names alone (docs/adr/0005). */
  readonly namesAlone?: true;
  /** Its snippets hold a client certificate where one is asked for. */
  readonly showsCertificate?: true;
  /** It runs on another machine: a loopback address does not lead to the proxy. */
  readonly elsewhere?: true;
  /** Its own instructions, its tools and an answer do not fit into a smaller context (tokens). */
  readonly contextTokens?: number;
  /** The file that `--write` edits. */
  readonly file?: SettingsFile;
  readonly snippets: (to: ConnectTarget) => readonly Snippet[];
  readonly notes: readonly string[];
}

/** A client's own file of settings. */
export interface SettingsFile {
  /** As people write its path. */
  readonly place: string;
  /** JSON may hold comments. */
  readonly format: 'json' | 'toml' | 'yaml';
  /** Undefined: the file lies in a project, and `--file` names it. */
  readonly path?: (folders: ClientFolders) => string;
  /** Where the client reads its key: from a variable, or from this file alone. */
  readonly key: 'variable' | 'file';
  readonly settings: (to: ConnectTarget) => Settings;
  /** Set only where the file does not have them. */
  readonly defaults?: { readonly [name: string]: string };
  /** What the shell still has to hold once the file is written. */
  readonly remaining: (to: ConnectTarget) => readonly Snippet[];
}

/** Where clients keep their files, on this machine and for this user. */
export interface ClientFolders {
  readonly home: string;
  /** `$XDG_CONFIG_HOME`, or `~/.config`. */
  readonly config: string;
  /** Where VS Code and its kind keep settings: `~/.config`, `~/Library/Application Support`, or `%APPDATA%`. */
  readonly applications: string;
  /** The value of a variable that moves a client's folder, where it is an absolute path. */
  readonly moved: (variable: string) => string | undefined;
}

type TrustVariable = 'NODE_EXTRA_CA_CERTS' | 'CODEX_CA_CERTIFICATE' | 'SSL_CERT_FILE' | 'REQUESTS_CA_BUNDLE';
/** Their file takes the place of the CAs that a program has; that of the others counts beside them. */
const replacing: readonly TrustVariable[] = ['SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE'];

export const chat = { route: 'chat.completions', base: '/v1', notes: [] } as const;
export const node: readonly TrustVariable[] = ['NODE_EXTRA_CA_CERTS'];
export const python: readonly TrustVariable[] = ['SSL_CERT_FILE'];

/** All that is to be pasted: the recipe's own snippets, and the variables that make the client trust the local CA. */
export function snippetsOf(
  client: ClientRecipe,
  to: ConnectTarget,
  own: readonly Snippet[] = client.snippets(to),
): readonly Snippet[] {
  const { authority } = to;
  if (authority === undefined || typeof client.trusts === 'string') return own;
  const variables = client.trusts.map((name) => {
    const file = replacing.includes(name) ? authority.withPublic : authority.alone;
    return `export ${name}=${shellWord(file)}`;
  });
  const first = own.findIndex(({ format }) => format === 'sh');
  if (first === -1) return [...own, shell(...variables)];
  return own.map((snippet, i) =>
    i === first ? { ...snippet, text: [...variables, snippet.text].join('\n') } : snippet,
  );
}

/** The whole file as a snippet, for a client that has none yet. */
export function fileSnippet(file: SettingsFile, to: ConnectTarget): Snippet {
  return { place: file.place, format: file.format, text: wholeFile(file, to) };
}

/** The text of a file that holds these settings alone, without a newline at its end. */
export function wholeFile({ format, settings, defaults }: SettingsFile, to: ConnectTarget): string {
  const own = settings(to);
  return settingsText(format, Array.isArray(own) ? own : { ...defaults, ...own });
}

/** The key in the shell, for a client that reads it from FLM_API_KEY. */
export function keyInShell(to: ConnectTarget): readonly Snippet[] {
  return to.key === undefined ? [] : [shell(`export FLM_API_KEY=${shellWord(to.key)}`)];
}

/** Tokens for an answer, where a client wants to know; a quarter of the context, and never more than `most`. */
export const answerTokens = (contextTokens: number, most: number): number =>
  Math.min(most, Math.floor(contextTokens / 4));

/** What a client is told where no engine says how large the context is. */
export const assumedContextTokens = 32_768;
