/**
 * Finds the connection settings for a client: the address of a proxy, a model, and the CA that the client must trust.
 */

import type { ModelContext } from '../../clients/advice.ts';
import type { AuthorityFiles, ConnectTarget } from '../../clients/snippet.ts';
import { canProbablyChat } from '../../core/engine/chat-models.ts';
import type { ProxyStatus } from '../../core/proxy/proxy-handle.ts';
import { type ConnectParts, contextOf } from './context.ts';

/** Placeholder while no engine lists a model. */
export const noModel = 'MODEL';

/** Returns the model's context and the target, which has no key yet. `origin`: see `originOf`. */
export async function targetOf(
  parts: ConnectParts,
  status: ProxyStatus,
  { origin, model: named }: { readonly origin: string; readonly model?: string | undefined },
): Promise<{ readonly target: ConnectTarget; readonly context: ModelContext | undefined }> {
  const model = named ?? firstModel(status) ?? noModel;
  const context = await contextOf(parts, status, model);
  const authority = await authorityFiles(parts, status);
  const clientCertificate = status.config.clientCaFile !== undefined;
  const contextTokens = context?.tokens;
  return {
    target: { origin, model, key: undefined, contextTokens, authority, clientCertificate },
    context,
  };
}

async function authorityFiles(
  { flm, signal }: ConnectParts,
  { certificate }: ProxyStatus,
): Promise<AuthorityFiles | undefined> {
  const alone = certificate?.authorityFile;
  return alone === undefined ? undefined : { alone, withPublic: await flm.certificates.bundle(signal) };
}

/** The proxy under a host name or address; undefined if `host` is neither. Without `host`, its own URL. */
export function originOf(status: ProxyStatus, host: string | undefined): string | undefined {
  if (host === undefined) return status.url;
  const literal = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  const origin = `${new URL(status.url).protocol}//${literal}:${status.handle.port}`;
  return URL.canParse(origin) && /^(\[[0-9a-fA-F:.]+\]|[\w.-]+)$/.test(literal) ? origin : undefined;
}

/** A loaded model, otherwise the first one; embedding models come last. */
function firstModel(status: ProxyStatus): string | undefined {
  const all = status.engines.flatMap((e) => e.models);
  const models = [...all.filter((m) => canProbablyChat(m.id)), ...all.filter((m) => !canProbablyChat(m.id))];
  return (models.find((m) => m.loaded === true) ?? models[0])?.id;
}
