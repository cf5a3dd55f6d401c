/**
 * Sets up the certificates of one proxy by its mode: the source that creates and renews its certificate, and the CA of
 * the client certificates that it requires.
 */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { CertificateError, FlmError, ProxyError } from '../core/errors.ts';
import type { StartOptions } from '../core/proxy/ports.ts';
import type { GatewayTls } from '../gateway/gateway.ts';
import type { ClientAuthority } from '../gateway/tls-listener.ts';
import { CertificateStore } from '../tls/certificate-store.ts';
import { loadIssue } from '../tls/load-issue.ts';
import { LocalSource } from '../tls/local-source.ts';
import type { CertificateSurroundings, RenewingCertificate } from './renewing-certificate.ts';

export interface Certificates {
  readonly keeper: RenewingCertificate;
  readonly tls: GatewayTls;
}

/**
 * Returns undefined for plain HTTP. Throws a `ProxyError` PROXY_CERT_FAILED with a hint, or the reason of the signal.
 * The caller closes the returned keeper.
 */
export async function openCertificates(
  options: StartOptions,
  surroundings: CertificateSurroundings,
  signal: AbortSignal,
): Promise<Certificates | undefined> {
  const { config } = options;
  try {
    const clientAuthority = await readClientAuthority(config.clientCaFile);
    const keeper = await keeperOf(options, surroundings, signal);
    if (keeper === undefined) return undefined;
    // A renewal must not load code later: the files may be those of another version by then.
    await loadIssue();
    return { keeper, tls: { source: keeper, ...(clientAuthority === undefined ? {} : { clientAuthority }) } };
  } catch (error) {
    throw certificateFailure(error);
  }
}

/** Returns the error that a start reports. */
export function certificateFailure(error: unknown): unknown {
  if (!(error instanceof FlmError) || error instanceof ProxyError) return error;
  return new ProxyError('PROXY_CERT_FAILED', {
    params: { reason: error.message, fix: error.hint },
    cause: error,
  });
}

async function keeperOf(
  { config, profile }: StartOptions,
  surroundings: CertificateSurroundings,
  signal: AbortSignal,
): Promise<RenewingCertificate | undefined> {
  const { machine, logger } = surroundings;
  switch (config.mode) {
    case 'local-http':
      return undefined;
    case 'dev-selfsigned':
      return LocalSource.open(
        {
          store: new CertificateStore(machine.paths.tls, machine.clock),
          clock: machine.clock,
          machine: () => machine.names(),
          sans: config.sans,
          profile,
          tell(event, detail) {
            if (event === 'renewed') logger.event('info', 'the certificate was renewed', { names: detail });
            else logger.event('error', 'the certificate was not renewed', { reason: detail });
          },
        },
        signal,
      );
    case 'https-acme': {
      const { openAcmeKeeper } = await import('./acme-renewal.ts');
      return openAcmeKeeper(config, surroundings);
    }
    default:
      return config.mode satisfies never;
  }
}

const pemBlock = /-----BEGIN (CERTIFICATE|X509 CRL)-----[A-Za-z0-9+/=\s]+-----END \1-----/g;

/** Throws a `CertificateError` CERT_CLIENT_CA_INVALID. */
async function readClientAuthority(file: string | undefined): Promise<ClientAuthority | undefined> {
  if (file === undefined) return undefined;
  const invalid = (reason: string, cause?: unknown): CertificateError =>
    new CertificateError('CERT_CLIENT_CA_INVALID', { params: { file, reason }, cause });
  let text: string;
  try {
    text = await readFile(file, 'latin1');
  } catch (cause) {
    throw invalid(
      `it cannot be read (${cause instanceof Error && 'code' in cause ? cause.code : 'unknown error'})`,
      cause,
    );
  }
  const blocks = [...text.matchAll(pemBlock)];
  const certificates = blocks.filter(([, type]) => type === 'CERTIFICATE').map(([pem]) => pem);
  if (certificates.length === 0) throw invalid('it holds no certificate');
  for (const pem of certificates) {
    try {
      if (!new X509Certificate(pem).ca) throw invalid('it holds a certificate that is not of a CA');
    } catch (cause) {
      throw cause instanceof CertificateError
        ? cause
        : invalid('it holds a certificate that cannot be read', cause);
    }
  }
  const revocations = blocks.filter(([, type]) => type === 'X509 CRL').map(([pem]) => pem);
  try {
    createSecureContext({ ca: certificates, crl: revocations });
  } catch (cause) {
    throw invalid('it holds a revocation list that cannot be read', cause);
  }
  return { certificates: certificates.join('\n'), revocations };
}
