/** Looks at what surrounds flm: DNS for the names of certificates, and the ports that profiles and the CA need. */
import { lookup } from 'node:dns/promises';
import type { Finding } from '../../core/doctor/report.ts';
import {
  type HeldPort,
  type HttpPort,
  httpPortFindings,
  nameFindings,
  portFindings,
} from '../../core/doctor/surroundings-findings.ts';
import { isAddressName } from '../../core/proxy/acme-config.ts';
import {
  bindAddresses,
  configuredPort,
  type ProxyConfig,
  parseProxyConfig,
} from '../../core/proxy/proxy-config.ts';
import type { ProxyView } from '../../core/proxy/proxy-service.ts';
import { type PortUse, portUse } from '../../process/port-holder.ts';
import type { Flm } from '../flm.ts';

interface Configured {
  readonly profile: string;
  readonly config: ProxyConfig;
  /** The process of the running proxy. */
  readonly pid?: number;
}

const lookupMs = 3_000;
const maxNames = 32;

/** The names in certificates of ACME servers, of saved profiles and running proxies. */
export async function publicNameFindings(flm: Flm, views: readonly ProxyView[]): Promise<readonly Finding[]> {
  const all = [...(await savedProfiles(flm)), ...runningProfiles(views)];
  const acme = all.filter(({ config }) => config.mode === 'https-acme');
  const domains = new Map(
    acme.flatMap(({ profile, config }) => config.domains.map((name) => [name, profile] as const)),
  );
  // An address in a certificate is one that leads here.
  const own = [...flm.machine.addresses(), ...[...domains.keys()].filter(isAddressName)];
  const names = [...domains].filter(([name]) => !isAddressName(name) && !name.startsWith('*.'));
  const resolved = await Promise.all(
    names
      .slice(0, maxNames)
      .map(async ([name, profile]) => ({ profile, name, addresses: await addressesOf(name) })),
  );
  return nameFindings(
    resolved.flatMap(({ addresses, ...one }) => (addresses === undefined ? [] : [{ ...one, addresses }])),
    own,
  );
}

/** Undefined if no name server answers in time: that says nothing about the name. */
async function addressesOf(name: string): Promise<readonly string[] | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), lookupMs);
  try {
    return await Promise.race([
      lookup(name, { all: true }).then((found) => [...new Set(found.map(({ address }) => address))]),
      late.promise,
    ]);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOTFOUND' ? [] : undefined;
  } finally {
    clearTimeout(timer);
  }
}

/** The ports of saved profiles that no proxy of flm has. */
export async function heldPortFindings(flm: Flm, views: readonly ProxyView[]): Promise<readonly Finding[]> {
  const ours = new Set(views.map(({ handle }) => handle.port));
  const free = (await savedProfiles(flm)).filter(
    ({ profile, config }) =>
      !views.some(({ handle }) => handle.profile === profile) &&
      configuredPort(config) !== 0 &&
      !ours.has(configuredPort(config)),
  );
  const held: HeldPort[] = [];
  for (const { profile, config } of free) {
    const port = configuredPort(config);
    const taken = (await usesOf(config, port)).find((use) => use !== 'free');
    if (taken !== undefined) held.push({ profile, port, holder: holderText(taken) });
  }
  return portFindings(held);
}

/** The ports on which profiles answer the CA by http-01, where another program has them or nobody listens. */
export async function httpPortProblems(flm: Flm, views: readonly ProxyView[]): Promise<readonly Finding[]> {
  const running = runningProfiles(views);
  const saved = (await savedProfiles(flm)).filter(
    ({ profile }) => !views.some(({ handle }) => handle.profile === profile),
  );
  const acme = [...running, ...saved].filter(({ config }) => config.mode === 'https-acme');
  if (acme.length === 0) return [];
  const { challengesOf } = await import('../acme-renewal.ts');
  const pids = new Set(running.map(({ pid }) => pid));
  const found: HttpPort[] = [];
  for (const { profile, config, pid } of acme) {
    // As a second challenge, the port is opened only for an order.
    if (challengesOf(config)[0] !== 'http-01') continue;
    const port = config.acme.httpPort;
    const uses = await usesOf(config, port);
    const isRunning = pid !== undefined;
    if (uses.every((use) => use === 'free')) {
      if (isRunning) found.push({ profile, port, isRunning, holder: undefined });
      continue;
    }
    // Proxies of one machine may have the same port at different addresses.
    const ours = uses.some((use) => typeof use === 'object' && pids.has(use.pid));
    const other = uses.find((use) => typeof use === 'object' && !pids.has(use.pid));
    if (other !== undefined) found.push({ profile, port, isRunning, holder: holderText(other) });
    // The proxy itself may be the holder: a program with file capabilities hides its files.
    else if (!isRunning && !ours) found.push({ profile, port, isRunning, holder: '' });
  }
  return httpPortFindings(found, process.platform);
}

/** One after the other: two attempts to bind a port at the same time take it from each other. */
async function usesOf(config: ProxyConfig, port: number): Promise<readonly PortUse[]> {
  const uses: PortUse[] = [];
  for (const address of bindAddresses(config)) uses.push(await portUse(address, port));
  return uses;
}

function holderText(use: PortUse): string {
  return typeof use === 'object' ? `${use.name} (pid ${use.pid})` : '';
}

/** A profile of another version may not be valid. Its start reports that. */
async function savedProfiles({ profiles }: Flm): Promise<readonly Configured[]> {
  return (await profiles.list()).flatMap(({ name, config }) => {
    try {
      return [{ profile: name, config: parseProxyConfig(config) }];
    } catch {
      return [];
    }
  });
}

function runningProfiles(views: readonly ProxyView[]): readonly Configured[] {
  return views.flatMap((view) =>
    'status' in view
      ? [{ profile: view.handle.profile, config: view.status.config, pid: view.handle.pid }]
      : [],
  );
}
