/** Makes the documents of the local CA and of stored certificates. */
import type { AuthorityDocument, StoredCertificateDocument } from '../core/proxy/certificate-document.ts';
import type { AuthorityView, LeafView } from './certificate-manager.ts';

export function authorityDocument(view: AuthorityView): AuthorityDocument {
  const { title, file, fingerprint, names, ranges, expiresAtMs } = view;
  return { title, file, fingerprint, expiresAt: new Date(expiresAtMs).toISOString(), names, ranges };
}

export function leafDocument(view: LeafView): StoredCertificateDocument {
  const { origin, forNames, file, certificate, damage } = view;
  const common = {
    origin,
    profile: view.profile ?? null,
    ...(forNames === undefined ? {} : { shownTo: forNames ? ('names' as const) : ('addresses' as const) }),
    file,
  };
  if (certificate === undefined) return { ...common, damage: damage ?? null };
  const { expiresAtMs, ...rest } = certificate;
  return { ...common, ...rest, expiresAt: new Date(expiresAtMs).toISOString() };
}
