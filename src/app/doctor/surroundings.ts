/** Looks at what surrounds flm: DNS for the names of certificates, and the ports that profiles and the CA need. */
import { lookup } from 'node:dns/promises';
import type { Finding } from '../../core/doctor/report.ts';
import {
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
import { portHolder, portUse } from '../../process/port-holder.ts';
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
  const held = await Promise.all(
    free.map(async ({ profile, config }) => {
      const port = configuredPort(config);
      const holders = await Promise.all(bindAddresses(config).map((address) => portHolder(address, port)));
      const holder = holders.find((found) => found !== undefined);
      return holder === undefined ? [] : [{ profile, port, holder: holder.replace(/^ by /, '') }];
    }),
  );
  return portFindings(held.flat());
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
  const found = await Promise.all(
    acme
      // As a second challenge, the port is opened only for an order.
      .filter(({ config }) => challengesOf(config)[0] === 'http-01')
      .map(async ({ profile, config, pid }): Promise<readonly HttpPort[]> => {
        const port = config.acme.httpPort;
        const uses = await Promise.all(bindAddresses(config).map((address) => portUse(address, port)));
        const isRunning = pid !== undefined;
        if (uses.every((use) => use === 'free'))
          return isRunning ? [{ profile, port, isRunning, holder: undefined }] : [];
        // Proxies of one machine may have the same port at different addresses.
        const other = uses.find((use) => typeof use === 'object' && !pids.has(use.pid));
        if (typeof other === 'object')
          return [{ profile, port, isRunning, holder: `${other.name} (pid ${other.pid})` }];
        // This user may not see the holder, which may be the proxy itself: a program with capabilities hides its files.
        return isRunning || uses.some((use) => typeof use === 'object')
          ? []
          : [{ profile, port, isRunning, holder: '' }];
      }),
  );
  return httpPortFindings(found.flat(), process.platform);
}

/** A profile of another version may not be valid. Its start reports that. */
async function savedProfiles({ proxies }: Flm): Promise<readonly Configured[]> {
  return (await proxies.listProfiles()).flatMap(({ name, config }) => {
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
