/**
 * One place where a CA can be trusted: whom it serves, whether it is trusted there, and the commands that change that.
 */
import type { X509Certificate } from 'node:crypto';
import type { Command } from './trust-tools.ts';

/** A CA's certificate and the file that it lies in. */
export interface TrustedFile {
  readonly certificate: X509Certificate;
  readonly file: string;
}

export interface TrustPlace {
  /** Whom it serves. */
  readonly title: string;
  readonly present: boolean;
  readonly adds: readonly Command[];
  readonly removes: readonly Command[];
  /** Why it cannot be changed, and what helps. */
  readonly obstacle?: string;
  /** Programs read it that can be asked for a handshake. */
  readonly system: boolean;
  /** An NSS store, as its tools name it. */
  readonly database?: string;
}

/** Short, unique, the same each time. */
export function trustName(certificate: X509Certificate): string {
  return `flm-local-ca-${certificate.fingerprint256.replaceAll(':', '').slice(0, 16).toLowerCase()}`;
}
