/**
 * The facts about a client that `flm connect` needs: its settings, its settings file if it has one, how it can trust
 * the local CA, and how much context its requests need.
 */
import type { RouteId } from '../core/engine/routes.ts';
import { shellWord } from '../core/shell-word.ts';
import { type Settings, settingsText } from './settings-text.ts';
import { type ClientSnippet, type ConnectTarget, placeText, type Snippet, shell } from './snippet.ts';
import { type ClientNote, type ClientTexts, clientTexts } from './texts.ts';

export interface ClientRecipe {
  readonly id: string;
  readonly name: string;
  /** Other names that users type. Case, blanks and punctuation do not count. */
  readonly aliases?: readonly string[];
  /** The route that it calls. */
  readonly route: RouteId;
  /** Whether its base URL ends in `/v1`, or names only the server. */
  readonly base: '/v1' | 'server';
  /** How it can trust the local CA: variables that name a file, a setting in its snippets, or the system's store. */
  readonly trusts:
    | readonly TrustVariable[]
    | 'by its snippets'
    | 'what the system trusts'
    | 'public CAs alone';
  /** Its BoringSSL accepts certificates of the local CA only if they have no addresses (docs/adr/0005). */
  readonly namesAlone?: true;
  /** Its snippets contain a client certificate if the proxy requires one. */
  readonly showsCertificate?: true;
  /** It runs on another machine: a loopback address does not lead to the proxy. */
  readonly elsewhere?: true;
  /** Its instructions, its tools and an answer need at least this many tokens. */
  readonly contextTokens?: number;
  /** The file that `--write` edits. */
  readonly file?: SettingsFile;
  readonly snippets: (to: ConnectTarget, texts: ClientTexts) => readonly ClientSnippet[];
  readonly notes: readonly ClientNote[];
}

/** A client's own file of settings. */
export interface SettingsFile {
  /** The path as users write it. */
  readonly place: string;
  /** JSON may contain comments. */
  readonly format: 'json' | 'toml' | 'yaml';
  /** Undefined: the file belongs to a project, and `--file` names it. */
  readonly path?: (folders: ClientFolders) => string;
  /** Where the client reads its key: from a variable, or only from this file. */
  readonly key: 'variable' | 'file';
  readonly settings: (to: ConnectTarget) => Settings;
  /** Set only if the file does not have these settings. */
  readonly defaults?: { readonly [name: string]: string };
  /** What the user must still set in the shell after the file is written. */
  readonly remaining: (to: ConnectTarget) => readonly ClientSnippet[];
}

/** Where clients keep their files, on this machine and for this user. */
export interface ClientFolders {
  readonly home: string;
  /** `$XDG_CONFIG_HOME`, or `~/.config`. */
  readonly config: string;
  /** Where VS Code and similar editors keep settings: `~/.config`, `~/Library/Application Support`, or `%APPDATA%`. */
  readonly applications: string;
  /** The value of a variable that moves a client's folder, if it is an absolute path. */
  readonly moved: (variable: string) => string | undefined;
  /** Joins parts of a path as this machine's system writes paths. */
  readonly join: (...parts: readonly string[]) => string;
}

type TrustVariable = 'NODE_EXTRA_CA_CERTS' | 'CODEX_CA_CERTIFICATE' | 'SSL_CERT_FILE' | 'REQUESTS_CA_BUNDLE';
/** These variables replace the CAs of a program; the other variables add to them. */
const replacing: readonly TrustVariable[] = ['SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE'];

export const chat = { route: 'chat.completions', base: '/v1', notes: [] } as const;
export const node: readonly TrustVariable[] = ['NODE_EXTRA_CA_CERTS'];
export const python: readonly TrustVariable[] = ['SSL_CERT_FILE'];

/**
 * All snippets to paste: the recipe's own, and the variables that make the client trust the local CA. `own` replaces the
 * recipe's own.
 */
export function snippetsOf(
  client: ClientRecipe,
  to: ConnectTarget,
  { texts = clientTexts, own }: { texts?: ClientTexts; own?: readonly ClientSnippet[] | undefined } = {},
): readonly Snippet[] {
  return withTrust(client, to, own ?? client.snippets(to, texts)).map((snippet) => ({
    ...snippet,
    place: placeText(snippet.place, texts),
  }));
}

function withTrust(
  client: ClientRecipe,
  to: ConnectTarget,
  own: readonly ClientSnippet[],
): readonly ClientSnippet[] {
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

/** The name in the language of the texts. Most names are the same in every language. */
export function clientName({ id, name }: Pick<ClientRecipe, 'id' | 'name'>, { names }: ClientTexts): string {
  return id in names ? names[id as keyof typeof names] : name;
}

/** The base URL as the client needs it. */
export function baseUrlOf({ base }: ClientRecipe, { origin }: Pick<ConnectTarget, 'origin'>): string {
  return base === '/v1' ? `${origin}/v1` : origin;
}

/** The whole file as a snippet, for a client without a settings file. */
export function fileSnippet(file: SettingsFile, to: ConnectTarget): ClientSnippet {
  return { place: { file: file.place }, format: file.format, text: wholeFile(file, to) };
}

/** The text of a file with only these settings, without a newline at its end. */
export function wholeFile({ format, settings, defaults }: SettingsFile, to: ConnectTarget): string {
  const own = settings(to);
  return settingsText(format, Array.isArray(own) ? own : { ...defaults, ...own });
}

/** The key in the shell, for a client that reads it from FLM_API_KEY. */
export function keyInShell(to: ConnectTarget): readonly ClientSnippet[] {
  return to.key === undefined ? [] : [shell(`export FLM_API_KEY=${shellWord(to.key)}`)];
}

/** The output token limit, for clients that need one: a quarter of the context, at most `most`. */
export const answerTokens = (contextTokens: number, most: number): number =>
  Math.min(most, Math.floor(contextTokens / 4));

/** The context length that is assumed if no engine reports it. */
export const assumedContextTokens = 32_768;
