/**
 * Sends requests from the command line to a proxy of this user, as a client would. Over TLS it trusts only the local CA
 * and the ACME certificates of this user's proxies, and ignores the CAs of the machine. It accepts these ACME
 * certificates under any host name, because only this user has their private keys.
 */
import { X509Certificate } from 'node:crypto';
import { type ClientRequest, request as plainRequest } from 'node:http';
import { type RequestOptions, request as tlsRequest } from 'node:https';
import { checkServerIdentity } from 'node:tls';

/** `authority`: the local CA and the ACME certificates of this user's proxies, in PEM. */
export function requestOwnProxy(
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
