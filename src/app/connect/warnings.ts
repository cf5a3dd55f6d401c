/**
 * Finds reasons why a client could not connect with the settings that flm gives it.
 */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { isIP } from 'node:net';
import type { Advice, ModelContext } from '../../clients/advice.ts';
import type { ClientRecipe } from '../../clients/recipe.ts';
import type { ConnectTarget } from '../../clients/snippet.ts';
import type { EngineStatus } from '../../core/engine/directory.ts';
import { engineKind } from '../../core/engine/kinds.ts';
import { nearNames } from '../../core/engine/name-suggestions.ts';
import type { RouteId } from '../../core/engine/routes.ts';
import { isLoopbackAddress, isLoopbackHost } from '../../core/loopback.ts';
import { type ProxyStatus, proxyUrl } from '../../core/proxy/proxy-handle.ts';
import { catalogOf, modelNamed } from '../catalog.ts';
import { type ConnectParts, contextWarning } from './context.ts';

/** Each says the remedy. `hostGiven`: the user gave the host, so it may not be the proxy's own. */
export async function warningsOf(
  parts: ConnectParts,
  status: ProxyStatus,
  client: ClientRecipe,
  to: ConnectTarget,
  context: ModelContext | undefined,
  hostGiven: boolean,
): Promise<readonly Advice[]> {
  const { flm } = parts;
  const warnings: Advice[] = [
    ...(hostGiven ? await hostWarnings(parts, status, to) : []),
    ...tlsWarnings(status, client, to),
  ];
  const host = hostOf(to);
  if (client.elsewhere === true && isLoopbackHost(host))
    warnings.push({ code: 'elsewhere', values: { host, client: client.id } });
  const tooSmall = contextWarning(client, context);
  if (tooSmall !== undefined) warnings.push(tooSmall);
  if (status.models === 0) warnings.push({ code: 'noModel', values: {} });
  if (status.models > 0) {
    const aliases = await flm.engines.aliases();
    if (modelNamed(to.model, status.engines, aliases) === undefined) {
      const names = catalogOf(status.engines, aliases).map((entry) => entry.id);
      warnings.push({
        code: 'missingModel',
        values: { model: to.model, similar: nearNames(to.model, names).join(', ') },
      });
    }
  }
  const { asked, serving } = enginesFor(status.engines, to.model, client.route);
  if (asked.length > 0 && serving.length === 0) {
    warnings.push({
      code: 'route',
      values: { client: client.id, route: client.route, engines: asked.join(', ') },
    });
  }
  if (to.key === undefined && (await flm.security.records()).length === 0)
    warnings.push({ code: 'noKey', values: {} });
  return warnings;
}

/** Whether the client reaches the proxy under the given name. */
async function hostWarnings(
  { signal }: ConnectParts,
  { handle, certificate }: ProxyStatus,
  to: ConnectTarget,
): Promise<readonly Advice[]> {
  const warnings: Advice[] = [];
  const { host } = new URL(to.origin);
  const name = hostOf(to);
  if (certificate === undefined) {
    if (!(await answersForHost(proxyUrl(handle), host, signal)))
      warnings.push({ code: 'publicHost', values: { name } });
  } else if (!covers(certificate.names, name)) {
    const flag = certificate.authorityFile === undefined ? '--domain' : '--san';
    warnings.push({ code: 'certificateNames', values: { names: certificate.names.join(', '), flag, name } });
  }
  if (handle.addresses.every(isLoopbackAddress)) warnings.push({ code: 'loopback', values: { name } });
  return warnings;
}

/** Returns the engines that have the model, or all engines if none has it; and which of them support the route. */
function enginesFor(
  engines: readonly EngineStatus[],
  model: string,
  route: RouteId,
): { readonly asked: readonly string[]; readonly serving: readonly string[] } {
  const having = engines.filter((e) => e.models.some((m) => m.id === model));
  const asked = having.length > 0 ? having : engines;
  const serving = asked.filter((e) => engineKind(e.ref.kind).serves.has(route));
  return { asked: asked.map((e) => e.ref.id), serving: serving.map((e) => e.ref.id) };
}

/**
 * Whether a plain HTTP proxy accepts a host name, checked with the one request that needs no key. For HTTPS the names in
 * the certificate answer this. `url` has no path. Rejects if the connection fails.
 */
async function answersForHost(url: string, host: string, signal: AbortSignal): Promise<boolean> {
  const sent = request(`${url}/health`, { agent: false, headers: { host }, signal }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  // 421 Misdirected Request, RFC 9110 section 15.5.20.
  return response.statusCode !== 421;
}

/** Without brackets. */
const hostOf = (to: ConnectTarget): string => new URL(to.origin).hostname.replaceAll(/[[\]]/g, '');

/** Like RFC 6125, section 6.4.3: `*` stands for one label. */
function covers(names: readonly string[], host: string): boolean {
  return names.includes(host) || names.includes(`*${host.slice(host.indexOf('.'))}`);
}

/** TLS requirements that the client cannot meet, or not by a setting. */
function tlsWarnings({ config }: ProxyStatus, client: ClientRecipe, to: ConnectTarget): readonly Advice[] {
  const warnings: Advice[] = [];
  const { trusts } = client;
  const values = { client: client.id };
  if (to.authority !== undefined) {
    if (trusts === 'what the system trusts') warnings.push({ code: 'systemTrust', values });
    if (trusts === 'public CAs alone') warnings.push({ code: 'publicTrust', values });
    if (client.namesAlone === true && isIP(hostOf(to)) !== 0) warnings.push({ code: 'namesAlone', values });
  }
  if (to.clientCertificate === true && client.showsCertificate !== true)
    warnings.push({
      code: 'noClientCertificate',
      values: { file: config.clientCaFile ?? '', ...values },
    });
  return warnings;
}
