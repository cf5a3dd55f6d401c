/**
 * The variables by which engines are told where to listen, read as the engines themselves read them. The environment is
 * given; nothing here looks at the process.
 *
 * Not read: VLLM_PORT and VLLM_HOST_IP, which are vLLM's inner addresses and not those of its API; and no engine's key,
 * for whatever listens at a port that was only guessed would get it.
 */
import { isIP } from 'node:net';
import type { EngineAddress } from '../core/engine/engine.ts';
import type { Environment } from '../core/environment.ts';

/** Addresses to look at, beside the usual ones. */
export function addressesInEnvironment(environment: Environment): readonly EngineAddress[] {
  return [...ollamaAddresses(environment.OLLAMA_HOST), ...llamaCppAddresses(environment)];
}

/**
 * As ollama envconfig/config.go: `host`, `host:port`, `:port`, `0.0.0.0`, `[::1]:port`, `http://host` (port 80, not
 * 11434). A bad port is replaced by the default one, as there.
 */
export function ollamaAddresses(value: string | undefined): readonly EngineAddress[] {
  const text = (value ?? '')
    .trim()
    .replace(/^["']+|["']+$/g, '')
    .trim();
  if (text === '') return [];
  const at = text.indexOf('://');
  const scheme = at < 0 ? 'http' : text.slice(0, at).toLowerCase();
  if (scheme !== 'http' && scheme !== 'https') return [];
  const usualPort = at < 0 ? 11_434 : scheme === 'https' ? 443 : 80;
  const rest = (at < 0 ? text : text.slice(at + 3)).replace(/\/+$/, '');
  const slash = rest.indexOf('/');
  const { host, port } = splitHostPort(slash < 0 ? rest : rest.slice(0, slash));
  const path = slash < 0 ? '' : rest.slice(slash);
  return dialable(host === '' ? '127.0.0.1' : host).map((h) => ({
    tls: scheme === 'https',
    host: h,
    port: port ?? usualPort,
    path,
  }));
}

/** As llama.cpp common/arg.cpp; a host that ends in `.sock` is a Unix socket. */
function llamaCppAddresses(environment: Environment): readonly EngineAddress[] {
  const { LLAMA_ARG_HOST: host, LLAMA_ARG_PORT: port, LLAMA_ARG_API_PREFIX: prefix } = environment;
  const path = (prefix ?? '').replace(/\/+$/, '');
  if (host?.endsWith('.sock') === true)
    return [{ tls: false, host: 'localhost', port: 0, socketPath: host, path }];
  if (host === undefined && port === undefined) return [];
  const ports = port === undefined ? [8080, 9931] : [portOf(port) ?? 8080];
  return dialable(host ?? '127.0.0.1').flatMap((h) =>
    ports.map((p) => ({ tls: false, host: h, port: p, path })),
  );
}

/** Where something that listens on `host` can be dialled: "all addresses" is none that one could dial. */
function dialable(host: string): readonly string[] {
  if (host === '0.0.0.0') return ['127.0.0.1'];
  if (host === '::' || host === 'localhost') return ['127.0.0.1', '::1'];
  return [host];
}

function splitHostPort(text: string): { readonly host: string; readonly port: number | undefined } {
  const bare = text.replace(/^\[|\]$/g, '');
  if (isIP(bare) !== 0) return { host: bare, port: undefined };
  const colon = text.lastIndexOf(':');
  if (colon < 0) return { host: text, port: undefined };
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: portOf(text.slice(colon + 1)) };
}

function portOf(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  return port > 0 && port <= 65_535 ? port : undefined;
}
