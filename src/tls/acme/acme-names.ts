/**
 * Names of the ACME files in the certificate store: one certificate per CA and set of domains, one account per CA and
 * account at its website.
 */
import { createHash } from 'node:crypto';

const prefix = 'acme-';

export function acmeCertificateName(directory: string, domains: readonly string[]): string {
  const [first = ''] = domains;
  const shown = first.replace('*.', 'wildcard.').replaceAll(':', '-').slice(0, 150);
  return `${prefix}${shown}-${digest(JSON.stringify([directory, [...domains].sort()]))}`;
}

/** `kid`: of the account at the website of the CA, which the account belongs to. */
export function acmeAccountName(directory: string, kid?: string): string {
  return `${prefix}account-${digest(kid === undefined ? directory : JSON.stringify([directory, kid]))}`;
}

export function isAcmeCertificateName(name: string): boolean {
  return name.startsWith(prefix);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 10);
}
