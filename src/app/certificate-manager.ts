/**
 * Manages the local CA and its certificates for the commands of `flm cert`. It needs no running proxy, and notifies
 * running proxies about a new CA.
 */
import { X509Certificate } from 'node:crypto';
import { isSea } from 'node:sea';
import { getCACertificates } from 'node:tls';
import { CertificateError } from '../core/errors.ts';
import { directoryOf } from '../core/proxy/acme-config.ts';
import type { ProxyConfig } from '../core/proxy/proxy-config.ts';
import type { SharedFiles } from '../core/shared-files.ts';
import type { TrustObstacle, TrustStoreTitle } from '../core/trust-texts.ts';
import { acmeCertificateName, isAcmeCertificateName } from '../tls/acme/acme-names.ts';
import { keepTries, nothingTried } from '../tls/acme/failed-orders.ts';
import {
  type Authority,
  type AuthorityDeps,
  authorityName,
  ensureAuthority,
  findAuthority,
  forgetRetired,
  renewAuthority,
  retiredAuthorities,
} from '../tls/authority.ts';
import { expiryMsOf, namesOf } from '../tls/certificate-pair.ts';
import type { CertificateStorage } from '../tls/certificate-storage.ts';
import { CertificateStore } from '../tls/certificate-store.ts';
import { isNamedLeaf, profileOfLeaf } from '../tls/leaf.ts';
import { loadIssue } from '../tls/load-issue.ts';
import { isPermit } from '../tls/name-constraints.ts';
import { hostNamesOf } from '../tls/server-names.ts';
import { proveTrust, type TrustProof } from '../tls/trust/proof.ts';
import { commandText, type TrustPlace, type TrustTools } from '../tls/trust/trust-place.ts';
import { change, trustPlaces } from '../tls/trust/trust-places.ts';
import { acmeStorage } from './acme-storage.ts';
import type { Machine } from './machine.ts';

export interface AuthorityView {
  readonly title: string;
  /** The certificate without its key, for clients. */
  readonly file: string;
  readonly pem: string;
  readonly der: Buffer;
  readonly fingerprint: string;
  readonly expiresAtMs: number;
  readonly names: readonly string[];
  readonly ranges: readonly string[];
}

export interface LeafView {
  readonly origin: 'local-ca' | 'acme';
  /** Absent for a certificate of an ACME server, which profiles with the same domains share. */
  readonly profile?: string;
  /** Sent to clients that send a host name (SNI); other clients receive the profile's other certificate. */
  readonly forNames?: boolean;
  readonly file: string;
  /** Absent if the file is damaged. */
  readonly certificate?: {
    readonly names: readonly string[];
    readonly fingerprint: string;
    readonly expiresAtMs: number;
  };
  /** Why the file cannot be used. */
  readonly damage?: string;
}

/** A possible change of trusted CAs, as shown to the user before it is made. */
export interface TrustChange {
  readonly how: 'add' | 'remove';
  readonly store: TrustStoreTitle;
  /** The change in English. */
  readonly title: string;
  readonly commands: readonly string[];
  readonly obstacle?: TrustObstacle;
  make(): Promise<void>;
}

export interface TrustPlan {
  /** The trust stores that need no change: the CA is trusted there already or, for a removal, is not trusted there. */
  readonly settled: readonly TrustStoreTitle[];
  readonly changes: readonly TrustChange[];
}

export interface CertificateManager {
  /** Creates the CA if there is none. Throws a `CertificateError`. */
  authority(signal: AbortSignal): Promise<AuthorityView>;
  /** Returns undefined if there is no CA. */
  findAuthority(): Promise<AuthorityView | undefined>;
  /**
   * Returns the path of a file with the public CAs followed by the local CA, for programs whose CA list can only be
   * replaced. Writes the file if it is missing or contains another CA. Throws a `CertificateError`.
   */
  bundle(signal: AbortSignal): Promise<string>;
  /** Returns the local CA and the ACME certificates of this user's proxies as PEM; undefined if there are none. Never rejects. */
  known(): Promise<string | undefined>;
  /** Allows the renewal of an ACME certificate now, and clears its record of failures. */
  askRenewal(config: Pick<ProxyConfig, 'domains' | 'acme'>): Promise<void>;
  /** Clears the failures with ACME servers, so that the next start may order immediately. */
  forgetTries(): Promise<void>;
  leaves(): Promise<readonly LeafView[]>;
  renewAuthority(permit: readonly string[], signal: AbortSignal): Promise<AuthorityView>;
  /** Returns the changes of `flm cert trust`: adds the current CA and removes the CAs that it replaced. */
  planTrust(signal: AbortSignal): Promise<TrustPlan>;
  /** Returns the changes of `flm cert trust --remove`. */
  planRemoval(): Promise<TrustPlan>;
  /** Tests which programs trust the CA without any setting. */
  prove(signal: AbortSignal): Promise<readonly TrustProof[]>;
}

