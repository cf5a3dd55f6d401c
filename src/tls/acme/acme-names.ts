/**
 * Names of the ACME files in the certificate store: one certificate per CA and set of domains, one account per CA.
 */
import { createHash } from 'node:crypto';

const prefix = 'acme-';

export function acmeCertificateName(directory: string, domains: readonly string[]): string {
  const [first = ''] = domains;
  const shown = first.replace('*.', 'wildcard.').slice(0, 150);
  return `${prefix}${shown}-${digest(JSON.stringify([directory, [...domains].sort()]))}`;
}

export function acmeAccountName(directory: string): string {
  return `${prefix}account-${digest(directory)}`;
}

export function isAcmeCertificateName(name: string): boolean {
  return name.startsWith(prefix);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 10);
}
