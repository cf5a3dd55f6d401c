/**
 * The port between a TLS listener and the code that makes, obtains or renews certificates. The listener asks for the
 * current certificate and is notified when it changes.
 */
import type { Unsubscribe } from '../clock.ts';

/** A private key and the certificates for it, the server's own first; PEM both. They always belong together. */
export interface CertificatePair {
  readonly key: string;
  readonly chain: string;
}

export interface CertificateProvider {
  /** For new connections; existing ones keep theirs. Undefined while the first certificate is being obtained. */
  current(): CertificatePair | undefined;
  /** In place of `current` for clients that call a host name (SNI, RFC 6066); absent where one is good for all. */
  currentForNames?(): CertificatePair;
  /** For a client that offers `acme-tls/1` (RFC 8737) and names this host; undefined if no challenge is pending. */
  challenge(name: string): CertificatePair | undefined;
  /** `current` and `currentForNames` are others from now on. */
  onChange(f: () => void): Unsubscribe;
}

/** Facts about the certificate of a running proxy. */
export interface CertificateFacts {
  /** Names and addresses that it is good for. */
  readonly names: readonly string[];
  /** Addresses of this machine that it is not good for. */
  readonly leftOut: readonly string[];
  readonly expiresAtMs: number;
  /** SHA-256 of `current`, in pairs of hex digits. */
  readonly fingerprint: string;
  /** File with the CA certificate that clients must trust; absent for a CA that systems trust already. */
  readonly authorityFile?: string;
  /** Why the last renewal failed, as a sentence. */
  readonly problem?: string;
  /** When an ACME server is asked for the next one. */
  readonly renewsAtMs?: number;
  /** Renewals that failed since the start. */
  readonly renewalFailures?: number;
}
