/**
 * Requests of the command line to a proxy of this user, as a client sends them. Over TLS the local CA counts, and the
 * certificates that this user's proxies have from ACME servers, by whatever name they are called here, for nobody else has
 * their keys; nothing else does, whatever this machine trusts.
 */
import { X509Certificate } from 'node:crypto';
import { type ClientRequest, request as plainRequest } from 'node:http';
import { type RequestOptions, request as tlsRequest } from 'node:https';
import { checkServerIdentity } from 'node:tls';

/** `authority`: the local CA and what proxies of this user show besides; PEM. */
export function requestOwnDoor(
  url: string,
  options: RequestOptions,
  authority: string | undefined,
): ClientRequest {
  if (!url.startsWith('https:')) return plainRequest(url, options);
  if (authority === undefined) return tlsRequest(url, options);
  const own = authority.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const pinned = new Set(
    own
      .map((pem) => new X509Certificate(pem))
      .filter((certificate) => !certificate.ca)
      .map((certificate) => certificate.fingerprint256),
  );
  return tlsRequest(url, {
    ...options,
    ca: own,
    allowPartialTrustChain: true,
    checkServerIdentity: (host, certificate) =>
      pinned.has(certificate.fingerprint256) ? undefined : checkServerIdentity(host, certificate),
  });
}
