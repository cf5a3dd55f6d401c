/**
 * What a running proxy needs from the code that renews its certificate, and what it provides to that code.
 */
import type { CertificateFacts, CertificateProvider } from '../core/proxy/certificate-provider.ts';
import type { LogQuota } from '../observe/log-quota.ts';
import type { Logger } from '../observe/logger.ts';
import type { Machine } from './machine.ts';

/** Renews the certificate of a running proxy. */
export interface RenewingCertificate extends CertificateProvider {
  /** Undefined before the first certificate. */
  facts(): CertificateFacts | undefined;
  /** Resolves when there is a certificate; the listener answers by then. Throws a `ProxyError`, or the reason of the signal. */
  ready(signal: AbortSignal): Promise<void>;
  /** Looks now whether another certificate is needed. Never rejects. */
  look(): Promise<void>;
  close(): Promise<void>;
}

/** What the certificates of a proxy have to do with. */
export interface CertificateSurroundings {
  readonly machine: Machine;
  readonly logger: Logger;
  readonly quota: LogQuota;
  /** Of the HTTPS listener; 0 while there is none. */
  readonly port: () => number;
  /** The id of a stored key by its secret. */
  readonly keyId: (secret: string) => string | undefined;
}
