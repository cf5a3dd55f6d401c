/**
 * Requests of the command line to a proxy of this user, as a client sends them. Over TLS the local CA counts beside those
 * that everybody trusts, whatever this machine itself trusts.
 */
import { type ClientRequest, request as plainRequest, type RequestOptions } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { rootCertificates } from 'node:tls';

/** `authority`: the certificate of the local CA; PEM. */
export function requestOwnDoor(
  url: string,
  options: RequestOptions,
  authority: string | undefined,
): ClientRequest {
  if (!url.startsWith('https:')) return plainRequest(url, options);
  return tlsRequest(url, {
    ...options,
    ...(authority === undefined ? {} : { ca: [...rootCertificates, authority] }),
  });
}
