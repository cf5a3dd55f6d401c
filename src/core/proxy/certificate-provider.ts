/**
 * The port between a TLS listener and the code that makes, obtains or renews certificates. The listener asks for the
 * current certificate and is notified when it changes.
 */
import type { Unsubscribe } from '../clock.ts';

/**
 * A private key and its certificate chain, the server's own certificate first; both PEM. They always belong together.
 */
export interface CertificatePair {
  readonly key: string;
  readonly chain: string;
}

export interface CertificateProvider {
  /**
   * The certificate for new connections; existing ones keep theirs. Undefined while the first one is being obtained.
   */
  current(): CertificatePair | undefined;
  /**
   * Replaces `current` for clients that send a host name (SNI, RFC 6066). Absent if one certificate serves all clients.
   */
  currentForNames?(): CertificatePair;
  /** For a client that offers `acme-tls/1` (RFC 8737) and names this host; undefined if no challenge is pending. */
  challenge(name: string): CertificatePair | undefined;
  /** The same for a challenge of another machine, which the CA may ask here. Absent: there is none. Never rejects. */
  findChallenge?(name: string): Promise<CertificatePair | undefined>;
  /** Called when `current` or `currentForNames` changes. */
  onChange(f: () => void): Unsubscribe;
}

/** Facts about the certificate of a running proxy. */
export interface CertificateFacts {
  /** Names and addresses in the certificate. */
  readonly names: readonly string[];
  /** Addresses of this machine that are not in the certificate. */
  readonly leftOut: readonly string[];
  readonly expiresAtMs: number;
  /** SHA-256 of `current`, in pairs of hex digits. */
  readonly fingerprint: string;
  /** File with the CA certificate that clients must trust; absent for a CA that systems trust already. */
  readonly authorityFile?: string;
  /** Why the last renewal failed, as a sentence. */
  readonly problem?: string;
  /** When the next certificate is requested from the ACME server. */
  readonly renewsAtMs?: number;
  /** What decides `renewsAtMs`: two thirds of the lifetime, or a time that the CA suggests (RFC 9773). */
  readonly renewsBecause?: 'age' | 'ca-window';
  /** A page of the CA that says why it suggests that time. */
  readonly renewalExplanationUrl?: string;
  /** Renewals that failed since the start. */
  readonly renewalFailures?: number;
}
