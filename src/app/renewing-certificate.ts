/**
 * The interface between a running proxy and the component that renews its certificate.
 */
import type { CertificateFacts, CertificateProvider } from '../core/proxy/certificate-provider.ts';
import type { InheritedSocket, TakeOver } from '../core/proxy/ports.ts';
import type { SharedFiles } from '../core/shared-files.ts';
import type { ListeningSocket } from '../gateway/listener.ts';
import type { LogQuota } from '../observe/log-quota.ts';
import type { Logger } from '../observe/logger.ts';
import type { HandOverParts } from './hand-over-parts.ts';
import type { Machine } from './machine.ts';

/** Renews the certificate of a running proxy. */
export interface RenewingCertificate extends CertificateProvider {
  /** Undefined before the first certificate. */
  facts(): CertificateFacts | undefined;
  /** Resolves when a certificate exists. Call it once the listener answers. Throws a `ProxyError` or the reason of the signal. */
  ready(signal: AbortSignal): Promise<void>;
  /** Checks now whether a new certificate is needed. Never rejects. */
  look(): Promise<void>;
  /** A certificate is being ordered; a process that was replaced finishes that first. */
  readonly isOrdering?: boolean;
  /** Further listening sockets, which a successor can inherit. */
  sockets?(): readonly ListeningSocket[];
  /** Called once a proxy that took over accepts connections. */
  accept?(): Promise<void>;
  close(): Promise<void>;
}

/** The dependencies of a proxy's certificates. */
export interface CertificateSurroundings {
  readonly machine: Machine;
  readonly logger: Logger;
  readonly quota: LogQuota;
  /** Port of the HTTPS listener; 0 before it listens. */
  readonly port: () => number;
  /** Present where this process replaces another proxy. */
  readonly takeOver: TakeOver | undefined;
  readonly handOverParts: HandOverParts;
  /** Open sockets for the plain port of http-01; the port is bound where there is none. */
  readonly sockets: readonly InheritedSocket[];
  /** Present where machines share certificates of an ACME server. */
  readonly sharedFiles?: SharedFiles | undefined;
  /** Finds the id of a stored key by its secret. */
  readonly keyId: (secret: string) => string | undefined;
}
