/**
 * Finds the connection settings for a client: the address of a proxy, a model, and the CA that the client must trust.
 */

import type { AuthorityFiles, ConnectTarget } from '../../clients/snippet.ts';
import type { ProxyStatus } from '../../core/proxy/proxy-handle.ts';
import { canProbablyChat } from '../chat/chat-models.ts';
import { type Session, usageError } from '../command.ts';
import { contextOf, type ModelContext } from './context.ts';

/** Placeholder while no engine lists a model. */
export const noModel = 'MODEL';

/** Returns the model's context and the target, which has no key yet. Throws USAGE. */
export async function targetOf(
  session: Session,
  status: ProxyStatus,
  { host, model: named }: { readonly host?: string; readonly model?: string },
): Promise<{ readonly target: ConnectTarget; readonly context: ModelContext | undefined }> {
  const origin = originOf(status, host);
  const model = named ?? firstModel(status) ?? noModel;
  const context = await contextOf(session, status, model);
  const authority = await authorityFiles(session, status);
  const clientCertificate = status.config.clientCaFile !== undefined;
  const contextTokens = context?.tokens;
  return {
    target: { origin, model, key: undefined, contextTokens, authority, clientCertificate },
    context,
  };
}

async function authorityFiles(
  { flm, signal }: Session,
  { certificate }: ProxyStatus,
): Promise<AuthorityFiles | undefined> {
  const alone = certificate?.authorityFile;
  return alone === undefined ? undefined : { alone, withPublic: await flm.certificates.bundle(signal) };
}

function originOf(status: ProxyStatus, host: string | undefined): string {
  if (host === undefined) return status.url;
  const literal = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  const origin = `${new URL(status.url).protocol}//${literal}:${status.handle.port}`;
  if (!URL.canParse(origin) || !/^(\[[0-9a-fA-F:.]+\]|[\w.-]+)$/.test(literal))
    throw usageError('connect', '--host takes a host name or address, without scheme and port.');
  return origin;
}

/** A loaded model, otherwise the first one; embedding models come last. */
function firstModel(status: ProxyStatus): string | undefined {
  const all = status.engines.flatMap((e) => e.models);
  const models = [...all.filter((m) => canProbablyChat(m.id)), ...all.filter((m) => !canProbablyChat(m.id))];
  return (models.find((m) => m.loaded === true) ?? models[0])?.id;
}
