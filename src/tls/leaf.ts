/**
 * The certificates of a `dev-selfsigned` proxy, issued by the local CA for 90 days. One contains the names and current
 * addresses of this machine. Another contains only the names, because BoringSSL (used by Bun and Electron) refuses a
 * certificate with an address under a CA with address constraints. A certificate is stored and reused while `leafFault`
 * finds no fault.
 */
import type { X509Certificate } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { type Authority, backdateMs, lockLimitMs } from './authority.ts';
import { beginMsOf, expiryMsOf, namesOf, type ReadPair } from './certificate-pair.ts';
import type { CertificateStore } from './certificate-store.ts';
import { loadIssue } from './load-issue.ts';

const dayMs = 86_400_000;
const lifetimeMs = 90 * dayMs;
/** Renewed when a third of the lifetime is left: a laptop that slept for weeks still has a valid certificate. */
const renewBeforeMs = 30 * dayMs;

export interface LeafDeps {
  readonly store: CertificateStore;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly authority: Authority;
  readonly names: readonly string[];
  /** Its name in the store. */
  readonly name: string;
  readonly signal: AbortSignal;
}

/** Returns the stored certificate, or creates one. Throws a `CertificateError` CERT_STORE_FAILED, CERT_LOCKED. */
export async function ensureLeaf(deps: LeafDeps): Promise<ReadPair> {
  const { store, name, signal } = deps;
  const found = await usableLeaf(deps);
  if (found !== undefined) return found;
  return store.locked(name, lockLimitMs, signal, async () => (await usableLeaf(deps)) ?? make(deps));
}

/** One certificate for each profile, because profiles may have their own names. */
export const leafName = (profile: string): string => `leaf-${profile}`;
/** The file name of the certificate for clients that use a host name. */
export const namedLeafName = (profile: string): string => `named-${profile}`;
/** The profile of such a certificate name. */
export const profileOfLeaf = (name: string): string => name.replace(/^(leaf|named)-/, '');
export const isNamedLeaf = (name: string): boolean => name.startsWith('named-');

async function usableLeaf(deps: LeafDeps): Promise<ReadPair | undefined> {
  const { store, clock, authority, names, name } = deps;
  const stored = await store.read(name);
  if (stored.state !== 'sound') return undefined;
  const { certificate } = stored.pair;
  return leafFault(certificate, authority.certificate, names, clock.nowMs()) === undefined
    ? stored.pair
    : undefined;
}

/** Why a new certificate is needed, as the end of "it ..."; undefined if it is valid. */
export function leafFault(
  leaf: X509Certificate,
  authority: X509Certificate,
  names: readonly string[],
  nowMs: number,
): string | undefined {
  if (!leaf.checkIssued(authority) || !leaf.verify(authority.publicKey))
    return 'was not issued by the current CA';
  if (beginMsOf(leaf) > nowMs) return 'is not valid yet';
  if (expiryMsOf(leaf) - nowMs < renewBeforeMs) return 'expires soon';
  const held = new Set(namesOf(leaf));
  if (held.size !== names.length || names.some((name) => !held.has(name)))
    return 'does not match the names of this machine';
  return undefined;
}

async function make(deps: LeafDeps): Promise<ReadPair> {
  const { store, clock, authority, names, name } = deps;
  const { issueLeaf } = await loadIssue();
  const nowMs = clock.nowMs();
  const pair = await issueLeaf(
    { title: 'flm proxy', names, validity: { fromMs: nowMs - backdateMs, untilMs: nowMs + lifetimeMs } },
    authority.pair,
  );
  await store.write(name, pair);
  const stored = await store.read(name);
  if (stored.state !== 'sound') throw new Error('what was written is read back');
  return stored.pair;
}
