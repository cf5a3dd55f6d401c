/**
 * Keys and certificates in one file: first the private key, then the chain. So one rename replaces both, and there is
 * never a key without its certificate.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import type { CertificatePair } from '../core/proxy/certificate-provider.ts';

/** A key and a certificate that belong together. */
export interface ReadPair extends CertificatePair {
  readonly privateKey: KeyObject;
  /** The first certificate of the chain. */
  readonly certificate: X509Certificate;
}

const block = /-----BEGIN ([A-Z0-9 ]+)-----[A-Za-z0-9+/=\s]+-----END \1-----/g;

export function pairText(pair: CertificatePair): string {
  return `${pair.key.trim()}\n${pair.chain.trim()}\n`;
}

/** Returns the pair, or the reason why it cannot be used, which completes "it ...". */
export function readPair(text: string): ReadPair | string {
  const blocks = [...text.matchAll(block)];
  const key = blocks.find(([, type]) => type?.endsWith('PRIVATE KEY'))?.[0];
  const chain = blocks.filter(([, type]) => type === 'CERTIFICATE').map(([pem]) => pem);
  const [first] = chain;
  if (key === undefined || first === undefined) return 'does not hold a key and a certificate';
  try {
    const privateKey = createPrivateKey(key);
    const certificate = new X509Certificate(first);
    if (!certificate.checkPrivateKey(privateKey))
      return 'holds a certificate that does not belong to its key';
    return { key: `${key}\n`, chain: `${chain.join('\n')}\n`, privateKey, certificate };
  } catch {
    return 'holds a key or certificate that cannot be read';
  }
}

/** DNS names and addresses of a certificate. Each address has its canonical spelling. */
export function namesOf(certificate: X509Certificate): readonly string[] {
  return (certificate.subjectAltName ?? '').split(', ').flatMap((entry) => {
    if (entry.startsWith('DNS:')) return [entry.slice(4)];
    const address = entry.startsWith('IP Address:') ? entry.slice(11) : '';
    return ipaddr.isValid(address) ? [ipaddr.parse(address).toString()] : [];
  });
}

export function expiryMsOf(certificate: X509Certificate): number {
  return Date.parse(certificate.validTo);
}

export function beginMsOf(certificate: X509Certificate): number {
  return Date.parse(certificate.validFrom);
}