const dayMs = 86_400_000;

/** What the steps below work with. */
interface Parts {
  readonly machine: Machine;
  /** The local CA, which is never shared, and its certificates. */
  readonly store: CertificateStore;
  readonly tools: TrustTools;
}

export function makeCertificateManager(
  machine: Machine,
  tools: TrustTools,
  announce: () => Promise<void>,
  shared?: SharedFiles,
): CertificateManager {
  const store = new CertificateStore(machine.paths.tls, machine.clock);
  const acmeStore = acmeStorage(machine, shared);
  const parts: Parts = { machine, store, tools };
  return {
    authority: async (signal) => viewOf(await ensureAuthority(authorityDeps(parts, signal))),
    async findAuthority() {
      const authority = await findAuthority({ store, clock: machine.clock });
      return authority === undefined ? undefined : viewOf(authority);
    },
    bundle: (signal) => writeBundle(parts, signal),
    known: () => knownCertificates(store, acmeStore),
    async askRenewal({ domains, acme }) {
      const name = acmeCertificateName(directoryOf(acme), domains);
      await keepTries(acmeStore, name, { ...nothingTried, asked: true });
      await announce();
    },
    async forgetTries() {
      for (const name of await acmeStore.names('tries')) await acmeStore.remove(name, 'tries');
    },
    async leaves() {
      const own = (await store.names('pem')).filter(
        (name) => name !== authorityName && !isAcmeCertificateName(name),
      );
      const obtained = (await acmeStore.names('pem')).filter(isAcmeCertificateName);
      return Promise.all([
        ...obtained.map((name) => leafOf(acmeStore, name)),
        ...own.map((name) => leafOf(store, name)),
      ]);
    },
    async renewAuthority(permit, signal) {
      const view = await renewWithPermits(parts, permit, signal);
      await announce();
      return view;
    },
    planTrust: (signal) => planTrust(parts, signal),
    planRemoval: () => planRemoval(parts),
    prove: (signal) => proveWithLeaf(parts, signal),
  };
}

function authorityDeps({ machine, store }: Parts, signal: AbortSignal): AuthorityDeps {
  return { store, clock: machine.clock, hostNames: hostNamesOf(machine.names()), signal };
}

async function writeBundle(parts: Parts, signal: AbortSignal): Promise<string> {
  const { pair } = await ensureAuthority(authorityDeps(parts, signal));
  return parts.store.publish(
    'bundle',
    `${[...getCACertificates('bundled'), pair.chain.trim()].join('\n')}\n`,
  );
}

async function knownCertificates(
  store: CertificateStore,
  acmeStore: CertificateStorage,
): Promise<string | undefined> {
  const names = (await acmeStore.names('pem').catch(() => [])).filter(isAcmeCertificateName);
  const own = await Promise.all(
    names.map(async (name) => {
      const stored = await acmeStore.read(name).catch(() => undefined);
      return stored?.state === 'sound' ? stored.pair.certificate.toString() : '';
    }),
  );
  return [(await store.published(authorityName)) ?? '', ...own].join('\n').trim() || undefined;
}

async function renewWithPermits(
  parts: Parts,
  permit: readonly string[],
  signal: AbortSignal,
): Promise<AuthorityView> {
  const wrong = permit.find((text) => !isPermit(text));
  if (wrong !== undefined) throw new CertificateError('CERT_NAME_INVALID', { params: { name: wrong } });
  const permitted = permit.map((text) => text.toLowerCase());
  return viewOf(await renewAuthority(authorityDeps(parts, signal), permitted));
}

