/**
 * Parses an engine's address as users paste it: `localhost:11434` without a scheme, the base URL of an SDK, or the URL
 * of one endpoint. flm saves the URL of the server and appends each route to it.
 *
 * Addresses that earlier versions could read keep their meaning, with one exception: a last segment `/api` is Ollama's
 * API and not a prefix of the server.
 */
import ipaddr from 'ipaddr.js';

export interface UnderstoodUrl {
  readonly url: string;
  /** Other URLs that the user may mean. Try them if nothing answers at `url`. */
  readonly others: readonly string[];
}

/** Endpoints below `/v1` or `/v2`: part of the API, not of the engine's address. */
const openaiEndpoint =
  /\/v[12]\/(?:chat\/completions|completions|embeddings|embed|responses|messages|messages\/count_tokens|models|rerank|score|health|audio\/[a-z]+|images\/[a-z]+)$/;
/** Endpoints that are distinctive enough to be recognised without `/v1`. */
const bareEndpoint = /\/(?:chat\/completions|lmstudio-greeting)$/;
const ollamaEndpoint = /\/api\/(?:chat|generate|embed|embeddings|tags|ps|show|version|pull)$/;
/** LM Studio's own API. */
const lmstudioApi = /\/api\/v0(?:\/[a-z/]+)?$/;

const hostAndPort =
  /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\])?:(\d{1,5})(?:\/.*)?$/;

/** Returns undefined for a text that is not an address of an engine. */
export function understandEngineUrl(text: string): UnderstoodUrl | undefined {
  const withScheme = addScheme(text.trim());
  if (withScheme === undefined || !URL.canParse(withScheme)) return undefined;
  const url = new URL(withScheme);
  if (
    url.username !== '' ||
    url.password !== '' ||
    url.search !== '' ||
    url.hash !== '' ||
    url.hostname === ''
  )
    return undefined;
  const host = dialable(url.hostname);
  const path = url.pathname.replaceAll(/\/{2,}/g, '/').replace(/\/$/, '');
  const prefix = prefixOf(path);
  const at = (place: string): string =>
    `${url.protocol}//${host}${url.port === '' ? '' : `:${url.port}`}${place}`;
  // LM Studio and Lemonade have /api/v1 at their root; others have OpenAI's API below /api.
  const others = prefix.endsWith('/api') ? [at(prefix.slice(0, -'/api'.length))] : [];
  // An address that needs no correction is kept unchanged.
  const asItCame =
    host === url.hostname && withScheme === text && (prefix === path || `${prefix}/v1` === path);
  return { url: asItCame ? text : at(prefix), others };
}

function addScheme(text: string): string | undefined {
  if (/^https?:\/\//i.test(text)) return text;
  // The address that an engine prints if it listens on all addresses, or only a port.
  if (/^\d{1,5}$/.test(text)) return `http://127.0.0.1:${text}`;
  const port = hostAndPort.exec(text)?.[1];
  if (port !== undefined)
    return `${port === '443' ? 'https' : 'http'}://${text.startsWith(':') ? '127.0.0.1' : ''}${text}`;
  // Without a port, only a text that is clearly an address is accepted.
  const [host = ''] = text.split('/', 1);
  const isAddress = ipaddr.IPv4.isValidFourPartDecimal(host) || /^\[[0-9A-Fa-f:.]+\]$/.test(host);
  return isAddress || host.toLowerCase() === 'localhost' ? `http://${text}` : undefined;
}

/** Replaces a wildcard address by the loopback address at which the server can be reached. */
function dialable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '[::]' ? '[::1]' : host;
}

/** The path without the part that belongs to the API. */
function prefixOf(path: string): string {
  if (lmstudioApi.test(path)) return path.replace(lmstudioApi, '');
  if (ollamaEndpoint.test(path)) return path.replace(ollamaEndpoint, '');
  if (path.endsWith('/api')) return path.slice(0, -'/api'.length);
  if (openaiEndpoint.test(path)) return path.replace(openaiEndpoint, '');
  return path.replace(bareEndpoint, '').replace(/\/v1$/, '');
}
