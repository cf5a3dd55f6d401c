/**
 * The certificate that a `dev-selfsigned` proxy shows: 90 days, from the local CA, for this machine's names and present
 * addresses. It is kept and used again as long as nothing speaks against it.
 */
import type { X509Certificate } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { type Authority, backdateMs, lockLimitMs } from './authority.ts';
import { beginMsOf, expiryMsOf, namesOf, type ReadPair } from './certificate-pair.ts';
import type { CertificateStore } from './certificate-store.ts';

const dayMs = 86_400_000;
const lifetimeMs = 90 * dayMs;
/** Renewed when a third is left: a laptop that sleeps for weeks wakes up with a good one. */
const renewBeforeMs = 30 * dayMs;

export interface LeafNeeds {
  readonly store: CertificateStore;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly authority: Authority;
  readonly names: readonly string[];
  /** Part of its file's name: one for each profile, for profiles may ask for names of their own. */
  readonly profile: string;
  readonly signal: AbortSignal;
}

/** The one in the store, or a new one. Throws a `CertificateError` CERT_STORE_FAILED, CERT_LOCKED. */
export async function ensureLeaf(needs: LeafNeeds): Promise<ReadPair> {
  const { store, profile, signal } = needs;
  const name = leafName(profile);
  const found = await usableLeaf(needs);
  if (found !== undefined) return found;
  return store.locked(name, lockLimitMs, signal, async () => (await usableLeaf(needs)) ?? make(needs));
}

export const leafName = (profile: string): string => `leaf-${profile}`;

async function usableLeaf(needs: LeafNeeds): Promise<ReadPair | undefined> {
  const { store, clock, authority, names, profile } = needs;
  const stored = await store.read(leafName(profile));
  if (stored.state !== 'sound') return undefined;
  const { certificate } = stored.pair;
  return leafFault(certificate, authority.certificate, names, clock.nowMs()) === undefined
    ? stored.pair
    : undefined;
}

/** Why another one is needed, in words that complete "it ..."; undefined where it is good. */
export function leafFault(
  leaf: X509Certificate,
  authority: X509Certificate,
  names: readonly string[],
  nowMs: number,
): string | undefined {
  if (!leaf.checkIssued(authority) || !leaf.verify(authority.publicKey)) return 'is not of the present CA';
  if (beginMsOf(leaf) > nowMs) return 'is not valid yet';
  if (expiryMsOf(leaf) - nowMs < renewBeforeMs) return 'expires soon';
  const held = new Set(namesOf(leaf));
  if (held.size !== names.length || names.some((name) => !held.has(name)))
    return 'holds other names than this machine has';
  return undefined;
}

async function make(needs: LeafNeeds): Promise<ReadPair> {
  const { store, clock, authority, names, profile } = needs;
  const { issueLeaf } = await import('./issue.ts');
  const nowMs = clock.nowMs();
  const pair = await issueLeaf(
    { title: 'flm proxy', names, validity: { fromMs: nowMs - backdateMs, untilMs: nowMs + lifetimeMs } },
    authority.pair,
  );
  await store.write(leafName(profile), pair);
  const stored = await store.read(leafName(profile));
  if (stored.state !== 'sound') throw new Error('what was written is read back');
  return stored.pair;
}