async function planTrust(parts: Parts, signal: AbortSignal): Promise<TrustPlan> {
  const { tools } = parts;
  const { certificate, file } = await ensureAuthority(authorityDeps(parts, signal));
  const places = await trustPlaces(tools, { certificate, file });
  return {
    settled: places.filter((place) => place.present).map((place) => place.title),
    changes: [
      ...(await removalsOfRetired(parts)),
      ...places.filter((place) => !place.present).map((place) => changeOf(tools, place, 'add')),
    ],
  };
}

async function planRemoval(parts: Parts): Promise<TrustPlan> {
  const { machine, store, tools } = parts;
  const authority = await findAuthority({ store, clock: machine.clock });
  const places = authority === undefined ? [] : await trustPlaces(tools, authority);
  return {
    settled: places.filter((place) => !place.present).map((place) => place.title),
    changes: [
      ...(await removalsOfRetired(parts)),
      ...places.filter((place) => place.present).map((place) => changeOf(tools, place, 'remove')),
    ],
  };
}

/** Returns the changes that remove replaced CAs from the trust stores. A CA is forgotten once it is removed everywhere. */
async function removalsOfRetired({ store, tools }: Parts): Promise<readonly TrustChange[]> {
  const changes: TrustChange[] = [];
  for (const { certificate, name } of await retiredAuthorities(store)) {
    const places = await trustPlaces(tools, { certificate, file: store.publishedPath(name) });
    const present = places.filter((place) => place.present);
    changes.push(...present.map((place) => changeOf(tools, place, 'remove')));
    if (present.length === 0) await forgetRetired(store, certificate);
  }
  return changes;
}

/** Issues a leaf certificate that is valid now, and tests which programs accept it. */
async function proveWithLeaf(parts: Parts, signal: AbortSignal): Promise<readonly TrustProof[]> {
  const { machine, tools } = parts;
  const { pair: authority, certificate, file } = await ensureAuthority(authorityDeps(parts, signal));
  const { issueLeaf } = await loadIssue();
  const nowMs = machine.clock.nowMs();
  const validity = { fromMs: nowMs - dayMs, untilMs: nowMs + dayMs };
  const leaf = await issueLeaf(
    { title: 'flm trust check', names: ['localhost', '127.0.0.1'], validity },
    authority,
  );
  const browsers = (await trustPlaces(tools, { certificate, file })).flatMap(
    ({ title, database, present }) => (present && database !== undefined ? [{ title, database }] : []),
  );
  return proveTrust(tools, leaf, isSea() ? 'node' : process.execPath, browsers);
}

function changeOf(tools: TrustTools, place: TrustPlace, how: 'add' | 'remove'): TrustChange {
  const verb = how === 'add' ? 'trust it in' : 'take it away from';
  return {
    how,
    store: place.title,
    title: `${verb} ${place.title.text}`,
    commands: (how === 'add' ? place.adds : place.removes).map(commandText),
    make: () => change(tools, place, how),
    ...(place.obstacle === undefined ? {} : { obstacle: place.obstacle }),
  };
}

function viewOf(authority: Authority): AuthorityView {
  const { certificate, constraints, file, pair } = authority;
  return {
    title: /^CN=(.*)$/m.exec(certificate.subject)?.[1] ?? certificate.subject,
    file,
    pem: pair.chain,
    der: certificate.raw,
    fingerprint: certificate.fingerprint256,
    expiresAtMs: expiryMsOf(certificate),
    ...constraints,
  };
}

async function leafOf(store: CertificateStorage, name: string): Promise<LeafView> {
  const file = store.placeOf(name);
  const common = isAcmeCertificateName(name)
    ? ({ origin: 'acme', file } as const)
    : ({ origin: 'local-ca', profile: profileOfLeaf(name), forNames: isNamedLeaf(name), file } as const);
  const stored = await store.read(name);
  if (stored.state !== 'sound')
    return { ...common, damage: stored.state === 'damaged' ? stored.reason : 'is gone' };
  const certificate = new X509Certificate(stored.pair.chain);
  return {
    ...common,
    certificate: {
      names: namesOf(certificate),
      fingerprint: certificate.fingerprint256,
      expiresAtMs: expiryMsOf(certificate),
    },
  };
}
