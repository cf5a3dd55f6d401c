/**
 * The local CA: created once, used by every proxy of this user, with name constraints (docs/adr/0005).
 *
 * The CA is never replaced automatically, because devices trust this certificate. A damaged file is an error that names
 * the command which creates a new CA.
 */
import { X509Certificate } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { CertificateError } from '../core/errors.ts';
import type { CertificatePair } from '../core/proxy/certificate-provider.ts';
import { expiryMsOf, type ReadPair } from './certificate-pair.ts';
import type { CertificateStore } from './certificate-store.ts';
import { loadIssue } from './load-issue.ts';
import { constraintsIn, type NameConstraints, privateNames, privateRanges } from './name-constraints.ts';

export const authorityName = 'authority';
/** A replaced CA certificate, which devices may still trust. */
const retiredName = (fingerprint: string): string =>
  `retired-${fingerprint.replaceAll(':', '').slice(0, 16).toLowerCase()}`;

const dayMs = 86_400_000;
const lifetimeMs = 3650 * dayMs;
/** The certificate must be valid for a device whose clock is late. */
export const backdateMs = dayMs;
export const lockLimitMs = 10_000;

export interface Authority {
  readonly pair: CertificatePair;
  readonly certificate: X509Certificate;
  readonly constraints: NameConstraints;
  /** The certificate without its key, for the settings of clients. */
  readonly file: string;
}

export interface AuthorityDeps {
  readonly store: CertificateStore;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Names of this machine, besides private ones, that the constraints allow. */
  readonly hostNames: readonly string[];
  readonly signal: AbortSignal;
}

/** Returns the existing CA, or creates one. Throws a `CertificateError` CERT_AUTHORITY_UNUSABLE, CERT_STORE_FAILED. */
export async function ensureAuthority(deps: AuthorityDeps): Promise<Authority> {
  return (
    (await findAuthority(deps)) ??
    deps.store.locked(
      authorityName,
      lockLimitMs,
      deps.signal,
      async () =>
        // Another process may have created the CA meanwhile.
        (await findAuthority(deps)) ?? make(deps, constraintsFor(deps.hostNames, [])),
    )
  );
}

/** Undefined if there is no CA yet. Throws like `ensureAuthority`. */
export async function findAuthority(
  deps: Pick<AuthorityDeps, 'store' | 'clock'>,
): Promise<Authority | undefined> {
  const { store, clock } = deps;
  const stored = await store.read(authorityName);
  if (stored.state === 'missing') return undefined;
  const unusable = (reason: string): CertificateError =>
    new CertificateError('CERT_AUTHORITY_UNUSABLE', {
      params: { file: `${store.folder}/authority.pem`, reason },
    });
  if (stored.state === 'damaged') throw unusable(stored.reason);
  const { pair } = stored;
  if (expiryMsOf(pair.certificate) <= clock.nowMs()) throw unusable('has expired');
  const constraints = constraintsIn(pair.certificate.raw);
  if (constraints === undefined) throw unusable('has no name constraints, so flm did not create it');
  return authorityOf(store, pair, constraints);
}

/**
 * Replaces the CA by a new one, even if the old one is damaged. The new CA may issue certificates for everything that
 * the old one could, for the current names of this machine, and for `permit`: host names, addresses, ranges in CIDR
 * notation.
 */
export async function renewAuthority(deps: AuthorityDeps, permit: readonly string[]): Promise<Authority> {
  const { store } = deps;
  return store.locked(authorityName, lockLimitMs, deps.signal, async () => {
    const stored = await store.read(authorityName);
    const old = stored.state === 'sound' ? stored.pair : undefined;
    const before = old === undefined ? undefined : constraintsIn(old.certificate.raw);
    const next = constraintsFor(
      [...(before?.names ?? []), ...deps.hostNames],
      [...(before?.ranges ?? []), ...permit],
    );
    if (old !== undefined) await store.publish(retiredName(old.certificate.fingerprint256), old.chain);
    return make(deps, next);
  });
}

/** Replaced CAs, which devices may still trust. `name` is that of the published certificate. */
export async function retiredAuthorities(
  store: CertificateStore,
): Promise<readonly { readonly name: string; readonly certificate: X509Certificate }[]> {
  const names = (await store.names('crt')).filter((name) => name.startsWith('retired-'));
  const pems = await Promise.all(names.map(async (name) => ({ name, pem: await store.published(name) })));
  return pems.flatMap(({ name, pem }) =>
    pem === undefined ? [] : [{ name, certificate: new X509Certificate(pem) }],
  );
}

/** Removes a replaced CA that no device trusts any more. */
export function forgetRetired(store: CertificateStore, certificate: X509Certificate): Promise<void> {
  return store.remove(retiredName(certificate.fingerprint256), 'crt');
}

async function make(deps: AuthorityDeps, constraints: NameConstraints): Promise<Authority> {
  const { store, clock, hostNames } = deps;
  const { issueAuthority } = await loadIssue();
  const nowMs = clock.nowMs();
  const pair = await issueAuthority({
    title: `flm local CA on ${hostNames[0] ?? 'this machine'}`,
    constraints,
    validity: { fromMs: nowMs - backdateMs, untilMs: nowMs + lifetimeMs },
  });
  await store.write(authorityName, pair);
  const stored = await store.read(authorityName);
  if (stored.state !== 'sound') throw new Error('what was written is read back');
  return authorityOf(store, stored.pair, constraints);
}

async function authorityOf(
  store: CertificateStore,
  pair: ReadPair,
  constraints: NameConstraints,
): Promise<Authority> {
  const file = await store.publish(authorityName, pair.chain);
  return { pair, certificate: pair.certificate, constraints, file };
}

function constraintsFor(names: readonly string[], more: readonly string[]): NameConstraints {
  const isRange = (text: string): boolean => /[:/]|^\d+\.\d+\.\d+\.\d+$/.test(text);
  const ranges = more.filter(isRange).map((text) => {
    if (text.includes('/')) return text;
    return `${text}/${text.includes(':') ? 128 : 32}`;
  });
  return {
    names: [...new Set([...privateNames, ...names, ...more.filter((text) => !isRange(text))])],
    ranges: [...new Set([...privateRanges, ...ranges])],
  };
}
