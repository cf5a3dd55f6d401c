/**
 * Reads the environment variables that set where engines listen, in the same way as the engines. The kinds declare the
 * names; the environment is a parameter.
 *
 * Not read: VLLM_PORT and VLLM_HOST_IP, which are internal addresses of vLLM and not those of its API; and keys of
 * engines, because any server on a guessed port would get them.
 */
import { isIP } from 'node:net';
import type { EngineAddress } from '../core/engine/engine.ts';
import type { EngineVariables } from '../core/engine/engine-kind.ts';
import { type EngineKinds, engineKinds } from '../core/engine/kinds.ts';
import type { Environment } from '../core/environment.ts';

/** Addresses to probe, besides the usual ones. */
export function addressesInEnvironment(
  environment: Environment,
  kinds: EngineKinds = engineKinds,
): readonly EngineAddress[] {
  return kinds.flatMap(({ detection }) => {
    if (detection?.variables === undefined) return [];
    const { variables, ports } = detection;
    return 'address' in variables
      ? addressesInOneText(environment[variables.address], ports)
      : addressesByParts(environment, variables, ports);
  });
}

/**
 * Like ollama envconfig/config.go: `host`, `host:port`, `:port`, `0.0.0.0`, `[::1]:port`, `http://host` (port 80, not
 * 11434). An invalid port is replaced by the default, as in Ollama.
 */
export function addressesInOneText(
  value: string | undefined,
  usualPorts: readonly number[],
): readonly EngineAddress[] {
  const text = (value ?? '')
    .trim()
    .replace(/^["']+|["']+$/g, '')
    .trim();
  if (text === '') return [];
  const at = text.indexOf('://');
  const scheme = at < 0 ? 'http' : text.slice(0, at).toLowerCase();
  if (scheme !== 'http' && scheme !== 'https') return [];
  const usualPort = at < 0 ? usualPorts[0] : scheme === 'https' ? 443 : 80;
  if (usualPort === undefined) return [];
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

/** Like llama.cpp common/arg.cpp: separate host, port and prefix. A host that ends in `.sock` is a Unix socket. */
function addressesByParts(
  environment: Environment,
  variables: Exclude<EngineVariables, { address: string }>,
  usualPorts: readonly number[],
): readonly EngineAddress[] {
  const read = (name: string | undefined) => (name === undefined ? undefined : environment[name]);
  const host = read(variables.host);
  const port = read(variables.port);
  const path = (read(variables.prefix) ?? '').replace(/\/+$/, '');
  if (host?.endsWith('.sock') === true)
    return [{ tls: false, host: 'localhost', port: 0, socketPath: host, path }];
  if (host === undefined && port === undefined) return [];
  const given = port === undefined ? undefined : portOf(port);
  const ports = port === undefined ? usualPorts : [given ?? usualPorts[0] ?? 0];
  return dialable(host ?? '127.0.0.1').flatMap((h) =>
    ports.filter((p) => p > 0).map((p) => ({ tls: false, host: h, port: p, path })),
  );
}

/** The addresses for connecting to a server that listens on `host`. A wildcard address cannot be connected to. */
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
