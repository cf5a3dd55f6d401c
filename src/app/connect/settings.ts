/** The settings of a client and the check of an address, for the admin API. `flm connect` uses the same parts. */

import { type Advice, adviceText } from '../../clients/advice.ts';
import { clients } from '../../clients/clients.ts';
import { baseUrlOf, snippetsOf } from '../../clients/recipe.ts';
import { AdminError, ProxyError } from '../../core/errors.ts';
import { isLoopbackHost } from '../../core/loopback.ts';
import type { ConnectCheck, ConnectDocument, ConnectRequest } from '../../core/proxy/connect-document.ts';
import type { ProxyHandle, ProxyStatus } from '../../core/proxy/proxy-handle.ts';
import { catalogOf } from '../catalog.ts';
import type { Flm } from '../flm.ts';
import { askProxy } from '../proxy-check.ts';
import { notesOf } from './notes.ts';
import { originOf, targetOf } from './target.ts';
import { connectTexts } from './texts.ts';
import { warningsOf } from './warnings.ts';

const checkKeyMs = 60_000;

/** Throws like `ProxyService.findServing`, and ADMIN_INPUT_INVALID for a host that is none. */
export async function connectSettings(
  flm: Flm,
  { client: id, proxy, model, host }: ConnectRequest,
  signal: AbortSignal,
): Promise<ConnectDocument> {
  const client = clients.find((one) => one.id === id);
  if (client === undefined) throw invalid('client', id, clients.map((one) => one.id).join(', '));
  const { handles, status } = await serving(flm, proxy, signal);
  const origin = originIn(status, host);
  const addresses = ownOrigins(status).map((url) => ({
    origin: url,
    reach: isLoopbackHost(new URL(url).hostname) ? ('this machine' as const) : ('network' as const),
  }));
  const parts = { flm, signal };
  const { target, context } = await targetOf(parts, status, { origin, model });
  const isForeign = addresses.every((address) => address.origin !== origin);
  const { authority = null, clientCertificate = false, contextTokens } = target;
  const notes = notesOf(client, target, context);
  const warnings = await warningsOf(parts, status, client, target, context, isForeign);
  const inEnglish = (advice: Advice): string => adviceText(connectTexts, advice);
  return {
    client: client.id,
    name: client.name,
    baseUrl: baseUrlOf(client, target),
    model: target.model,
    ...(contextTokens === undefined ? {} : { contextLength: contextTokens }),
    key: '$FLM_API_KEY',
    snippets: snippetsOf(client, target),
    notes: [...client.notes.map((note) => connectTexts.clients.notes[note]), ...notes.map(inEnglish)],
    warnings: warnings.map(inEnglish),
    noteDetails: notes.map(({ code, values }) => ({ code, values: { ...values } })),
    warningDetails: warnings.map(({ code, values }) => ({ code, values: { ...values } })),
    origin,
    authority,
    clientCertificate,
    proxy: status.handle.id,
    proxies: handles.map(({ id: proxyId, profile }) => ({ id: proxyId, profile })),
    addresses,
    models: catalogOf(status.engines, await flm.engines.aliases()).map((entry) => entry.id),
  };
}

/**
 * Asks the proxy at one of its own addresses with a temporary key, as a client would. Throws like `connectSettings`. The
 * key is sent nowhere else.
 */
export async function checkAddress(
  flm: Flm,
  { proxy, host }: Pick<ConnectRequest, 'proxy' | 'host'>,
  signal: AbortSignal,
): Promise<ConnectCheck> {
  const { status } = await serving(flm, proxy, signal);
  const origin = originIn(status, host);
  if (!ownOrigins(status).includes(origin))
    throw invalid('host', origin, `an address of the proxy: ${ownOrigins(status).join(', ')}`);
  const key = await flm.control(status.handle).temporaryKey(checkKeyMs, signal);
  if (key === 'gone') throw ended();
  const asked = await askProxy(origin, key.key, signal, await flm.certificates.known());
  return asked.ok
    ? { ok: true, reason: null, models: asked.models }
    : { ok: false, reason: asked.reason, models: [] };
}

async function serving(
  flm: Flm,
  proxy: string | undefined,
  signal: AbortSignal,
): Promise<{ readonly handles: readonly ProxyHandle[]; readonly status: ProxyStatus }> {
  const handles = (await flm.proxies.list()).filter(({ draining }) => !draining);
  const handle = await flm.proxies.findServing(proxy ?? handles[0]?.id);
  const status = await flm.control(handle).status(signal);
  if (status === 'gone') throw ended();
  return { handles, status };
}

function ownOrigins(status: ProxyStatus): readonly string[] {
  return [...new Set([status.url, ...status.networkUrls])];
}

function originIn(status: ProxyStatus, host: string | undefined): string {
  const origin = originOf(status, host);
  if (origin === undefined)
    throw invalid('host', host ?? '', 'a host name or address, without scheme and port');
  return origin;
}

function ended(): ProxyError {
  return new ProxyError('PROXY_NOT_RUNNING', { params: { which: ' any more' } });
}

function invalid(field: string, value: string, allowed: string): AdminError {
  return new AdminError('ADMIN_INPUT_INVALID', { faults: [{ field, value, allowed }] });
}
